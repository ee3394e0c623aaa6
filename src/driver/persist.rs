//! What a context keeps over a restart: follows what the state machines tell, writes it down, and
//! puts it back.

use super::application::Tracked;
use super::{Context, Exchange, SessionHandle, State};
use crate::address::Address;
use crate::persist::store::{Claim, Opened};
use crate::persist::{Counter, DynamicResource, FileError, Found, Observer, Record, Store};
use crate::protocol::Instant;
use crate::protocol::engine::{Handle, RestoreError, Track, packet_of};
use crate::protocol::session::{Path as Ends, SocketId};
use core::sync::atomic::Ordering;
use core::time::Duration;
use parking_lot::MutexGuard;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
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

impl Files {
    /// A name that two of them have.
    fn twice(&self) -> Option<&PathBuf> {
        let Files { resources, observers, counters } = self;
        let pairs = [(resources, observers), (observers, counters), (counters, resources)];
        pairs.into_iter().find_map(|(a, b)| a.as_ref().filter(|_| a == b))
    }
}

/// Why nothing can be kept.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file cannot be read or written.
    #[error("{}: {error}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        error: FileError,
    },
    /// One file is to keep two things.
    #[error("{}: it is named twice", .0.display())]
    Twice(PathBuf),
}

fn at(path: &Path) -> impl FnOnce(FileError) -> StartError {
    move |error| StartError::File { path: path.into(), error }
}

/// Reads a file, if it is named.
fn find<R: Record>(path: Option<PathBuf>) -> Result<Option<Found<R>>, StartError> {
    path.map(|path| Found::read(path.clone()).map_err(at(&path))).transpose()
}

/// Prepares to write it.
fn claim<R: Record>(found: Option<Found<R>>) -> Result<Option<Claim<R>>, StartError> {
    found
        .map(|found| {
            let path = found.path().to_owned();
            let torn = found.torn();
            let claim = found.claim().map_err(at(&path))?;
            if torn > 0 {
                let path = path.display();
                crate::log!(WARN, "{path}: the last change was never complete and is dropped ({torn} bytes)");
            }
            Ok(claim)
        })
        .transpose()
}

/// Writes it.
fn place<R: Record>(claim: Option<Claim<R>>) -> Result<Option<Opened<R>>, StartError> {
    claim
        .map(|claim| {
            let path = claim.path().to_owned();
            claim.place().map_err(at(&path))
        })
        .transpose()
}

fn save<R: Record>(store: &mut Option<Store<R>>) -> Result<(), StartError> {
    let Some(store) = store else { return Ok(()) };
    store.save().map_err(at(store.path()))
}

/// How long a full disk is left alone, in which nothing is written down.
const RETRY: Duration = Duration::from_secs(1);

/// Who is making resources at the moment: a handler of unknown paths, for this request.
struct Making {
    session: Arc<SessionHandle>,
    packet: Vec<u8>,
}

/// What a context keeps.
#[derive(Default)]
pub(super) struct Keeping {
    resources: Option<Store<DynamicResource>>,
    observers: Option<Store<Observer>>,
    counters: Option<Store<Counter>>,
    /// One observe number of so many is told.
    every: u32,
    making: Option<Making>,
    /// What the files have is being put back: they stay as they are until all of it is.
    is_restoring: bool,
    /// When a file could not be written, which was said.
    failed: Option<Instant>,
}

impl Keeping {
    fn follow(&mut self, change: Tracked<'_>) {
        match change {
            Tracked::Observed { name, listen, path, packet, .. } => {
                if let Some(observers) = &mut self.observers {
                    let (local, remote) = (path.local.clone(), path.remote.clone());
                    let (listen, packet) = (listen.clone(), packet.into());
                    observers.put(Observer { name, listen, local, remote, packet });
                }
            }
            Tracked::Unobserved { name, .. } => {
                if let Some(observers) = &mut self.observers {
                    observers.remove(&name);
                }
            }
            Tracked::Number { path, number } => self.count(path, number),
            Tracked::Made { path, packet, .. } => {
                if let Some(resources) = &mut self.resources {
                    resources.put(DynamicResource { path: path.into(), packet: packet.into() });
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

    /// The numbers that follow this one are not told until one is a multiple of `every`, so they
    /// count as sent.
    fn count(&mut self, path: &[u8], number: u32) {
        let below = (number / self.every).saturating_add(1).saturating_mul(self.every).min(NUMBERS);
        let counter = Counter { path: path.into(), below };
        if let Some(counters) = &mut self.counters
            && counters.get(&counter.path) != Some(&counter)
        {
            counters.put(counter);
        }
    }

    /// How many numbers are told has changed.
    fn count_again(&mut self) {
        let Some(counters) = &self.counters else { return };
        let sent: Vec<_> = counters.records().map(|c| (c.path.clone(), c.below.saturating_sub(1))).collect();
        sent.iter().for_each(|(path, number)| self.count(path, *number));
    }

    fn is_changed(&self) -> bool {
        self.resources.as_ref().is_some_and(Store::is_changed)
            || self.observers.as_ref().is_some_and(Store::is_changed)
            || self.counters.as_ref().is_some_and(Store::is_changed)
    }

    /// Writes down what has changed, or says once that it cannot be.
    fn save(&mut self, now: Instant) -> Result<(), StartError> {
        if self.is_restoring || !self.is_changed() || self.failed.is_some_and(|at| now - at < RETRY) {
            return Ok(());
        }
        // All three are tried, whatever becomes of the first. The numbers go first: an observer
        // that comes back must not hear an old number.
        let saved = [save(&mut self.counters), save(&mut self.resources), save(&mut self.observers)];
        let saved: Result<(), _> = saved.into_iter().collect();
        let is_news = self.failed.is_none();
        self.failed = saved.is_err().then_some(now);
        if is_news { saved } else { Ok(()) }
    }
}

/// Observe numbers are below this one (RFC 7641 §2).
const NUMBERS: u32 = 1 << 24;

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
                    self.changed(state, change);
                }
                Track::Unobserved { name, session } => {
                    let handle = self.handle(state, session);
                    self.changed(state, Tracked::Unobserved { name, session: handle.as_ref() });
                    MutexGuard::unlocked(state, || drop(handle));
                }
                Track::Number { resource, number } => {
                    self.changed(state, Tracked::Number { path: resource.path(), number });
                }
                Track::Gone(resource) => {
                    self.changed(state, Tracked::Gone { path: resource.path() });
                }
            }
        }
    }

    fn changed(self: &Arc<Self>, state: &mut MutexGuard<'_, State>, change: Tracked<'_>) {
        // Noted before the state is unlocked: another thread must not send what tells of it.
        self.note(change);
        MutexGuard::unlocked(state, || self.application.tracked(self, change));
    }

    /// Notes a change that is to be written down before anything else is sent.
    fn note(&self, change: Tracked<'_>) {
        let mut keeping = self.keeping.lock();
        keeping.follow(change);
        self.unsaved.store(keeping.is_changed(), Ordering::Relaxed);
    }

    /// Sends what is queued, and before that writes down what it may tell of: whoever hears that it
    /// observes is in the file, and no number is heard that is not. While there are changes that
    /// nobody has been told of it all waits for the delivery that tells them.
    pub(super) fn transmit(&self, state: &mut MutexGuard<'_, State>, more: bool) {
        if state.engine.transmits().is_empty() && !state.sockets.has_pending() {
            return;
        }
        while !state.engine.has_tracked() {
            if !self.unsaved.load(Ordering::Relaxed) {
                return self.send_queued(state, more);
            }
            self.save(state);
        }
    }

    /// Writes down what has changed: once for all that a batch of datagrams brought, since that
    /// means waiting for the disk. The state is unlocked meanwhile.
    pub(super) fn save(&self, state: &mut MutexGuard<'_, State>) {
        if !state.engine.is_tracking() {
            return;
        }
        MutexGuard::unlocked(state, || {
            let saved = {
                let mut keeping = self.keeping.lock();
                let saved = keeping.save(crate::clock::now());
                // Where nothing can be written the server goes on without.
                self.unsaved.store(false, Ordering::Relaxed);
                saved
            };
            if let Err(e) = saved {
                crate::log!(WARN, "cannot keep the state over a restart: {e}");
            }
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
            let change = Tracked::Made { session: &session, path, packet: &packet };
            self.note(change);
            self.application.tracked(self, change);
        }
    }

    /// Begins to follow changes: the application hears of them. `every` says of which observe numbers.
    pub fn follow_changes(&self, every: u32) {
        let mut keeping = self.keeping.lock();
        keeping.every = every.max(1);
        keeping.count_again();
        drop(keeping);
        self.with(|state| state.engine.track(every));
    }

    /// Begins to keep state in files, and puts back what they have. If one of them cannot be read or
    /// written, nothing is put back, and the files are as they were. `every` says which observe
    /// numbers are written down.
    pub fn start_keeping(self: &Arc<Self>, files: Files, every: u32) -> Result<(), StartError> {
        if let Some(path) = files.twice() {
            return Err(StartError::Twice(path.clone()));
        }
        let found = (find(files.resources)?, find(files.counters)?, find(files.observers)?);
        let claims = (claim(found.0)?, claim(found.1)?, claim(found.2)?);
        // If one of these fails, the others have been replaced by what they were.
        let (resources, made) = place(claims.0)?.unzip();
        let (counters, numbers) = place(claims.1)?.unzip();
        let (observers, watching) = place(claims.2)?.unzip();
        // From here on the files have what is to be put back, until they are written with what was.
        let keeping = Keeping { resources, observers, counters, is_restoring: true, ..Keeping::default() };
        let before = core::mem::replace(&mut *self.keeping.lock(), keeping);
        drop(before);
        self.follow_changes(every);
        made.into_iter().flatten().for_each(|made| self.make_again(&made));
        numbers.into_iter().flatten().for_each(|counter| self.continue_from(&counter));
        watching.into_iter().flatten().for_each(|observer| self.watch_again(observer));
        self.keeping.lock().is_restoring = false;
        self.tell_changes();
        Ok(())
    }

    /// Writes down what is left to write, and follows nothing any more: what ends from now on is
    /// there again after the restart.
    pub fn stop_keeping(self: &Arc<Self>) {
        self.keeping.lock().failed = None;
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

    /// Observe numbers go on behind the last one that may have been sent.
    fn continue_from(&self, counter: &Counter) {
        let last = counter.below.saturating_sub(1);
        let continued = self.with(|state| {
            let resources = &state.engine.resources;
            let entry = resources.find(&counter.path).and_then(|id| resources.get(id));
            entry.map(|entry| entry.resource.set_observe_number(last))
        });
        if continued.is_some() {
            // Also if nobody observes it now: who comes back may have heard the last number.
            self.note(Tracked::Number { path: &counter.path, number: last });
        }
    }

    fn watch_again(self: &Arc<Self>, observer: Observer) {
        let Observer { listen, local, remote, packet, .. } = &observer;
        match self.restore_observer(listen, local, remote, packet) {
            // Of one that was there before, nobody is told again.
            Ok(name) => self.note_observer(Observer { name, ..observer }),
            Err(e) => crate::log!(WARN, "the observer {remote} is not put back: {e}"),
        }
    }

    fn note_observer(&self, observer: Observer) {
        let mut keeping = self.keeping.lock();
        if let Some(observers) = &mut keeping.observers
            && observers.get(&observer.name).is_none()
        {
            observers.put(observer);
        }
        self.unsaved.store(keeping.is_changed(), Ordering::Relaxed);
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
