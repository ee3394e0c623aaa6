//! `coap_resource.h`: resources and their handlers.

use super::forward_decls::{coap_pdu_t, coap_resource_t, coap_session_t};
use super::str::coap_string_t;
use core::ffi::{c_int, c_void};

/// The library releases the name together with the attribute.
pub const COAP_ATTR_FLAGS_RELEASE_NAME: c_int = 1;
/// The library releases the value together with the attribute.
pub const COAP_ATTR_FLAGS_RELEASE_VALUE: c_int = 2;
/// The greatest length.
pub const COAP_PRINT_STATUS_MAX: coap_print_status_t = 0xfffffff;
/// The buffer was too small.
pub const COAP_PRINT_STATUS_TRUNC: coap_print_status_t = 0x40000000;
/// Printing failed.
pub const COAP_PRINT_STATUS_ERROR: coap_print_status_t = 0x80000000;
/// The bits that are not part of the length.
pub const COAP_PRINT_STATUS_MASK: coap_print_status_t = 0xf0000000;
/// Notifications are non-confirmable, with a confirmable one now and then (RFC 7641 §4.5).
pub const COAP_RESOURCE_FLAGS_NOTIFY_NON: c_int = 0;
/// The library releases the path together with the resource.
pub const COAP_RESOURCE_FLAGS_RELEASE_URI: c_int = 1;
/// The seconds between two looks for observers to tell.
pub const COAP_RESOURCE_CHECK_TIME: c_int = 2;
/// Notifications are confirmable.
pub const COAP_RESOURCE_FLAGS_NOTIFY_CON: c_int = 2;
/// Notifications are non-confirmable without exception.
pub const COAP_RESOURCE_FLAGS_NOTIFY_NON_ALWAYS: c_int = 4;
/// The resource answers multicast requests.
pub const COAP_RESOURCE_FLAGS_HAS_MCAST_SUPPORT: c_int = 8;
/// Multicast requests are answered at once, without the leisure of RFC 7252 §8.2.
pub const COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_DELAYS: c_int = 0x10;
/// 2.05 responses without payload to multicast requests are not sent.
pub const COAP_RESOURCE_FLAGS_LIB_ENA_MCAST_SUPPRESS_2_05: c_int = 0x20;
/// 2.xx responses to multicast requests are not sent.
pub const COAP_RESOURCE_FLAGS_LIB_ENA_MCAST_SUPPRESS_2_XX: c_int = 0x40;
/// 4.xx responses to multicast requests are sent.
pub const COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_SUPPRESS_4_XX: c_int = 0x80;
/// 5.xx responses to multicast requests are sent.
pub const COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_SUPPRESS_5_XX: c_int = 0x100;
/// All flags that concern multicast.
pub const COAP_RESOURCE_FLAGS_MCAST_LIST: c_int = COAP_RESOURCE_FLAGS_HAS_MCAST_SUPPORT
    | COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_DELAYS
    | COAP_RESOURCE_FLAGS_LIB_ENA_MCAST_SUPPRESS_2_05
    | COAP_RESOURCE_FLAGS_LIB_ENA_MCAST_SUPPRESS_2_XX
    | COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_SUPPRESS_4_XX
    | COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_SUPPRESS_5_XX;
/// The handler gets block-wise bodies as a whole, whatever the context says.
pub const COAP_RESOURCE_FLAGS_FORCE_SINGLE_BODY: c_int = 0x200;
/// Requests must be protected by OSCORE.
pub const COAP_RESOURCE_FLAGS_OSCORE_ONLY: c_int = 0x400;
/// The handler for unknown resources also answers `/.well-known/core`.
pub const COAP_RESOURCE_HANDLE_WELLKNOWN_CORE: c_int = 0x800;

/// Answers a request for a resource: fills `response`, whose type, message ID and token are set.
/// `query` is the request's query or NULL. All pointers live until the handler returns.
pub type coap_method_handler_t = Option<
    unsafe extern "C" fn(
        resource: *mut coap_resource_t,
        session: *mut coap_session_t,
        request: *const coap_pdu_t,
        query: *const coap_string_t,
        response: *mut coap_pdu_t,
    ),
>;

/// How many bytes were printed, and the bits `COAP_PRINT_STATUS_...`.
pub type coap_print_status_t = u32;

/// Called with the user data of a resource when the resource goes.
pub type coap_resource_release_userdata_handler_t = Option<unsafe extern "C" fn(user_data: *mut c_void)>;
