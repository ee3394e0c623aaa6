//! What this build of the library can do. The functions of `coap_supported.h` answer from here, and
//! `coap_defines.h` says the same.

#[cfg(test)]
mod openssl_release;

/// The name of the variant, as in `libcoap-3-notls`. Where several are enabled, as tests may do, the one that can do
/// most counts.
pub const NAME: &str = if cfg!(feature = "openssl") { "openssl" } else { "notls" };

/// Whether the library for (D)TLS that the variant is named after is in use.
const SECURE: bool = cfg!(feature = "openssl");

/// DTLS.
pub const DTLS: bool = SECURE;
/// DTLS connection identifiers (RFC 9146), which OpenSSL does not have.
pub const DTLS_CID: bool = false;
/// Keys agreed on by EC-JPAKE, which OpenSSL does not have.
pub const EC_JPAKE: bool = false;
/// Pre-shared keys.
pub const PSK: bool = SECURE;
/// Certificates.
pub const PKI: bool = SECURE;
/// Keys kept in PKCS #11 tokens.
pub const PKCS11: bool = SECURE;
/// Raw public keys.
pub const RPK: bool = false;
/// CoAP over TCP (RFC 8323).
pub const TCP: bool = true;
/// CoAP over TLS.
pub const TLS: bool = SECURE;
/// CoAP over WebSockets.
pub const WS: bool = true;
/// CoAP over secure WebSockets.
pub const WSS: bool = SECURE && WS;
/// Unix domain sockets.
pub const AF_UNIX: bool = true;
/// IPv4.
pub const IPV4: bool = true;
/// IPv6.
pub const IPV6: bool = true;
/// Waiting with epoll.
pub const EPOLL: bool = true;
/// Functions may be called from any thread.
pub const THREAD_SAFE: bool = true;
/// The client role.
pub const CLIENT: bool = true;
/// The server role.
pub const SERVER: bool = true;
/// Delayed responses.
pub const ASYNC: bool = true;
/// The proxy role.
pub const PROXY: bool = true;
/// Observers that survive a restart.
pub const OBSERVE_PERSIST: bool = true;
/// OSCORE (RFC 8613).
pub const OSCORE: bool = false;
/// Q-Block (RFC 9177).
pub const Q_BLOCK: bool = true;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_says_the_same() {
        // There is one header for all variants. It names the library of the default one, which is OpenSSL.
        let header = include_str!("../include/coap3/coap_defines.h");
        for (name, value) in [
            ("COAP_AF_UNIX_SUPPORT", AF_UNIX),
            ("COAP_ASYNC_SUPPORT", ASYNC),
            ("COAP_CLIENT_SUPPORT", CLIENT),
            ("COAP_DISABLE_TCP", !TCP),
            ("COAP_EPOLL_SUPPORT", EPOLL),
            ("COAP_IPV4_SUPPORT", IPV4),
            ("COAP_IPV6_SUPPORT", IPV6),
            ("COAP_OSCORE_SUPPORT", OSCORE),
            ("COAP_PROXY_SUPPORT", PROXY),
            ("COAP_Q_BLOCK_SUPPORT", Q_BLOCK),
            ("COAP_SERVER_SUPPORT", SERVER),
            ("COAP_THREAD_SAFE", THREAD_SAFE),
            ("COAP_WITH_OBSERVE_PERSIST", OBSERVE_PERSIST),
            ("COAP_WS_SUPPORT", WS),
            ("COAP_WITH_LIBOPENSSL", true),
        ] {
            let line = format!("#define {name} {}\n", u8::from(value));
            assert!(header.contains(&line), "{line}");
        }
    }
}
