//! What C is lent of the pre-shared key of a session: hint, identity and key, by pointers that are good
//! for as long as the session.

use crate::capi::types::coap_bin_const_t;
use crate::tls::Secret;
use parking_lot::Mutex;
use std::sync::Arc;

/// Bytes, and the struct by which C looks at them, at one place. A zero follows them.
struct Bytes {
    /// Points into `memory`.
    view: coap_bin_const_t,
    memory: Secret,
}

// SAFETY: neither the bytes nor the pointer to them is ever changed.
unsafe impl Send for Bytes {}
// SAFETY: the same.
unsafe impl Sync for Bytes {}

impl Bytes {
    fn new(bytes: &[u8]) -> Self {
        let memory = Secret::from(&[bytes, b"\0"].concat()[..]);
        Bytes { view: coap_bin_const_t { length: bytes.len(), s: memory.as_bytes().as_ptr() }, memory }
    }

    fn as_bytes(&self) -> &[u8] {
        self.memory.as_bytes().get(..self.view.length).unwrap_or_default()
    }
}

/// One of the three. It may change in a handshake.
#[derive(Default)]
struct Value {
    current: Option<Arc<Bytes>>,
    /// C has a pointer to the current one.
    is_lent: bool,
    /// Those that C has pointers to.
    former: Vec<Arc<Bytes>>,
}

impl Value {
    fn set(&mut self, bytes: &[u8]) {
        if self.current.as_deref().is_some_and(|current| current.as_bytes() == bytes) {
            return;
        }
        let former = self.current.replace(Arc::new(Bytes::new(bytes)));
        if core::mem::take(&mut self.is_lent) {
            self.former.extend(former);
        }
    }

    fn lend(&mut self) -> Option<*const coap_bin_const_t> {
        let current = self.current.as_deref()?;
        self.is_lent = true;
        Some(&raw const current.view)
    }
}

#[derive(Default)]
struct Values {
    hint: Value,
    identity: Value,
    key: Value,
}

/// What is lent of a session.
#[derive(Default)]
pub(crate) struct PskLent(Mutex<Values>);

impl PskLent {
    /// What the session is opened with. A handshake may have come to other values by now.
    pub(crate) fn begin(&self, identity: &[u8], key: &[u8]) {
        let mut values = self.0.lock();
        if values.identity.current.is_none() {
            values.identity.set(identity);
            values.key.set(key);
        }
    }

    pub(crate) fn set_hint(&self, hint: &[u8]) {
        self.0.lock().hint.set(hint);
    }

    pub(crate) fn set_identity(&self, identity: &[u8]) {
        self.0.lock().identity.set(identity);
    }

    pub(crate) fn set_key(&self, key: &[u8]) {
        self.0.lock().key.set(key);
    }

    /// The hint that the server gave; `None` before it gave one.
    pub(crate) fn hint(&self) -> Option<*const coap_bin_const_t> {
        self.0.lock().hint.lend()
    }

    /// The identity; `None` if there is none.
    pub(crate) fn identity(&self) -> Option<*const coap_bin_const_t> {
        self.0.lock().identity.lend()
    }

    /// The key; `None` if there is none, or it has no bytes.
    pub(crate) fn key(&self) -> Option<*const coap_bin_const_t> {
        let mut values = self.0.lock();
        let has_some = values.key.current.as_deref().is_some_and(|key| key.view.length > 0);
        has_some.then(|| values.key.lend())?
    }

    /// The key that goes with the name of the server, if that had one.
    pub(crate) fn key_of_name(&self) -> Option<Secret> {
        let values = self.0.lock();
        let key = values.key.current.as_deref()?.as_bytes();
        (!key.is_empty()).then(|| Secret::from(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a pointer leads to, with the zero behind it.
    fn read(lent: Option<*const coap_bin_const_t>) -> Option<&'static [u8]> {
        // SAFETY: lent by a session that is alive in these tests.
        lent.map(|lent| unsafe { core::slice::from_raw_parts((*lent).s, (*lent).length + 1) })
    }

    #[test]
    fn what_was_lent_stays_when_a_handshake_changes_it() {
        let psk = PskLent::default();
        assert_eq!(psk.hint(), None);
        psk.begin(b"me", b"key");
        let first = psk.identity();
        psk.set_identity(b"you");
        psk.set_identity(b"you");
        assert_eq!((read(first), read(psk.identity())), (Some(&b"me\0"[..]), Some(&b"you\0"[..])));
        assert_eq!(read(psk.key()), Some(&b"key\0"[..]));
    }

    #[test]
    fn what_nobody_saw_is_not_kept() {
        let psk = PskLent::default();
        for n in 0..100_u8 {
            psk.set_identity(&[n]);
        }
        assert!(psk.0.lock().identity.former.is_empty());
    }

    #[test]
    fn a_handshake_counts_more_than_what_a_session_was_opened_with() {
        let psk = PskLent::default();
        psk.set_hint(b"");
        psk.set_identity(b"chosen");
        psk.set_key(b"sesame");
        psk.begin(b"me", b"key");
        assert_eq!(read(psk.identity()), Some(&b"chosen\0"[..]));
        assert_eq!(read(psk.key()), Some(&b"sesame\0"[..]));
        assert_eq!(read(psk.hint()), Some(&b"\0"[..]));
    }

    #[test]
    fn a_key_without_bytes_is_none() {
        let psk = PskLent::default();
        psk.begin(b"", b"");
        assert_eq!(psk.key(), None);
        assert_eq!(read(psk.identity()), Some(&b"\0"[..]));
    }
}
