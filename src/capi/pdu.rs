//! `coap_pdu.h`: messages as C programs see them.

use super::ffi::{ffi, ffi_or};
use super::types::*;
use crate::log;
use crate::message::pdu::PduError;
use crate::message::{Code, Framing, Mid, Number, Pdu, Token, Type};
use crate::protocol::block::{Shown, Upload};
use core::ffi::{c_char, c_int};
use core::{ptr, slice};

/// A message. Made by `coap_pdu_init` or `coap_new_pdu`, or lent by the library to a handler.
#[allow(non_camel_case_types)]
#[derive(Debug)]
pub struct coap_pdu_t {
    pub(crate) inner: Pdu,
    /// What is shown of a body that came in several messages.
    pub(crate) body: Option<Box<Shown>>,
    /// The body of which the payload is the beginning.
    pub(crate) upload: Option<Upload>,
}

impl coap_pdu_t {
    /// Wraps a message.
    pub(crate) fn new(inner: Pdu) -> Self {
        coap_pdu_t { inner, body: None, upload: None }
    }

    /// Gives it to C. [`coap_pdu_t::from_raw`] takes it back.
    pub(crate) fn into_raw(self) -> *mut coap_pdu_t {
        Box::into_raw(Box::new(self))
    }

    /// Takes back what [`coap_pdu_t::into_raw`] gave out.
    ///
    /// # Safety
    /// `pdu` is NULL or came from `into_raw` and is not used any more.
    pub(crate) unsafe fn from_raw(pdu: *mut coap_pdu_t) -> Option<Box<coap_pdu_t>> {
        // SAFETY: a pointer from `Box::into_raw`, as the caller promises.
        (!pdu.is_null()).then(|| unsafe { Box::from_raw(pdu) })
    }

    /// The payload that `coap_get_data_large` shows, with its offset and the body's total size.
    pub(crate) fn data(&self) -> Option<(&[u8], usize, usize)> {
        let payload = self.inner.payload();
        match &self.body {
            None => payload.map(|data| (data, 0, data.len())),
            Some(body) => body.data.as_deref().or(payload).map(|data| (data, body.offset, body.total)),
        }
    }

    /// A message that came, with what is to be shown of its body.
    pub(crate) fn received(inner: Pdu, body: Option<Box<Shown>>) -> Self {
        coap_pdu_t { inner, body, upload: None }
    }

    /// A copy without payload (see [`Pdu::duplicate`]) for a session whose messages may have
    /// `max_size` bytes; larger if the options need more.
    pub(crate) fn duplicate(
        &self,
        mid: Mid,
        token: &[u8],
        max_size: usize,
        drop: impl FnMut(Number) -> bool,
    ) -> Option<coap_pdu_t> {
        let needed = self.inner.option_bytes().len().saturating_add(token.len()).saturating_add(2);
        match self.inner.duplicate(mid, token, max_size.max(needed), drop) {
            Ok(copy) => Some(coap_pdu_t::new(copy)),
            Err(e) => {
                log!(WARN, "coap_pdu_duplicate: {e}");
                None
            }
        }
    }
}

/// The maximum size that C names: 0 stands for no limit.
pub(crate) fn size_limit(size: usize) -> usize {
    if size == 0 { usize::MAX } else { size }
}

/// The type, code and message ID that C names, when they are ones.
pub(crate) fn header(
    caller: &str,
    kind: coap_pdu_type_t,
    code: coap_pdu_code_t,
    mid: coap_mid_t,
) -> Option<(Type, Code, Mid)> {
    let known = (checked_type(kind), u8::try_from(code), u16::try_from(mid));
    let (Some(kind), Ok(code), Ok(mid)) = known else {
        log!(WARN, "{caller}: no such type ({kind}), code ({code}) or message ID ({mid})");
        return None;
    };
    Some((kind, Code(code), Mid(mid)))
}

pub(crate) fn checked_type(kind: coap_pdu_type_t) -> Option<Type> {
    u8::try_from(kind).ok().filter(|k| *k <= 3).map(Type::from_bits)
}

/// The bytes at `data`. No bytes may be named by NULL.
///
/// # Safety
/// `data` is NULL or points to `len` bytes that live as long as the result is used.
pub(crate) unsafe fn bytes<'a>(data: *const u8, len: usize) -> Option<&'a [u8]> {
    if len == 0 {
        return Some(&[]);
    }
    if data.is_null() || isize::try_from(len).is_err() {
        return None;
    }
    // SAFETY: not NULL, of a possible length, and the caller promises the bytes.
    Some(unsafe { slice::from_raw_parts(data, len) })
}

/// Logs why a message could not be changed, and gives the C answer for that.
pub(crate) fn or_log<T>(caller: &str, result: Result<T, PduError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(e @ PduError::Repeated(_)) => {
            log!(INFO, "{caller}: {e}; dropped");
            None
        }
        Err(e) => {
            log!(WARN, "{caller}: {e}");
            None
        }
    }
}

/// Makes a message that may hold up to `size` bytes of token, options and payload; 0 sets no
/// limit. Give `mid` 0 where no message ID applies. Prefer `coap_new_pdu`, which takes the
/// message ID and the size from the session.
///
/// Returns the message, which `coap_send` takes over and `coap_delete_pdu` frees, or NULL if the
/// type, code or message ID is out of range.
#[unsafe(no_mangle)]
pub extern "C" fn coap_pdu_init(
    type_: coap_pdu_type_t,
    code: coap_pdu_code_t,
    mid: coap_mid_t,
    size: usize,
) -> *mut coap_pdu_t {
    ffi(|| {
        let (kind, code, mid) = header("coap_pdu_init", type_, code, mid)?;
        Some(coap_pdu_t::new(Pdu::new(kind, code, mid, size_limit(size))).into_raw())
    })
}

/// Frees a message that was not given to `coap_send`. NULL is allowed.
///
/// # Safety
/// `pdu` is NULL or a message that the caller owns; it must not be used afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_delete_pdu(pdu: *mut coap_pdu_t) {
    ffi(|| {
        // SAFETY: the caller gives up a message that the library made, or NULL.
        drop(unsafe { coap_pdu_t::from_raw(pdu) });
        Some(())
    });
}

/// Reads the `length` bytes at `data` as one message with the header of `proto` and puts it into
/// `pdu`, whose own content is lost. The message must fit the maximum size of `pdu`.
///
/// Returns 1, or 0 when the bytes are not a message, and then `pdu` has no token, options or
/// payload. Reserved codes and unknown critical options are not errors here.
///
/// # Safety
/// `data` points to `length` bytes; `pdu` is NULL or a live message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_pdu_parse(
    proto: coap_proto_t,
    data: *const u8,
    length: usize,
    pdu: *mut coap_pdu_t,
) -> c_int {
    ffi(|| {
        // SAFETY: the caller passes NULL or a live message, and `length` bytes.
        let (pdu, data) = unsafe { (pdu.as_mut()?, bytes(data, length)?) };
        let framing = match proto {
            COAP_PROTO_UDP | COAP_PROTO_DTLS => Framing::Udp,
            COAP_PROTO_TCP | COAP_PROTO_TLS => Framing::Tcp,
            COAP_PROTO_WS | COAP_PROTO_WSS => Framing::WebSocket,
            _ => {
                log!(WARN, "coap_pdu_parse: no such protocol ({proto})");
                return None;
            }
        };
        let max = pdu.inner.max_size();
        pdu.body = None;
        let result = pdu.inner.decode_into(framing, data, Token::MAX);
        let size = pdu.inner.used_size();
        pdu.inner.set_max_size(max);
        match result {
            Ok(()) if size <= max => Some(1),
            Ok(()) => {
                let (kind, code, mid) = (pdu.inner.kind(), pdu.inner.code(), pdu.inner.mid());
                pdu.inner.reset(kind, code, mid, max);
                log!(WARN, "coap_pdu_parse: message takes {size} bytes, {max} are allowed");
                None
            }
            Err(e) => {
                log!(DEBUG, "coap_pdu_parse: {e}");
                None
            }
        }
    })
}

/// Sets the token. To be called once, before any option and before the payload.
///
/// Returns 1, or 0 if something has been added already, if the token is longer than 65804 bytes
/// or if the message has no room for it.
///
/// # Safety
/// `pdu` is NULL or a live message; `data` points to `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_add_token(pdu: *mut coap_pdu_t, len: usize, data: *const u8) -> c_int {
    ffi(|| {
        // SAFETY: the caller passes NULL or a live message, and `len` bytes.
        let (pdu, data) = unsafe { (pdu.as_mut()?, bytes(data, len)?) };
        or_log("coap_add_token", pdu.inner.compose_token(data)).map(|()| 1)
    })
}

/// Adds an option, where its number belongs among the others. A request with Proxy-Uri or
/// Proxy-Scheme gets a Hop-Limit of 16 too, unless it has one. With `data` NULL the value is
/// `len` zero bytes.
///
/// Returns how many bytes the option takes in the message, or 0 if the message has a payload
/// already or no room, if the value is longer than 65804 bytes, or if an option that may stand
/// there once only would be appended a second time.
///
/// # Safety
/// `pdu` is NULL or a live message; `data` is NULL or points to `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_add_option(
    pdu: *mut coap_pdu_t,
    number: coap_option_num_t,
    len: usize,
    data: *const u8,
) -> usize {
    ffi(|| {
        // SAFETY: the caller passes NULL or a live message.
        let pdu = unsafe { pdu.as_mut() }?;
        if len > crate::message::option::MAX_EXTENDED as usize {
            return or_log("coap_add_option", Err(PduError::Unencodable));
        }
        let zeros;
        let value = if data.is_null() {
            zeros = vec![0; len];
            &zeros[..]
        } else {
            // SAFETY: the caller passes `len` bytes.
            unsafe { bytes(data, len) }?
        };
        or_log("coap_add_option", pdu.inner.compose_option(Number(number), value))
    })
}

/// Adds the payload, which is copied. `len` 0 adds nothing and is no error.
///
/// Returns 1, or 0 if there is a payload already or no room for this one.
///
/// # Safety
/// `pdu` is NULL or a live message; `data` points to `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_add_data(pdu: *mut coap_pdu_t, len: usize, data: *const u8) -> c_int {
    ffi(|| {
        // SAFETY: the caller passes NULL or a live message, and `len` bytes.
        let (pdu, data) = unsafe { (pdu.as_mut()?, bytes(data, len)?) };
        or_log("coap_add_data", pdu.inner.set_payload(data)).map(|()| 1)
    })
}

/// Adds a payload of `len` zero bytes, to be filled by the caller before the message is sent.
///
/// Returns where to write it, or NULL if `len` is 0, there is a payload already or no room for
/// this one.
///
/// # Safety
/// `pdu` is NULL or a live message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_add_data_after(pdu: *mut coap_pdu_t, len: usize) -> *mut u8 {
    ffi(|| {
        // SAFETY: the caller passes NULL or a live message.
        let pdu = unsafe { pdu.as_mut() }?;
        let space = or_log("coap_add_data_after", pdu.inner.reserve_payload(len))?;
        (!space.is_empty()).then_some(space.as_mut_ptr())
    })
}

/// Shows the payload: its length in `*len`, and in `*data` where it stands, as long as the message
/// lives. If the library has put a body together from several messages, that is shown.
///
/// Returns 1, or 0 if there is none, with `*len` 0 and `*data` NULL.
///
/// # Safety
/// `pdu` is NULL or a live message; `len` and `data` are NULL or point to where to write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_get_data(
    pdu: *const coap_pdu_t,
    len: *mut usize,
    data: *mut *const u8,
) -> c_int {
    let (mut offset, mut total) = (0, 0);
    // SAFETY: the same promises, and two local variables.
    unsafe { coap_get_data_large(pdu, len, data, &mut offset, &mut total) }
}

/// The same, with the place of the data in the whole body: it begins `*offset` bytes into a body
/// of `*total` bytes. More is to come if `*offset + *len` is less than `*total`.
///
/// Returns 1, or 0 if there is no payload, with all four 0 or NULL.
///
/// # Safety
/// `pdu` is NULL or a live message; the others are NULL or point to where to write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_get_data_large(
    pdu: *const coap_pdu_t,
    len: *mut usize,
    data: *mut *const u8,
    offset: *mut usize,
    total: *mut usize,
) -> c_int {
    ffi(|| {
        // SAFETY: the caller passes NULL or places to write to.
        let (len, data, offset, total) =
            unsafe { (len.as_mut()?, data.as_mut()?, offset.as_mut()?, total.as_mut()?) };
        (*len, *data, *offset, *total) = (0, ptr::null(), 0, 0);
        // SAFETY: the caller passes NULL or a live message.
        let (bytes, at, all) = unsafe { pdu.as_ref() }?.data()?;
        (*len, *data, *offset, *total) = (bytes.len(), bytes.as_ptr(), at, all);
        Some(1)
    })
}

/// The code; 0 for NULL.
///
/// # Safety
/// `pdu` is NULL or a live message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_pdu_get_code(pdu: *const coap_pdu_t) -> coap_pdu_code_t {
    ffi_or(0, || {
        // SAFETY: the caller passes NULL or a live message.
        Some(unsafe { pdu.as_ref() }?.inner.code().0.into())
    })
}

/// Sets the code. In a request handler this is what makes the library send the response. A number
/// over 255 is ignored.
///
/// # Safety
/// `pdu` is NULL or a live message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_pdu_set_code(pdu: *mut coap_pdu_t, code: coap_pdu_code_t) {
    ffi(|| {
        // SAFETY: the caller passes NULL or a live message.
        let pdu = unsafe { pdu.as_mut() }?;
        match u8::try_from(code) {
            Ok(code) => pdu.inner.set_code(Code(code)),
            Err(_) => log!(WARN, "coap_pdu_set_code: no such code ({code})"),
        }
        Some(())
    });
}

/// The type; `COAP_MESSAGE_CON` for NULL and for messages that came over TCP or WebSockets.
///
/// # Safety
/// `pdu` is NULL or a live message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_pdu_get_type(pdu: *const coap_pdu_t) -> coap_pdu_type_t {
    ffi_or(COAP_MESSAGE_CON, || {
        // SAFETY: the caller passes NULL or a live message.
        Some(unsafe { pdu.as_ref() }?.inner.kind() as coap_pdu_type_t)
    })
}

/// Sets the type. A number over 3 is ignored.
///
/// # Safety
/// `pdu` is NULL or a live message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_pdu_set_type(pdu: *mut coap_pdu_t, type_: coap_pdu_type_t) {
    ffi(|| {
        // SAFETY: the caller passes NULL or a live message.
        let pdu = unsafe { pdu.as_mut() }?;
        match checked_type(type_) {
            Some(kind) => pdu.inner.set_kind(kind),
            None => log!(WARN, "coap_pdu_set_type: no such type ({type_})"),
        }
        Some(())
    });
}

/// The token. It stands in the message: it is valid as long as the message lives and gets no other
/// one. Length 0 is a token too.
///
/// # Safety
/// `pdu` is NULL or a live message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_pdu_get_token(pdu: *const coap_pdu_t) -> coap_bin_const_t {
    ffi_or(coap_bin_const_t { length: 0, s: ptr::null() }, || {
        // SAFETY: the caller passes NULL or a live message.
        let token = unsafe { pdu.as_ref() }?.inner.token();
        Some(coap_bin_const_t { length: token.len(), s: token.as_ptr() })
    })
}

/// The message ID; 0 for messages over TCP or WebSockets, which have none, and
/// `COAP_INVALID_MID` for NULL.
///
/// # Safety
/// `pdu` is NULL or a live message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_pdu_get_mid(pdu: *const coap_pdu_t) -> coap_mid_t {
    ffi_or(COAP_INVALID_MID, || {
        // SAFETY: the caller passes NULL or a live message.
        Some(unsafe { pdu.as_ref() }?.inner.mid().0.into())
    })
}

/// Sets the message ID. A number below 0 or over 65535 is ignored.
///
/// # Safety
/// `pdu` is NULL or a live message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_pdu_set_mid(pdu: *mut coap_pdu_t, mid: coap_mid_t) {
    ffi(|| {
        // SAFETY: the caller passes NULL or a live message.
        let pdu = unsafe { pdu.as_mut() }?;
        match u16::try_from(mid) {
            Ok(mid) => pdu.inner.set_mid(Mid(mid)),
            Err(_) => log!(WARN, "coap_pdu_set_mid: no such message ID ({mid})"),
        }
        Some(())
    });
}

/// The name of a response code, such as "Not Found" for 4.04: a constant string, or NULL for a
/// code without a name.
#[unsafe(no_mangle)]
pub extern "C" fn coap_response_phrase(code: u8) -> *const c_char {
    ffi(|| Some(Code(code).phrase()?.as_ptr()))
}
