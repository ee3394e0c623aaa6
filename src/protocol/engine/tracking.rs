//! What must be known of observers, resources and observe numbers for a server to go on after a
//! restart, and putting observers back.
//!
//! While tracking is on, changes are queued as [`Track`] and handed out by
//! [`Engine::poll_tracked`], each before the event that it comes before: an observer is told of
//! before its handler is called.

use super::{Engine, Handle};
use crate::message::pdu::DecodeError;
use crate::message::{Code, Number, Pdu, Type};
use crate::protocol::block::Shown;
use crate::protocol::event::Observation;
use crate::protocol::observe::ObserverId;
use crate::protocol::resource::{Entry, Kind, Resource, ResourceId, Target};
use crate::protocol::session::{Path, Role, Session, SessionId, State, Transport};
use crate::protocol::time::Instant;
use std::sync::Arc;

/// Something has changed that a restarted server must know.
#[derive(Debug)]
pub enum Track {
    /// An observation has begun.
    Observed {
        /// Names the observation, also when its request is repeated.
        name: u64,
        /// Whose.
        session: SessionId,
        /// Between whom.
        path: Path,
        /// The request, as it came, with its whole body.
        packet: Vec<u8>,
    },
    /// An observation has ended.
    Unobserved {
        /// Which.
        name: u64,
        /// Whose.
        session: SessionId,
    },
    /// The observe number of a resource, one of those that are to be written down.
    Number {
        /// Of what.
        resource: Arc<Resource>,
        /// The number.
        number: u32,
    },
    /// A resource was taken out.
    Gone(Arc<Resource>),
}

/// Why an observer could not be put back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RestoreError {
    /// The packet is no message.
    #[error("the packet is malformed: {0}")]
    Malformed(#[from] DecodeError),
    /// It is a message that begins no observation.
    #[error("the packet does not begin an observation")]
    NoObservation,
    /// Nothing can be observed there.
    #[error("there is no resource that may be observed at its path")]
    NoResource,
    /// There is no room for it.
    #[error("there are too many sessions or observers")]
    Full,
}

/// What is tracked, and how.
#[derive(Debug, Default)]
pub(super) struct Tracking {
    /// Every so many observe numbers one is told; `None` while nothing is.
    every: Option<u32>,
    /// The server goes away and comes back: observers are not told that their resources end.
    restarting: bool,
    tracks: std::collections::VecDeque<Track>,
}

impl Tracking {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.tracks.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tracks.is_empty()
    }

    pub(super) fn is_restarting(&self) -> bool {
        self.restarting
    }
}

/// A request as it came: with its whole body instead of the last block of it.
pub fn packet_of(request: &Pdu, body: Option<&Shown>) -> Vec<u8> {
    let mut request = request.clone();
    if let Some(body) = body.and_then(|b| b.data.as_deref()) {
        request.set_max_size(usize::MAX);
        request.clear_payload();
        for block in [Number::BLOCK1, Number::Q_BLOCK1] {
            request.remove_option(block);
        }
        if !body.is_empty()
            && let Err(e) = request.set_payload(body)
        {
            crate::log!(WARN, "a request is kept without its body: {e}");
        }
    }
    request.encode_udp().to_vec()
}

impl Engine {
    /// Begins to tell what a restarted server must know, of the observe numbers one of `every`.
    pub fn track(&mut self, every: u32) {
        self.tracking.every = Some(every.max(1));
        self.tracking.restarting = false;
    }

    /// The server is about to end and to be started again: nothing is told any more, and the
    /// observers of what is deleted from now on are not told either.
    pub fn stop_tracking(&mut self) {
        self.tracking = Tracking { restarting: true, ..Tracking::default() };
    }

    /// Whether changes are told.
    pub fn is_tracking(&self) -> bool {
        self.tracking.every.is_some()
    }

    /// Whether there is a change that was not told.
    pub fn has_tracked(&self) -> bool {
        !self.tracking.is_empty()
    }

    /// The next change.
    #[must_use]
    pub fn poll_tracked(&mut self) -> Option<Track> {
        self.tracking.tracks.pop_front()
    }

    fn tell(&mut self, track: Track) {
        if self.is_tracking() {
            self.tracking.tracks.push_back(track);
        }
    }

    /// An observation has begun.
    pub(super) fn track_observed(&mut self, observer: ObserverId) {
        if !self.is_tracking() {
            return;
        }
        let Some(entry) = self.observers.get_mut(observer) else { return };
        let (name, session, resource) = (entry.name, entry.session, entry.resource);
        let packet = packet_of(&entry.request, entry.body.as_deref());
        let Some(path) = self.lasting(session).map(|s| s.path.clone()) else { return };
        self.tell(Track::Observed { name, session, path, packet });
        if let Some(entry) = self.resources.get(resource) {
            let resource = Arc::clone(&entry.resource);
            let number = resource.observe_number();
            self.tell(Track::Number { resource, number });
        }
    }

    pub(super) fn track_unobserved(&mut self, name: u64, session: SessionId) {
        if self.lasting(session).is_some() {
            self.tell(Track::Unobserved { name, session });
        }
    }

    /// The session, if it can go on when the server was started anew: a connection cannot.
    fn lasting(&self, session: SessionId) -> Option<&Session> {
        self.sessions.get(session).filter(|s| s.transport == Transport::Udp)
    }

    pub(super) fn track_number(&mut self, resource: ResourceId) {
        let Some(every) = self.tracking.every else { return };
        let Some(entry) = self.resources.get(resource) else { return };
        let number = entry.resource.observe_number();
        if number % every == 0 {
            let resource = Arc::clone(&entry.resource);
            self.tell(Track::Number { resource, number });
        }
    }

    pub(super) fn track_gone(&mut self, resource: ResourceId) {
        if let Some(entry) = self.resources.get(resource) {
            let resource = Arc::clone(&entry.resource);
            self.tell(Track::Gone(resource));
        }
    }

    /// Puts an observer back, from the request that once began its observation; its session too.
    /// Gives the name of the observation.
    pub fn restore_observer(
        &mut self,
        now: Instant,
        path: &Path,
        mtu: u32,
        packet: &[u8],
    ) -> Result<u64, RestoreError> {
        let request = Pdu::decode_udp(packet, self.config.max_token as usize)?;
        let is_message = matches!(request.kind(), Type::Confirmable | Type::NonConfirmable)
            && matches!(request.code(), Code::GET | Code::FETCH)
            && request.option_uint(Number::OBSERVE) == Some(0);
        if !is_message || self.is_bad_for_new_sessions(&request) {
            return Err(RestoreError::NoObservation);
        }
        let Target::Resource(resource) = self.resources.target(&request, Some(&path.local)) else {
            return Err(RestoreError::NoResource);
        };
        if !self.resources.get(resource).is_some_and(may_be_observed) {
            return Err(RestoreError::NoResource);
        }
        let session = self.accept(now, path, mtu).ok_or(RestoreError::Full)?;
        let mut response = self.prepare(session, &request, true).ok_or(RestoreError::Full)?;
        let observation = self.observe(now, session, resource, &request, None, &mut response);
        self.recycle(response);
        match observation {
            Observation::Begun(observer) => {
                self.observers.get_mut(observer).map(|o| o.name).ok_or(RestoreError::Full)
            }
            _ => Err(RestoreError::Full),
        }
    }

    /// Opens a session with nobody, for a request that is asked again after a restart: whoever
    /// asked it is not there to be answered. Nobody hears of it.
    pub fn open_nowhere(&mut self, now: Instant, path: Path) -> Option<SessionId> {
        let mut session = self.new_session(now, path, Role::Server);
        session.state = State::Closed;
        self.sessions.insert(session)
    }

    /// Closes such a session.
    pub fn close_nowhere(&mut self, id: SessionId) {
        self.silence(id);
        self.sessions.remove(id);
    }

    /// A request that once made a resource, and who handles it: whoever answers for unknown paths.
    pub fn request_again(&self, packet: &[u8]) -> Option<(Pdu, Handle)> {
        let request = Pdu::decode_udp(packet, self.config.max_token as usize).ok()?;
        let (_, entry) = self.resources.fallback()?;
        let fits = *entry.resource.kind() == Kind::Unknown && entry.resource.handles(request.code());
        fits.then(|| (request, Arc::clone(&entry.handle)))
    }

    /// The response that a handler fills in for a request that is asked again.
    pub fn response_again(&mut self, session: SessionId, request: &Pdu) -> Option<Pdu> {
        self.prepare(session, request, false)
    }
}

fn may_be_observed(entry: &Entry<Handle>) -> bool {
    *entry.resource.kind() == Kind::Plain && entry.resource.is_observable()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;
    use crate::protocol::resource::Flags;
    use crate::protocol::session::SocketId;

    const REQUEST: &[u8] = b"\x42\x01\x00\x01\xaa\x01\x60\x51r";

    fn server() -> (Engine, ResourceId) {
        let mut engine = Engine::new(Box::new(|| 0));
        let resource = Arc::new(Resource::new(b"r", Kind::Plain, Flags::default()));
        resource.set_observable(true);
        resource.set_method(Code::GET, true);
        let (id, _) = engine.add_resource(Instant(0), resource, Arc::new(())).unwrap();
        engine.track(3);
        (engine, id)
    }

    fn path() -> Path {
        let address = |port: u16| Address::Ip(([127, 0, 0, 1], port).into());
        Path { socket: SocketId(0), local: address(5683), remote: address(9), ifindex: 0 }
    }

    fn restore(engine: &mut Engine, packet: &[u8]) -> Result<u64, RestoreError> {
        engine.restore_observer(Instant(0), &path(), 1152, packet)
    }

    fn told(engine: &mut Engine) -> Vec<String> {
        core::iter::from_fn(|| engine.poll_tracked())
            .map(|track| match track {
                Track::Observed { name, packet, .. } => {
                    assert_eq!(packet, REQUEST);
                    format!("observed {name}")
                }
                Track::Unobserved { name, .. } => format!("unobserved {name}"),
                Track::Number { number, .. } => format!("number {number}"),
                Track::Gone(_) => "gone".into(),
            })
            .collect()
    }

    #[test]
    fn an_observer_is_put_back_once_and_followed_to_its_end() {
        let (mut engine, resource) = server();
        assert_eq!(restore(&mut engine, REQUEST), Ok(0));
        assert_eq!(told(&mut engine), ["observed 0", "number 2"]);
        assert_eq!(restore(&mut engine, REQUEST), Ok(0));
        assert!(told(&mut engine).is_empty(), "it is there");
        (0..6).for_each(|_| assert!(engine.notify(resource)));
        assert_eq!(told(&mut engine), ["number 3", "number 6"]);
        engine.remove_resource(Instant(0), resource);
        assert_eq!(told(&mut engine), ["number 9", "gone", "unobserved 0"]);
        assert_eq!(engine.transmits().len(), 1, "the observer hears that it is gone");
    }

    #[test]
    fn a_server_that_restarts_tells_nobody_that_its_resources_are_gone() {
        let (mut engine, resource) = server();
        restore(&mut engine, REQUEST).unwrap();
        engine.stop_tracking();
        engine.remove_resource(Instant(0), resource);
        assert!(told(&mut engine).is_empty());
        assert!(engine.transmits().is_empty());
    }

    #[test]
    fn what_begins_no_observation_is_refused_and_opens_no_session() {
        let (mut engine, _) = server();
        for length in 0..REQUEST.len() {
            assert!(restore(&mut engine, &REQUEST[..length]).is_err(), "{length} bytes");
        }
        for packet in [
            b"\x42\x02\x00\x01\xaa\x01\x60\x51r".as_slice(),
            b"\x72\x01\x00\x01\xaa\x01\x60\x51r",
            b"\x42\x01\x00\x01\xaa\x01\x61\x01\x51r",
            b"\x42\x01\x00\x01\xaa\x01\xb1r",
            b"\x42\x45\x00\x01\xaa\x01\x60\x51r",
            b"\x42\x01\x00\x01\xaa\x01\x60\x51x",
            b"\x42\x01\x00\x01\xaa\x01\x60\x51r\xff",
        ] {
            assert!(restore(&mut engine, packet).is_err(), "{packet:x?}");
        }
        assert_eq!(engine.sessions().len(), 0);
        assert!(told(&mut engine).is_empty());
    }

    #[test]
    fn a_packet_has_the_whole_body_that_came_in_blocks() {
        let mut last = Pdu::new(Type::Confirmable, Code::PUT, crate::message::Mid(2), 100);
        last.add_option(Number::URI_PATH, b"n").unwrap();
        last.add_option(Number::BLOCK1, &[0x10]).unwrap();
        last.set_payload(b"67").unwrap();
        let packet = packet_of(&last, Some(&Shown::whole(b"0123456789abcdef67".to_vec())));
        let whole = Pdu::decode_udp(&packet, 8).unwrap();
        assert_eq!(whole.payload(), Some(b"0123456789abcdef67".as_slice()));
        assert!(whole.option(Number::BLOCK1).is_none());
        assert!(whole.option(Number::URI_PATH).is_some());
    }
}
