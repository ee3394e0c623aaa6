//! `coap_supported.h`: what this build can do.

use crate::variant;
use core::ffi::c_int;

/// Returns 1 if Unix domain sockets are supported, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn coap_af_unix_is_supported() -> c_int {
    variant::AF_UNIX.into()
}

/// Returns 1 if responses can be delayed with `coap_register_async()`, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn coap_async_is_supported() -> c_int {
    variant::ASYNC.into()
}

/// Returns 1 if programs can be clients, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn coap_client_is_supported() -> c_int {
    variant::CLIENT.into()
}

/// Returns 1 if DTLS is supported, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn coap_dtls_is_supported() -> c_int {
    variant::DTLS.into()
}

/// Returns 1 if DTLS connection identifiers (RFC 9146) are supported, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn coap_dtls_cid_is_supported() -> c_int {
    variant::DTLS_CID.into()
}

/// Returns 1 if (D)TLS with pre-shared keys is supported, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn coap_dtls_psk_is_supported() -> c_int {
    variant::PSK.into()
}

/// Returns 1 if (D)TLS with certificates is supported, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn coap_dtls_pki_is_supported() -> c_int {
    variant::PKI.into()
}

/// Returns 1 if keys and certificates can be kept in PKCS #11 tokens, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn coap_dtls_pkcs11_is_supported() -> c_int {
    variant::PKCS11.into()
}

/// Returns 1 if (D)TLS with raw public keys is supported, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn coap_dtls_rpk_is_supported() -> c_int {
    variant::RPK.into()
}

/// Returns 1 if the library waits with epoll, so that `coap_context_get_coap_fd()` gives a
/// descriptor to wait for, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn coap_epoll_is_supported() -> c_int {
    variant::EPOLL.into()
}

/// Returns 1 if IPv4 is supported, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn coap_ipv4_is_supported() -> c_int {
    variant::IPV4.into()
}

/// Returns 1 if IPv6 is supported, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn coap_ipv6_is_supported() -> c_int {
    variant::IPV6.into()
}

/// Returns 1 if observers can be kept over a restart, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn coap_observe_persist_is_supported() -> c_int {
    variant::OBSERVE_PERSIST.into()
}

/// Returns 1 if OSCORE (RFC 8613) is supported, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn coap_oscore_is_supported() -> c_int {
    variant::OSCORE.into()
}

/// Returns 1 if programs can be proxies, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn coap_proxy_is_supported() -> c_int {
    variant::PROXY.into()
}

/// Returns 1 if Q-Block1 and Q-Block2 (RFC 9177) are supported, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn coap_q_block_is_supported() -> c_int {
    variant::Q_BLOCK.into()
}

/// Returns 1 if programs can be servers, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn coap_server_is_supported() -> c_int {
    variant::SERVER.into()
}

/// Returns 1 if CoAP over TCP is supported, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn coap_tcp_is_supported() -> c_int {
    variant::TCP.into()
}

/// Returns 1 if functions may be called from any thread, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn coap_threadsafe_is_supported() -> c_int {
    variant::THREAD_SAFE.into()
}

/// Returns 1 if CoAP over TLS is supported, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn coap_tls_is_supported() -> c_int {
    variant::TLS.into()
}

/// Returns 1 if CoAP over WebSockets is supported, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn coap_ws_is_supported() -> c_int {
    variant::WS.into()
}

/// Returns 1 if CoAP over secure WebSockets is supported, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn coap_wss_is_supported() -> c_int {
    variant::WSS.into()
}
