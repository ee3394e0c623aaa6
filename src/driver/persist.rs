//! What a context keeps over a restart: follows what the state machines tell, writes it down, and
//! puts it back.

use super::application::Tracked;
use super::{Context, Exchange, SessionHandle, State};
use crate::address::Address;
use crate::persist::{self, Counter, DynamicResource, FileError, Observer, Record};
use crate::protocol::engine::{Handle, RestoreError, Track, packet_of};
use crate::protocol::session::{Path as Ends, SocketId};
use parking_lot::MutexGuard;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

/// The files of a context; `None` for what is not kept.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// The resources that requests have made.
    pub resources: Option<PathBuf>,
    /// The observers.
    pub observers: Option<PathBuf>,
    /// The observe numbers.
    pub counters: Option<PathBuf>,
}

/// Why nothing can be kept.
#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", .path.display())]
pub struct StartError {
    path: PathBuf,
    #[source]
    error: FileError,
}

/// A file and what belongs in it.
struct Store<K, R> {
    path: PathBuf,
    records: BTreeMap<K, R>,
    changed: bool,
}

impl<K: Ord, R: Record> Store<K, R> {
    /// A store for a file, and what the file has now.
    fn open(path: PathBuf) -> Result<(Self, Vec<R>), StartError> {
        match persist::read(&path) {
            // Written at once, so that a place that cannot be written to is found now.
            Ok(kept) => Ok((Store { path, records: BTreeMap::new(), changed: true }, kept)),
            Err(error) => Err(StartError { path, error }),
        }
    }

    fn put(&mut self, key: K, record: R) {
        self.records.insert(key, record);
        self.changed = true;
    }

    fn remove(&mut self, key: &K) {
        self.changed |= self.records.remove(key).is_some();
    }

    fn save(&mut self) -> Result<(), StartError> {
        if !core::mem::take(&mut self.changed) {
            return Ok(());
        }
        persist::write(&self.path, self.records.values()).map_err(|error| {
            // The next turn tries again.
            self.changed = true;
            StartError { path: self.path.clone(), error }
        })
    }
}

/// Who is making resources at the moment: a handler of unknown paths, for this request.
struct Making {
    session: Arc<SessionHandle>,
    packet: Vec<u8>,
}

/// What a context keeps.
#[derive(Default)]
pub(super) struct Keeping {
    resources: Option<Store<Vec<u8>, DynamicResource>>,
    observers: Option<Store<u64, Observer>>,
    counters: Option<Store<Vec<u8>, Counter>>,
    making: Option<Making>,
    /// A file could not be written, and it was said.
    failed: bool,
}

impl Keeping {
    fn follow(&mut self, change: Tracked<'_>) {
        match change {
            Tracked::Observed { name, listen, path, packet, .. } => {
                if let Some(observers) = &mut self.observers {
                    let (local, remote) = (path.local.clone(), path.remote.clone());
                    let record = Observer { listen: listen.clone(), local, remote, packet: packet.into() };
                    observers.put(name, record);
                }
            }
            Tracked::Unobserved { name, .. } => {
                if let Some(observers) = &mut self.observers {
                    observers.remove(&name);
                }
            }
            Tracked::Number { path, number } => {
                if let Some(counters) = &mut self.counters
                    && counters.records.get(path).is_none_or(|c| c.number != number)
                {
                    counters.put(path.into(), Counter { path: path.into(), number });
                }
            }
            Tracked::Made { path, packet, .. } => {
                if let Some(resources) = &mut self.resources {
                    resources.put(path.into(), DynamicResource { path: path.into(), packet: packet.into() });
                }
            }
            Tracked::Gone { path } => {
                if let Some(resources) = &mut self.resources {
                    resources.remove(&path.into());
                }
                if let Some(counters) = &mut self.counters {
                    counters.remove(&path.into());
                }
            }
        }
    }

    fn save(&mut self) -> Result<(), StartError> {
        // All three are tried, whatever becomes of the first. The numbers go first: an observer
        // that comes back must not hear an old number.
        let saved = [
            self.counters.as_mut().map_or(Ok(()), Store::save),
            self.resources.as_mut().map_or(Ok(()), Store::save),
            self.observers.as_mut().map_or(Ok(()), Store::save),
        ];
        saved.into_iter().collect()
    }
}

impl Context {
    /// Hands on what the state machines tell of changes. The state is unlocked while the
    /// application hears of them.
    pub(super) fn deliver_tracked(self: &Arc<Self>, state: &mut MutexGuard<'_, State>) {
        while let Some(track) = state.engine.poll_tracked() {
            match track {
                Track::Observed { name, session, path, packet } => {
                    let Some(handle) = self.handle(state, session) else { continue };
                    let Some(endpoint) = state.endpoints.get(&path.socket).cloned() else { continue };
                    let (session, listen) = (&handle, &endpoint.local);
                    let change = Tracked::Observed { name, session, listen, path: &path, packet: &packet };
                    MutexGuard::unlocked(state, || self.changed(change));
                }
                Track::Unobserved { name, session } => {
                    let handle = self.handle(state, session);
                    let change = Tracked::Unobserved { name, session: handle.as_ref() };
                    MutexGuard::unlocked(state, || self.changed(change));
                }
                Track::Number { resource, number } => {
                    let change = Tracked::Number { path: resource.path(), number };
                    MutexGuard::unlocked(state, || self.changed(change));
                }
                Track::Gone(resource) => {
                    let change = Tracked::Gone { path: resource.path() };
                    MutexGuard::unlocked(state, || self.changed(change));
                }
            }
        }
    }

    fn changed(self: &Arc<Self>, change: Tracked<'_>) {
        self.keeping.lock().follow(change);
        self.application.tracked(self, change);
    }

    /// Writes down what has changed, once for all that a batch of datagrams brought: a file is
    /// written as a whole.
    pub(super) fn save(&self, state: &mut MutexGuard<'_, State>) {
        if !state.engine.is_tracking() {
            return;
        }
        MutexGuard::unlocked(state, || {
            let mut keeping = self.keeping.lock();
            let saved = keeping.save();
            let failed = saved.is_err();
            if let Err(e) = saved
                && !keeping.failed
            {
                crate::log!(WARN, "cannot keep the state over a restart: {e}");
            }
            keeping.failed = failed;
        });
    }

    /// Has the application hear what has changed by a call of its own.
    pub fn tell_changes(self: &Arc<Self>) {
        if !self.with(|state| state.engine.is_tracking()) {
            return;
        }
        let _turn = self.delivery.lock();
        let mut state = self.state.lock();
        self.deliver_tracked(&mut state);
        self.save(&mut state);
        self.settle(&mut state);
    }

    /// A request for a path that no resource has: the resources that its handler adds are noted.
    pub(super) fn request_for_unknown(
        self: &Arc<Self>,
        session: &Arc<SessionHandle>,
        resource: &Handle,
        exchange: Exchange,
    ) -> Exchange {
        let packet = packet_of(&exchange.request, exchange.body.as_deref());
        let making = Making { session: Arc::clone(session), packet };
        let before = self.keeping.lock().making.replace(making);
        let done = self.application.request(session, resource, exchange);
        let making = core::mem::replace(&mut self.keeping.lock().making, before);
        drop(making);
        done
    }

    /// The application has added a resource with a path of its own.
    pub fn resource_added(self: &Arc<Self>, path: &[u8]) {
        let making = {
            let keeping = self.keeping.lock();
            // Handlers run one at a time: of another thread it is not the one that adds it.
            let making = keeping.making.as_ref().filter(|_| self.delivery.is_owned_by_current_thread());
            making.map(|m| (Arc::clone(&m.session), m.packet.clone()))
        };
        if let Some((session, packet)) = making {
            self.changed(Tracked::Made { session: &session, path, packet: &packet });
        }
    }

    /// Begins to follow changes: the application hears of them. `every` says of which observe numbers.
    pub fn follow_changes(&self, every: u32) {
        self.with(|state| state.engine.track(every));
    }

    /// Begins to keep state in files, and puts back what they have. If one of them cannot be read,
    /// nothing is put back and none is touched. `every` says which observe numbers are written down.
    pub fn start_keeping(self: &Arc<Self>, files: Files, every: u32) -> Result<(), StartError> {
        let resources = files.resources.map(Store::open).transpose()?;
        let counters = files.counters.map(Store::open).transpose()?;
        let observers = files.observers.map(Store::open).transpose()?;
        let (resources, made) = resources.unzip();
        let (counters, numbers) = counters.unzip();
        let (observers, watching) = observers.unzip();
        *self.keeping.lock() = Keeping { resources, observers, counters, making: None, failed: false };
        self.follow_changes(every);
        made.into_iter().flatten().for_each(|made| self.make_again(&made));
        numbers.into_iter().flatten().for_each(|counter| self.continue_from(&counter, every));
        for observer in watching.into_iter().flatten() {
            let Observer { listen, local, remote, packet } = observer;
            if let Err(e) = self.restore_observer(&listen, &local, &remote, &packet) {
                crate::log!(WARN, "the observer {remote} is not put back: {e}");
            }
        }
        let saved = self.keeping.lock().save();
        if saved.is_err() {
            let keeping = core::mem::take(&mut *self.keeping.lock());
            drop(keeping);
        }
        saved
    }

    /// Writes down what is left to write, and follows nothing any more: what ends from now on is
    /// there again after the restart.
    pub fn stop_keeping(self: &Arc<Self>) {
        self.tell_changes();
        self.with(|state| state.engine.stop_tracking());
        let keeping = core::mem::take(&mut *self.keeping.lock());
        drop(keeping);
    }

    /// Asks a request again that has once made a resource. The answer goes to nobody.
    fn make_again(self: &Arc<Self>, made: &DynamicResource) {
        let shown = String::from_utf8_lossy(&made.path);
        let nobody = Address::Ip((Ipv4Addr::UNSPECIFIED, 0).into());
        let nowhere = Ends { socket: SocketId(u32::MAX), local: nobody.clone(), remote: nobody, ifindex: 0 };
        let _turn = self.delivery.lock();
        let mut state = self.state.lock();
        let Some((request, handle)) = state.engine.request_again(&made.packet) else {
            crate::log!(WARN, "the resource '{shown}' is not made again: no handler takes its request");
            return;
        };
        let Some(id) = state.engine.open_nowhere(crate::clock::now(), nowhere) else { return };
        if let (Some(session), Some(response)) =
            (self.handle(&mut state, id), state.engine.response_again(id, &request))
        {
            let exchange = Exchange { request, body: None, response };
            let done =
                MutexGuard::unlocked(&mut state, || self.request_for_unknown(&session, &handle, exchange));
            state.engine.recycle(done.request);
            state.engine.recycle(done.response);
            let removed = state.sessions.remove(id);
            MutexGuard::unlocked(&mut state, || drop((session, removed, handle)));
        }
        state.engine.close_nowhere(id);
        if state.engine.resources.find(&made.path).is_none() {
            crate::log!(WARN, "the resource '{shown}' is not made again by its handler");
        }
        self.deliver_tracked(&mut state);
        self.settle(&mut state);
    }

    /// Observe numbers go on behind the last one that may have been sent: the next one that is to be
    /// written down was not, or the file would have it.
    fn continue_from(&self, counter: &Counter, every: u32) {
        self.with(|state| {
            let resources = &state.engine.resources;
            if let Some(entry) = resources.find(&counter.path).and_then(|id| resources.get(id)) {
                let every = every.max(1);
                let next = (counter.number / every).saturating_add(1).saturating_mul(every);
                entry.resource.set_observe_number(next - 1);
            }
        });
    }

    /// Puts an observer back that the endpoint with the address `listen` had. Gives its name.
    pub fn restore_observer(
        self: &Arc<Self>,
        listen: &Address,
        local: &Address,
        remote: &Address,
        packet: &[u8],
    ) -> Result<u64, RestoreFailure> {
        let restored = self.with(|state| {
            let endpoint = state.endpoints.values().find(|e| e.local == *listen);
            let socket = endpoint.ok_or(RestoreFailure::NoEndpoint)?.socket;
            let mtu = state.engine.config.mtu;
            let path = Ends { socket, local: local.clone(), remote: remote.clone(), ifindex: 0 };
            Ok(state.engine.restore_observer(crate::clock::now(), &path, mtu, packet)?)
        });
        self.deliver_all();
        restored
    }
}

/// Why an observer is not put back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RestoreFailure {
    /// Its endpoint is not there.
    #[error("there is no endpoint with its address")]
    NoEndpoint,
    /// The state machines refuse.
    #[error(transparent)]
    Refused(#[from] RestoreError),
}
