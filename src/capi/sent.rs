//! Requests that were sent, and that their program still looks at. `coap_send()` takes a message, and nobody should touch it
//! any more. But libcoap has a confirmable one until it is acknowledged, and programs count on that: they ask it for its
//! token, or copy it, right after the call. So the last few of a context are kept a while.

use super::pdu::coap_pdu_t;
use crate::message::Pdu;
use crate::protocol::block::Upload;
use core::ptr::NonNull;
use parking_lot::Mutex;
use std::collections::VecDeque;

/// How many of a context are kept.
const MAX_KEPT: usize = 32;

/// A larger payload is not, in bytes.
const MAX_PAYLOAD: usize = 4096;

/// The only owner of a message that C has a pointer to.
struct Kept(NonNull<coap_pdu_t>);

// SAFETY: it owns what it points to, which is not bound to a thread.
unsafe impl Send for Kept where coap_pdu_t: Send {}

impl Drop for Kept {
    fn drop(&mut self) {
        // SAFETY: from a box, and this is its only owner.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// Those of a context.
#[derive(Default)]
pub(crate) struct SentRequests(Mutex<VecDeque<Kept>>);

impl SentRequests {
    /// Gives what is to be sent of a message. A request itself is kept, as a copy.
    pub(crate) fn keep(&self, mut pdu: Box<coap_pdu_t>) -> (Pdu, Option<Upload>) {
        let upload = pdu.upload.take();
        if !pdu.inner.code().is_request() {
            return (pdu.inner, upload);
        }
        let copy = copy_of(&pdu.inner);
        let message = core::mem::replace(&mut pdu.inner, copy);
        let place = NonNull::from(Box::leak(pdu));
        let mut kept = self.0.lock();
        // Sent once more: there is one owner all the same.
        if let Some(at) = kept.iter().position(|before| before.0 == place) {
            core::mem::forget(kept.remove(at));
        }
        kept.push_back(Kept(place));
        let oldest = if kept.len() > MAX_KEPT { kept.pop_front() } else { None };
        drop(kept);
        drop(oldest);
        (message, upload)
    }
}

fn copy_of(pdu: &Pdu) -> Pdu {
    if pdu.payload().is_none_or(|payload| payload.len() <= MAX_PAYLOAD) {
        return pdu.clone();
    }
    let without_payload = pdu.duplicate(pdu.mid(), pdu.token(), pdu.max_size(), |_| false);
    without_payload.unwrap_or_else(|_| Pdu::new(pdu.kind(), pdu.code(), pdu.mid(), 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Code, Mid, Type};

    fn request(mid: u16, payload: usize) -> Box<coap_pdu_t> {
        let mut pdu = Pdu::new(Type::Confirmable, Code::PUT, Mid(mid), 10_000);
        pdu.set_token(b"abc").unwrap();
        pdu.set_payload(&vec![7; payload]).unwrap();
        Box::new(coap_pdu_t::new(pdu))
    }

    #[test]
    fn a_request_that_was_sent_can_be_looked_at_for_a_while() {
        let sent = SentRequests::default();
        let pdu = request(0, 10);
        let first: *const coap_pdu_t = &raw const *pdu;
        sent.keep(pdu);
        // SAFETY: it is kept.
        assert_eq!(unsafe { (*first).inner.token().to_vec() }, b"abc");
        for mid in 1..=40 {
            let (message, _) = sent.keep(request(mid, 10));
            assert_eq!((message.mid(), message.token()), (Mid(mid), &b"abc"[..]));
        }
        assert_eq!(sent.0.lock().len(), MAX_KEPT);
    }

    #[test]
    fn a_request_that_is_sent_again_is_kept_once() {
        let sent = SentRequests::default();
        let pdu = Box::into_raw(request(1, 10));
        for _ in 0..3 {
            // SAFETY: a program that does that has the pointer from `into_raw`, and it is kept.
            let (message, _) = sent.keep(unsafe { coap_pdu_t::from_raw(pdu) }.unwrap());
            assert_eq!(message.payload().map(<[u8]>::len), Some(10));
        }
        assert_eq!(sent.0.lock().len(), 1);
    }

    #[test]
    fn a_large_payload_is_sent_and_not_kept() {
        let sent = SentRequests::default();
        let (message, _) = sent.keep(request(1, 5000));
        assert_eq!(message.payload().map(<[u8]>::len), Some(5000));
        let kept = sent.0.lock();
        // SAFETY: it is kept.
        let copy = unsafe { &kept.back().unwrap().0.as_ref().inner };
        assert_eq!((copy.token(), copy.payload()), (&b"abc"[..], None));
    }

    #[test]
    fn what_is_no_request_is_not_kept() {
        let sent = SentRequests::default();
        let response = Pdu::new(Type::Confirmable, Code::CONTENT, Mid(1), 100);
        sent.keep(Box::new(coap_pdu_t::new(response)));
        assert!(sent.0.lock().is_empty());
    }
}
