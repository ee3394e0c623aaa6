//! One end of a connection.

use super::local::{Local, Side};
use super::{queue, sys};
use crate::log::Level;
use crate::tls::{Carrier, Connection, Failure, Happened, Notice, Output, Peer, SetupError};
use core::ffi::{CStr, c_int, c_long, c_void};
use core::ops::Deref;
use core::ptr::NonNull;
use core::time::Duration;
use foreign_types::ForeignTypeRef as _;
use openssl::ssl::{Ssl, SslContextRef, SslRef};
use openssl_sys as ffi;

/// The most bytes that a record has room for (RFC 8446 §5.1, RFC 6347 §4.1).
const RECORD: usize = 16_384;

/// OpenSSL makes no smaller datagrams: the smallest MTU of a link that it knows of, without IP and UDP.
const SMALLEST_MTU: usize = 256 - 48;

/// What the protection adds to a datagram by suites with a tag of 16 bytes and no explicit nonce, or with
/// both halved.
const USUAL_OVERHEAD: usize = 29;

/// See the module.
pub(super) struct Link {
    // Freed before what it points to.
    ssl: Ssl,
    local: Held,
    phase: Phase,
    /// A flight was sent more often than OpenSSL does that.
    is_tired: bool,
    /// What the protection adds to a datagram.
    overhead: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Nothing was done yet.
    New,
    Handshaking,
    Established,
    /// The peer has said that it ends; this side may still answer that.
    PeerClosed,
    Over,
}

/// The only owner of a [`Local`], whom OpenSSL has a pointer to.
struct Held(NonNull<Local>);

// SAFETY: it owns what it points to, which goes where it goes; nothing of that is bound to a thread.
unsafe impl Send for Held where Local: Send {}

impl Held {
    fn new(local: Local) -> Self {
        Held(NonNull::from(Box::leak(Box::new(local))))
    }
}

impl Deref for Held {
    type Target = Local;
    fn deref(&self) -> &Local {
        // SAFETY: alive until this is dropped, and nobody has a `&mut` to it.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: from a box, and this is its only owner.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

impl Link {
    /// A connection in a context of OpenSSL's, as a side that does not yet say a word.
    pub(super) fn new(context: &SslContextRef, side: Side, carrier: Carrier) -> Result<Self, SetupError> {
        queue::clear();
        let is_server = matches!(side, Side::Server(_));
        let mut ssl = Ssl::new(context).map_err(queue::refused_by("connection"))?;
        let local = Held::new(Local::new(side, carrier));
        // SAFETY: both pointers lead into what is freed after `ssl`.
        let bio = unsafe {
            if !Local::attach(local.0, ssl.as_ptr()) {
                return Err(queue::refused("connection"));
            }
            let wire = NonNull::from(&local.wire);
            super::wire::Wire::bio(wire).ok_or_else(|| queue::refused("connection"))?
        };
        // SAFETY: `ssl` takes the one reference that there is to the BIO, for both directions.
        unsafe { ffi::SSL_set_bio(ssl.as_ptr(), bio.as_ptr(), bio.as_ptr()) };
        if is_server {
            ssl.set_accept_state();
        } else {
            ssl.set_connect_state();
        }
        let mut link = Link { ssl, local, phase: Phase::New, is_tired: false, overhead: 0 };
        if let Carrier::Datagrams { mtu } = carrier {
            link.set_mtu(mtu)?;
            link.overhead = USUAL_OVERHEAD;
        }
        Ok(link)
    }

    pub(super) fn ssl(&mut self) -> &mut SslRef {
        &mut self.ssl
    }

    pub(super) fn local(&self) -> &Local {
        &self.local
    }

    /// The most bytes of a datagram of the handshake.
    pub(super) fn set_mtu(&self, mtu: usize) -> Result<(), SetupError> {
        self.local.wire.mtu.set(Some(mtu));
        let mtu = c_long::try_from(mtu.clamp(SMALLEST_MTU, usize::from(u16::MAX))).unwrap_or(c_long::MAX);
        // SAFETY: the connection is alive; this takes a number.
        let set = unsafe { ffi::SSL_set_mtu(self.ssl.as_ptr(), mtu) };
        if set > 0 { Ok(()) } else { Err(queue::refused("MTU")) }
    }

    /// Looks at a first datagram of somebody, without keeping anything of it unless it has the cookie.
    /// `None` if OpenSSL is out of order.
    pub(super) fn listen(&mut self) -> Option<bool> {
        queue::clear();
        // SAFETY: OpenSSL wants a place for an address, which is freed here.
        let listened = unsafe {
            let address = sys::BIO_ADDR_new();
            if address.is_null() {
                return None;
            }
            let listened = sys::DTLSv1_listen(self.ssl.as_ptr(), address);
            sys::BIO_ADDR_free(address);
            listened
        };
        queue::clear();
        (listened >= 0).then_some(listened == 1)
    }

    fn handshake(&mut self) -> Option<Happened> {
        if core::mem::replace(&mut self.phase, Phase::Handshaking) == Phase::New
            && let Side::Client(client) = &self.local.side
        {
            let ssl = self.ssl.as_ptr();
            if self.local.guard(|| Some(client.prepare(&self.local, ssl))) != Some(true) {
                return Some(self.fail());
            }
            queue::clear();
        }
        if self.is_tired {
            return Some(self.fail());
        }
        // SAFETY: the connection is alive. What it calls back looks at `local` by shared references.
        let done = unsafe { ffi::SSL_do_handshake(self.ssl.as_ptr()) };
        if done != 1 {
            return self.stopped(done);
        }
        self.phase = Phase::Established;
        self.local.settle();
        if let Some(mtu) = self.local.wire.mtu.get() {
            // SAFETY: the connection is alive.
            let room = unsafe { sys::DTLS_get_data_mtu(self.ssl.as_ptr()) };
            if room > 0 {
                self.overhead = mtu.max(SMALLEST_MTU).saturating_sub(room);
            }
        }
        self.leave_buffers();
        Some(Happened::Connected)
    }

    fn read(&mut self, plain: &mut Vec<u8>) -> Option<Happened> {
        // SAFETY: the connection is alive.
        if self.local.wire.unread() == 0 && unsafe { sys::SSL_has_pending(self.ssl.as_ptr()) } == 0 {
            return None;
        }
        if !self.take_buffers() {
            return Some(self.fail());
        }
        let read = self.read_record(plain);
        self.leave_buffers();
        read
    }

    fn read_record(&mut self, plain: &mut Vec<u8>) -> Option<Happened> {
        // Room for any record: of one that had no room the rest would come as the next message.
        plain.reserve(RECORD);
        let room = plain.spare_capacity_mut();
        let mut n = 0;
        // SAFETY: OpenSSL writes no more than there is room for, and says how much.
        let read =
            unsafe { ffi::SSL_read_ex(self.ssl.as_ptr(), room.as_mut_ptr().cast(), room.len(), &raw mut n) };
        if read != 1 {
            return self.stopped(read);
        }
        // SAFETY: so many bytes were written behind the old ones.
        unsafe { plain.set_len(plain.len() + n) };
        Some(Happened::Data)
    }

    /// Has OpenSSL get its buffers for records, which an idle connection does not keep: they are 33 kB. Over
    /// streams it does that by itself ([`SslMode::RELEASE_BUFFERS`](openssl::ssl::SslMode)).
    fn take_buffers(&self) -> bool {
        // SAFETY: the connection is alive.
        self.local.wire.mtu.get().is_none() || unsafe { sys::SSL_alloc_buffers(self.ssl.as_ptr()) } == 1
    }

    /// Has it give them back, unless there is something in them.
    fn leave_buffers(&self) {
        if self.local.wire.mtu.get().is_some() && self.local.wire.unread() == 0 {
            // SAFETY: as above.
            unsafe { sys::SSL_free_buffers(self.ssl.as_ptr()) };
        }
    }

    /// A call of OpenSSL's has not succeeded: for lack of input, or for good.
    fn stopped(&mut self, result: c_int) -> Option<Happened> {
        // SAFETY: the connection is alive, and this comes right after the call.
        match unsafe { ffi::SSL_get_error(self.ssl.as_ptr(), result) } {
            ffi::SSL_ERROR_WANT_READ | ffi::SSL_ERROR_WANT_WRITE => None,
            ffi::SSL_ERROR_ZERO_RETURN => {
                self.phase = if self.phase == Phase::Established { Phase::PeerClosed } else { Phase::Over };
                Some(Happened::Closed)
            }
            _ => Some(self.fail()),
        }
    }

    fn fail(&mut self) -> Happened {
        for reason in queue::take() {
            self.local.note(Level::dtls(4), "*  ", || reason);
        }
        self.phase = Phase::Over;
        self.local.settle();
        let is_server = matches!(self.local.side, Side::Server(_));
        Happened::Failed(if self.local.told_fatal.get() {
            Failure::Peer
        } else if is_server && !self.local.has_answered.get() {
            Failure::Hello
        } else {
            Failure::Here
        })
    }
}

impl Connection for Link {
    fn set_peer(&mut self, peer: Peer) {
        self.local.set_peer(peer);
    }

    fn receive(&mut self, input: &[u8]) {
        let is_datagram = self.local.wire.mtu.get().is_some();
        let whole = if is_datagram { super::wire::sound(input, self.overhead) } else { input };
        self.local.wire.receive(whole);
    }

    fn advance(&mut self, plain: &mut Vec<u8>) -> Option<Happened> {
        queue::clear();
        match self.phase {
            Phase::New | Phase::Handshaking => self.handshake(),
            Phase::Established => self.read(plain),
            Phase::PeerClosed | Phase::Over => None,
        }
    }

    fn send(&mut self, plain: &[u8]) -> bool {
        if self.phase != Phase::Established || (self.local.wire.mtu.get().is_some() && plain.len() > RECORD) {
            return false;
        }
        if plain.is_empty() {
            return true;
        }
        queue::clear();
        if !self.take_buffers() {
            return false;
        }
        let mut n = 0;
        // SAFETY: as many bytes as are said.
        let sent =
            unsafe { ffi::SSL_write_ex(self.ssl.as_ptr(), plain.as_ptr().cast(), plain.len(), &raw mut n) };
        if sent != 1 {
            for reason in queue::take() {
                self.local.note(Level::dtls(4), "*  ", || reason);
            }
        }
        self.leave_buffers();
        sent == 1 && n == plain.len()
    }

    fn close(&mut self) {
        queue::clear();
        if matches!(self.phase, Phase::Established | Phase::PeerClosed) && self.take_buffers() {
            // Whether the peer has said the same does not matter: nobody waits for it.
            // SAFETY: the connection is alive.
            unsafe { ffi::SSL_shutdown(self.ssl.as_ptr()) };
            queue::clear();
        }
        self.phase = Phase::Over;
    }

    fn output(&mut self) -> &mut Output {
        // SAFETY: OpenSSL is called by methods that take `&mut self`; so not while this is borrowed.
        unsafe { self.local.wire.output() }
    }

    fn timeout(&self) -> Option<Duration> {
        // Renegotiation is refused, so no flight is under way once the handshake is done.
        if self.local.wire.mtu.get().is_none() || !self.is_handshaking() {
            return None;
        }
        let mut left = libc::timeval { tv_sec: 0, tv_usec: 0 };
        // SAFETY: OpenSSL writes the struct.
        let is_set = unsafe {
            ffi::SSL_ctrl(self.ssl.as_ptr(), sys::DTLS_CTRL_GET_TIMEOUT, 0, (&raw mut left).cast())
        };
        let seconds = u64::try_from(left.tv_sec).ok()?;
        let micros = u64::try_from(left.tv_usec).ok()?;
        (is_set > 0).then(|| Duration::from_secs(seconds) + Duration::from_micros(micros))
    }

    fn handle_timeout(&mut self) {
        if self.local.wire.mtu.get().is_none() || self.phase == Phase::Over {
            return;
        }
        queue::clear();
        // SAFETY: the connection is alive; this takes nothing.
        let handled = unsafe {
            ffi::SSL_ctrl(self.ssl.as_ptr(), sys::DTLS_CTRL_HANDLE_TIMEOUT, 0, core::ptr::null_mut())
        };
        self.is_tired |= handled < 0;
    }

    fn is_handshaking(&self) -> bool {
        matches!(self.phase, Phase::New | Phase::Handshaking)
    }

    fn overhead(&self) -> usize {
        self.overhead
    }

    fn native(&self) -> *mut c_void {
        self.ssl.as_ptr().cast()
    }

    fn cipher(&self) -> Option<String> {
        // SAFETY: the connection is alive, and so is what it has; names are C strings, if they are there.
        unsafe {
            let cipher = ffi::SSL_get_current_cipher(self.ssl.as_ptr());
            let name = if cipher.is_null() { core::ptr::null() } else { ffi::SSL_CIPHER_get_name(cipher) };
            (!name.is_null()).then(|| CStr::from_ptr(name).to_string_lossy().into_owned())
        }
    }

    fn take_notices(&mut self) -> Vec<Notice> {
        self.local.take_notices()
    }
}
