//! `coap_forward_decls.h`: the handles that C programs hold and never look into.
//!
//! Each handle is defined by the file that owns it and named here. A handle whose owner does not
//! exist yet is an empty type: replace its entry in `opaque!` by a `pub use`.

macro_rules! opaque {
    ($($(#[$doc:meta])* $name:ident,)*) => { $(
        $(#[$doc])*
        #[repr(C)]
        pub struct $name {
            _opaque: [u8; 0],
        }
    )* };
}

opaque! {
    /// The addresses of a session as a hash key.
    coap_addr_hash_t,
    /// A body that a client is receiving.
    coap_lg_crcv_t,
    /// A body that a server is receiving.
    coap_lg_srcv_t,
    /// A body being sent.
    coap_lg_xmit_t,
    /// An OSCORE configuration.
    coap_oscore_conf_t,
    /// A received packet.
    coap_packet_t,
    /// The sessions of a proxy.
    coap_proxy_list_t,
    /// An entry of the send queue.
    coap_queue_t,
    /// A socket.
    coap_socket_t,
    /// An observer of a resource.
    coap_subscription_t,
}

pub use crate::capi::r#async::coap_async_t;
pub use crate::capi::cache::{coap_cache_entry_t, coap_cache_key_t};
pub use crate::capi::pdu::coap_pdu_t;
pub use crate::capi::resource::coap_resource_t;
pub use crate::capi::resource_links::coap_attr_t;
pub use crate::driver::{
    Context as coap_context_t, EndpointHandle as coap_endpoint_t, SessionHandle as coap_session_t,
};
