//! What OpenSSL calls. Each finds the connection by what OpenSSL keeps of ours, and asks that; what goes
//! wrong on the way ends the handshake.

use super::local::{Local, Side};
use super::sys;
use crate::log::Level;
use core::ffi::{CStr, c_char, c_int, c_uchar, c_uint, c_void};
use openssl_sys as ffi;

/// The protocol of ALPN (RFC 8323 §8.2), as in the extension.
pub(super) const COAP: &[u8] = b"\x04coap";

/// Which identity and key a client takes. Comes twice where TLS 1.3 is offered and 1.2 agreed on.
pub(super) extern "C" fn client_psk(
    ssl: *mut ffi::SSL,
    hint: *const c_char,
    identity: *mut c_char,
    identity_room: c_uint,
    key: *mut c_uchar,
    key_room: c_uint,
) -> c_uint {
    // SAFETY: OpenSSL calls this for a connection of ours. The hint is a string or NULL.
    let (Some(local), hint) = (unsafe {
        (Local::of(ssl), if hint.is_null() { &b""[..] } else { CStr::from_ptr(hint).to_bytes() })
    }) else {
        return 0;
    };
    let Side::Client(client) = &local.side else { return 0 };
    let Some(chosen) = local.guard(|| client.identity_for(local, hint)) else { return 0 };
    let (name, secret) = (&*chosen.identity, chosen.key.as_bytes());
    // OpenSSL says how much room there is, in some versions without the final zero.
    if name.len() >= identity_room as usize || name.contains(&0) || secret.len() > key_room as usize {
        crate::log!(WARN, "the identity or the key for a server is too long");
        return 0;
    }
    if identity.is_null() || key.is_null() {
        return 0;
    }
    // SAFETY: there is room, as was just compared.
    unsafe {
        identity.cast::<u8>().copy_from_nonoverlapping(name.as_ptr(), name.len());
        identity.add(name.len()).write(0);
        key.copy_from_nonoverlapping(secret.as_ptr(), secret.len());
    }
    secret.len() as c_uint
}

/// The key of a client.
pub(super) extern "C" fn server_psk(
    ssl: *mut ffi::SSL,
    identity: *const c_char,
    key: *mut c_uchar,
    key_room: c_uint,
) -> c_uint {
    // SAFETY: OpenSSL calls this for a connection of ours. The identity is a string or NULL.
    let (Some(local), identity) = (unsafe {
        (Local::of(ssl), if identity.is_null() { &b""[..] } else { CStr::from_ptr(identity).to_bytes() })
    }) else {
        return 0;
    };
    let Side::Server(server) = &local.side else { return 0 };
    let Some(chosen) = local.guard(|| server.key_for(local, identity)) else { return 0 };
    let secret = chosen.as_bytes();
    if secret.len() > key_room as usize || key.is_null() {
        crate::log!(WARN, "the key of a client is too long");
        return 0;
    }
    // SAFETY: there is room, as was just compared.
    unsafe { key.copy_from_nonoverlapping(secret.as_ptr(), secret.len()) };
    secret.len() as c_uint
}

/// A server has got a ClientHello, and has done nothing by it.
pub(super) unsafe extern "C" fn client_hello(ssl: *mut ffi::SSL, alert: *mut c_int, _: *mut c_void) -> c_int {
    // SAFETY: OpenSSL calls this for a connection of ours.
    let Some(local) = (unsafe { Local::of(ssl) }) else { return ffi::SSL_CLIENT_HELLO_ERROR };
    let Side::Server(server) = &local.side else { return ffi::SSL_CLIENT_HELLO_ERROR };
    let refused = match local.guard(|| Some(server.prepare(local, ssl))) {
        Some(Ok(())) => return ffi::SSL_CLIENT_HELLO_SUCCESS,
        Some(Err(refused)) => refused,
        None => ffi::SSL_AD_INTERNAL_ERROR,
    };
    if !alert.is_null() {
        // SAFETY: OpenSSL wants it there.
        unsafe { alert.write(refused) };
    }
    ffi::SSL_CLIENT_HELLO_ERROR
}

/// The protocol above, of those that the client offers.
pub(super) unsafe extern "C" fn select_protocol(
    ssl: *mut ffi::SSL,
    chosen: *mut *const c_uchar,
    chosen_len: *mut c_uchar,
    offered: *const c_uchar,
    offered_len: c_uint,
    _: *mut c_void,
) -> c_int {
    // SAFETY: OpenSSL calls this for a connection of ours.
    let local = unsafe { Local::of(ssl) };
    if !local.is_some_and(|local| local.is_coap) || offered.is_null() {
        return ffi::SSL_TLSEXT_ERR_NOACK;
    }
    // SAFETY: as long as OpenSSL says, and looked at only here.
    let mut rest = unsafe { core::slice::from_raw_parts(offered, offered_len as usize) };
    while let Some((len, after)) = rest.split_first()
        && let Some((name, after)) = after.split_at_checked(usize::from(*len))
    {
        if Some(name) == COAP.get(1..) {
            // SAFETY: OpenSSL wants it there; the name is static.
            unsafe {
                chosen.write(COAP.as_ptr().add(1));
                chosen_len.write(4);
            }
            return ffi::SSL_TLSEXT_ERR_OK;
        }
        rest = after;
    }
    ffi::SSL_TLSEXT_ERR_NOACK
}

/// The cookie for whom a ClientHello came from.
pub(super) extern "C" fn make_cookie(ssl: *mut ffi::SSL, cookie: *mut c_uchar, len: *mut c_uint) -> c_int {
    // SAFETY: OpenSSL calls this for a connection of ours.
    let Some(local) = (unsafe { Local::of(ssl) }) else { return 0 };
    if cookie.is_null() || len.is_null() {
        return 0;
    }
    let made = local.cookie.get();
    // SAFETY: there is room for 255 bytes (`DTLS1_COOKIE_LENGTH`).
    unsafe {
        cookie.copy_from_nonoverlapping(made.as_ptr(), made.len());
        len.write(made.len() as c_uint);
    }
    1
}

/// Whether a cookie is that of whom it came from.
pub(super) extern "C" fn verify_cookie(ssl: *mut ffi::SSL, cookie: *const c_uchar, len: c_uint) -> c_int {
    // SAFETY: OpenSSL calls this for a connection of ours.
    let Some(local) = (unsafe { Local::of(ssl) }) else { return 0 };
    let right = local.cookie.get();
    if cookie.is_null() || len as usize != right.len() {
        return 0;
    }
    // SAFETY: as long as was just compared.
    let shown = unsafe { core::slice::from_raw_parts(cookie, right.len()) };
    c_int::from(openssl::memcmp::eq(shown, &right))
}

/// Steps of the handshake, and alerts.
pub(super) extern "C" fn info(ssl: *const ffi::SSL, about: c_int, value: c_int) {
    // SAFETY: OpenSSL calls this for a connection of ours.
    let Some(local) = (unsafe { Local::of(ssl) }) else { return };
    // SAFETY: static strings, of any state or number.
    let text = |text: *const c_char| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned();
    let during = match about & (sys::SSL_ST_CONNECT | sys::SSL_ST_ACCEPT) {
        sys::SSL_ST_CONNECT => "SSL_connect",
        sys::SSL_ST_ACCEPT => "SSL_accept",
        _ => "undefined",
    };
    // SAFETY: the connection is alive; static strings.
    let state = || unsafe { text(ffi::SSL_state_string_long(ssl)) };
    if about & sys::SSL_CB_ALERT != 0 {
        const FATAL: c_int = 2;
        let is_fatal = value >> 8 == FATAL;
        let is_read = about & sys::SSL_CB_READ != 0;
        if is_fatal && is_read {
            local.told_fatal.set(true);
        }
        let level = if is_fatal { Level::WARN } else { Level::INFO };
        local.note(level, "*  ", || {
            // SAFETY: static strings, of any number.
            let (kind, what) = unsafe {
                (text(sys::SSL_alert_type_string_long(value)), text(ffi::SSL_alert_desc_string_long(value)))
            };
            format!("SSL3 alert {}:{kind}:{what}", if is_read { "read" } else { "write" })
        });
    } else if about & sys::SSL_CB_LOOP != 0 {
        // SAFETY: the connection is alive; a static string.
        let short = unsafe { CStr::from_ptr(ffi::SSL_state_string(ssl)) };
        if about & sys::SSL_ST_ACCEPT != 0 && short == c"TWSH" {
            local.has_answered.set(true);
        }
        local.note(Level::dtls(7), "*  ", || format!("{during}:{}", state()));
    } else if about & sys::SSL_CB_EXIT != 0 && value <= 0 {
        // What it wanted last stays there in newer versions when it fails.
        // SAFETY: the connection is alive.
        let waits = unsafe { sys::SSL_want(ssl) } == sys::SSL_READING && state() != "error";
        if value == 0 {
            local.note(Level::dtls(4), "*  ", || format!("{during}:failed in {}", state()));
        } else if !waits {
            local.note(Level::dtls(4), "*  ", || format!("{during}:error in {}", state()));
        }
    }
}
