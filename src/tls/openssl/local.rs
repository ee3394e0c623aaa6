//! What our callbacks know of the connection that OpenSSL calls them for.
//!
//! OpenSSL holds a pointer to it. It is freed after OpenSSL's object is, and is in the hands of the one
//! thread that has the connection, so cells will do.

use super::client::Client;
use super::queue;
use super::server::Server;
use super::verify::{self, Judge};
use super::wire::Wire;
use crate::log::{self, Level};
use crate::tls::{Carrier, Notice, Peer};
use core::cell::{Cell, RefCell};
use core::ffi::c_int;
use core::panic::AssertUnwindSafe;
use core::ptr::NonNull;
use openssl::x509::{X509Ref, X509VerifyResult};
use openssl_sys as ffi;
use std::panic::catch_unwind;
use std::sync::{Arc, OnceLock};

/// See the module.
pub(super) struct Local {
    pub(super) wire: Wire,
    pub(super) side: Side,
    /// CoAP comes right above it.
    pub(super) is_coap: bool,
    peer: RefCell<Option<Peer>>,
    judge: RefCell<Option<Arc<Judge>>>,
    notices: RefCell<Vec<Notice>>,
    /// What the sender of a ClientHello has to show: known while it is read, and to a server only.
    pub(super) cookie: Cell<[u8; 32]>,
    /// The peer has sent a fatal alert.
    pub(super) told_fatal: Cell<bool>,
    /// A server has answered the ClientHello.
    pub(super) has_answered: Cell<bool>,
}

/// Which end it is, and what it does by.
pub(super) enum Side {
    Client(Arc<Client>),
    Server(Arc<Server>),
}

impl Local {
    pub(super) fn new(side: Side, carrier: Carrier) -> Self {
        let (mtu, is_coap) = match carrier {
            Carrier::Datagrams { mtu } => (Some(mtu), false),
            Carrier::Stream { is_coap } => (None, is_coap),
        };
        Local {
            wire: Wire::new(mtu),
            side,
            is_coap,
            peer: RefCell::default(),
            judge: RefCell::default(),
            notices: RefCell::default(),
            cookie: Cell::default(),
            told_fatal: Cell::default(),
            has_answered: Cell::default(),
        }
    }

    /// Under which number OpenSSL keeps the pointer.
    fn index() -> Option<c_int> {
        static INDEX: OnceLock<c_int> = OnceLock::new();
        if let Some(index) = INDEX.get() {
            return Some(*index);
        }
        openssl::init();
        // SAFETY: no functions are given that OpenSSL would call with the pointer.
        let made = unsafe { ffi::SSL_get_ex_new_index(0, core::ptr::null_mut(), None, None, None) };
        (made >= 0).then(|| *INDEX.get_or_init(|| made))
    }

    /// Has OpenSSL keep it with a connection. `false` if that failed.
    ///
    /// # Safety
    ///
    /// It outlives the connection.
    pub(super) unsafe fn attach(this: NonNull<Local>, ssl: *mut ffi::SSL) -> bool {
        // SAFETY: as the caller says.
        Self::index()
            .is_some_and(|index| unsafe { ffi::SSL_set_ex_data(ssl, index, this.as_ptr().cast()) } == 1)
    }

    /// That of a connection.
    ///
    /// # Safety
    ///
    /// The connection is one of ours, or NULL.
    pub(super) unsafe fn of<'a>(ssl: *const ffi::SSL) -> Option<&'a Local> {
        if ssl.is_null() {
            return None;
        }
        // SAFETY: the pointer is what `attach` has set, or NULL.
        unsafe { ffi::SSL_get_ex_data(ssl, Self::index()?).cast::<Local>().as_ref() }
    }

    /// Runs code of a callback. A panic must not reach OpenSSL: it counts as no answer. Nor must what the
    /// application leaves in the queue of errors, if it uses OpenSSL itself.
    pub(super) fn guard<T>(&self, body: impl FnOnce() -> Option<T>) -> Option<T> {
        let answer = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
            crate::log!(CRIT, "a panic in a callback of a handshake");
            None
        });
        queue::clear();
        answer
    }

    pub(super) fn set_peer(&self, peer: Peer) {
        self.peer.replace(Some(peer));
    }

    /// Asks the application about this peer; `None` if nobody has said who it is. Nothing is borrowed
    /// while it answers.
    pub(super) fn with_peer<T>(&self, ask: impl FnOnce(&Peer) -> T) -> Option<T> {
        let peer = self.peer.borrow().clone()?;
        Some(ask(&peer))
    }

    pub(super) fn set_judge(&self, judge: Option<Arc<Judge>>) {
        self.judge.replace(judge);
    }

    pub(super) fn judge(&self) -> Option<Arc<Judge>> {
        self.judge.borrow().clone()
    }

    /// Forgets what only a handshake needs.
    pub(super) fn settle(&self) {
        self.judge.replace(None);
    }

    pub(super) fn take_notices(&self) -> Vec<Notice> {
        self.notices.take()
    }

    /// Keeps a line for the log, if it is wanted.
    pub(super) fn note(&self, level: Level, mark: &'static str, text: impl FnOnce() -> String) {
        if log::enabled(level) {
            self.notices.borrow_mut().push(Notice { level, mark, text: text() });
        }
    }

    /// Tells of a fault of a certificate.
    pub(super) fn note_fault(
        &self,
        fault: X509VerifyResult,
        certificate: Option<&X509Ref>,
        depth: u32,
        allowed: bool,
    ) {
        let level = if allowed { Level::INFO } else { Level::WARN };
        self.note(level, "   ", || verify::fault_line(fault, certificate, depth, allowed));
    }
}
