//! What secures one session: the connection of the (D)TLS library, and what came for it while it was
//! at work with the state unlocked.

use crate::protocol::deadline::DeadlineKey;
use crate::tls::{Connection, Notice, Output};
use core::ffi::c_void;
use core::sync::atomic::AtomicPtr;
use core::time::Duration;
use std::collections::VecDeque;

/// The most datagrams that wait for a connection at work; what comes later is lost, as on any network. A
/// stream is not read meanwhile.
const MAX_ARRIVED: usize = 64;

/// How long an answer to a flight is waited for at first (RFC 6347 §4.2.4.1).
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// A connection and its place in the driver.
pub(super) struct Channel {
    /// Missing while it is at work.
    connection: Option<Box<dyn Connection>>,
    /// The library's own object, also while the connection is at work.
    native: AtomicPtr<c_void>,
    /// It is at work, or what came of that is being told.
    is_working: bool,
    arrived: VecDeque<Box<[u8]>>,
    /// When a flight is to be repeated.
    pub(super) deadline: Option<DeadlineKey>,
    /// How often the last flight was.
    pub(super) repeats: u16,
    /// The random bytes of the client's first message, by which it is told from another one.
    pub(super) hello: Option<[u8; 32]>,
}

impl Channel {
    pub(super) fn new(connection: Box<dyn Connection>) -> Self {
        Channel {
            native: AtomicPtr::new(connection.native()),
            connection: Some(connection),
            is_working: false,
            arrived: VecDeque::new(),
            deadline: None,
            repeats: 0,
            hello: None,
        }
    }

    /// The library's own object.
    pub(super) fn native(&mut self) -> *mut c_void {
        *self.native.get_mut()
    }

    /// The connection, unless it is at work.
    pub(super) fn connection(&mut self) -> Option<&mut (dyn Connection + 'static)> {
        self.connection.as_deref_mut()
    }

    /// Takes the connection out to have it work; `None` if it is at work.
    pub(super) fn begin_work(&mut self) -> Option<Box<dyn Connection>> {
        if core::mem::replace(&mut self.is_working, true) {
            return None;
        }
        self.connection.take()
    }

    /// Takes it out once more.
    pub(super) fn resume_work(&mut self) -> Option<Box<dyn Connection>> {
        self.connection.take()
    }

    /// Puts it back for as long as what came of its work is told.
    pub(super) fn pause_work(&mut self, connection: Box<dyn Connection>) {
        self.connection = Some(connection);
    }

    /// It has done its work.
    pub(super) fn end_work(&mut self) {
        self.is_working = false;
    }

    /// Whether it is at work.
    pub(super) fn is_working(&self) -> bool {
        self.is_working
    }

    /// Keeps what came while it is at work.
    pub(super) fn keep(&mut self, bytes: &[u8]) {
        if self.arrived.len() < MAX_ARRIVED {
            self.arrived.push_back(bytes.into());
        }
    }

    /// What came first while it was.
    pub(super) fn next_arrived(&mut self) -> Option<Box<[u8]>> {
        self.arrived.pop_front()
    }

    /// Something came. If the time to wait is that of a flight that was never repeated, there is a new one.
    pub(super) fn note_progress(&mut self) {
        let wait = self.connection.as_ref().and_then(|connection| connection.timeout());
        if wait.is_none_or(|wait| wait <= FIRST_WAIT) {
            self.repeats = 0;
        }
    }

    /// Protects a message. `None` if that failed: then nothing may be sent.
    pub(super) fn seal(&mut self, plain: &[u8]) -> Option<&mut Output> {
        let connection = self.connection.as_deref_mut()?;
        connection.send(plain).then(|| connection.output())
    }

    /// Lines for the log.
    pub(super) fn take_notices(&mut self) -> Vec<Notice> {
        self.connection.as_deref_mut().map(|connection| connection.take_notices()).unwrap_or_default()
    }

    /// Has the end said, if there is somebody to say it to.
    pub(super) fn close(&mut self) -> Option<&mut Output> {
        let connection = self.connection.as_deref_mut()?;
        connection.close();
        Some(connection.output())
    }
}
