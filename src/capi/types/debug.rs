//! `coap_debug.h`: log levels and the log handler.

use core::ffi::c_char;

/// The highest level that the `coap_log_...()` macros compile in.
pub const COAP_MAX_LOGGING_LEVEL: coap_log_t = 8;

c_enum! {
    /// The level of a log line. A line is written if its level is at most the level set by
    /// `coap_set_log_level()`.
    pub enum coap_log_t {
        /// Unusable; never used by the library.
        COAP_LOG_EMERG = 0,
        /// Must be acted on at once.
        COAP_LOG_ALERT = 1,
        /// A fault inside the library.
        COAP_LOG_CRIT = 2,
        /// Something failed.
        COAP_LOG_ERR = 3,
        /// Something is not as it should be; the library carries on.
        COAP_LOG_WARN = 4,
        /// Normal, but worth knowing.
        COAP_LOG_NOTICE = 5,
        /// What happens at large.
        COAP_LOG_INFO = 6,
        /// Every PDU and many steps.
        COAP_LOG_DEBUG = 7,
        /// The steps of OSCORE.
        COAP_LOG_OSCORE = 8,
        /// The first level of the (D)TLS library's own lines; higher numbers give more of them.
        COAP_LOG_DTLS_BASE = 9,
    }
}

/// Takes a log line in place of the default output. `message` lives until the handler returns.
pub type coap_log_handler_t = Option<unsafe extern "C" fn(level: coap_log_t, message: *const c_char)>;
