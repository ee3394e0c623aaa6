//! `coap_cache.h`: cache keys and entries.

use core::ffi::c_void;

c_enum! {
    /// Whether a cache entry keeps a copy of the PDU it was made for.
    pub enum coap_cache_record_pdu_t {
        /// No copy is kept.
        COAP_CACHE_NOT_RECORD_PDU = 0,
        /// A copy is kept; `coap_cache_get_pdu()` returns it.
        COAP_CACHE_RECORD_PDU = 1,
    }
}

c_enum! {
    /// Whether a cache key belongs to one session.
    pub enum coap_cache_session_based_t {
        /// Equal requests of all sessions share the key.
        COAP_CACHE_NOT_SESSION_BASED = 0,
        /// The key differs from session to session.
        COAP_CACHE_IS_SESSION_BASED = 1,
    }
}

/// Called with the application data of a cache entry when the entry goes.
pub type coap_cache_app_data_free_callback_t = Option<unsafe extern "C" fn(data: *mut c_void)>;
