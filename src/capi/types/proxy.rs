//! `coap_proxy.h`: proxies.

use super::dtls::{coap_dtls_cpsk_t, coap_dtls_pki_t};
use super::forward_decls::coap_oscore_conf_t;
use super::uri::coap_uri_t;
use core::ffi::{c_int, c_uint};

c_enum! {
    /// How a proxy handles requests.
    pub enum coap_proxy_t {
        /// Reverse proxy: the server's list says where requests go.
        COAP_PROXY_REVERSE = 0,
        /// The same; Proxy-Uri and Proxy-Scheme are taken out.
        COAP_PROXY_REVERSE_STRIP = 1,
        /// Forward proxy to the servers of the list.
        COAP_PROXY_FORWARD = 2,
        /// The newer name of `COAP_PROXY_FORWARD`.
        COAP_PROXY_FORWARD_STATIC = 2,
        /// The same; Proxy-Uri and Proxy-Scheme are taken out.
        COAP_PROXY_FORWARD_STRIP = 3,
        /// The newer name of `COAP_PROXY_FORWARD_STRIP`.
        COAP_PROXY_FORWARD_STATIC_STRIP = 3,
        /// Forward proxy to the server that the request names.
        COAP_PROXY_DIRECT = 4,
        /// The newer name of `COAP_PROXY_DIRECT`.
        COAP_PROXY_FORWARD_DYNAMIC = 4,
        /// The same; Proxy-Uri and Proxy-Scheme are taken out.
        COAP_PROXY_DIRECT_STRIP = 5,
        /// The newer name of `COAP_PROXY_DIRECT_STRIP`.
        COAP_PROXY_FORWARD_DYNAMIC_STRIP = 5,
    }
}

/// The servers that a proxy sends requests to.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_proxy_server_list_t {
    /// The servers, an array.
    pub entry: *mut coap_proxy_server_t,
    /// How many they are.
    pub entry_count: usize,
    /// Which one is next; the library counts it up.
    pub next_entry: usize,
    /// How requests are handled.
    pub r#type: coap_proxy_t,
    /// 1 to keep one session to the server per client session.
    pub track_client_session: c_int,
    /// After how many idle seconds a session to a server is closed; 0 is never.
    pub idle_timeout_secs: c_uint,
}
layout!(coap_proxy_server_list_t: 40, 8; entry: 0, entry_count: 8, next_entry: 16, r#type: 24, track_client_session: 28, idle_timeout_secs: 32);

/// One server that a proxy sends requests to.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_proxy_server_t {
    /// Its scheme, host and port.
    pub uri: coap_uri_t,
    /// The certificates to use with it, or NULL.
    pub dtls_pki: *mut coap_dtls_pki_t,
    /// The pre-shared key to use with it, or NULL.
    pub dtls_cpsk: *mut coap_dtls_cpsk_t,
    /// The OSCORE configuration to use with it, or NULL.
    pub oscore_conf: *mut coap_oscore_conf_t,
}
layout!(coap_proxy_server_t: 88, 8; uri: 0, dtls_pki: 64, dtls_cpsk: 72, oscore_conf: 80);
