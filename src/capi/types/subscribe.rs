//! `coap_subscribe.h`: observers and what must survive a restart.

use super::address::coap_address_t;
use super::forward_decls::{coap_context_t, coap_session_t, coap_subscription_t};
use super::io::coap_addr_tuple_t;
use super::pdu::coap_proto_t;
use super::str::{coap_bin_const_t, coap_str_const_t};
use core::ffi::{c_int, c_void};

/// Observe in a request: start, RFC 7641 §2.
pub const COAP_OBSERVE_ESTABLISH: u32 = 0;
/// Observe in a request: stop, RFC 7641 §2.
pub const COAP_OBSERVE_CANCEL: u32 = 1;

/// Told that a request has made a resource; `raw_packet` is the request as received, to be kept where
/// it survives a restart. Returns 1, or 0 if that failed.
pub type coap_dyn_resource_added_t = Option<
    unsafe extern "C" fn(
        session: *mut coap_session_t,
        resource_name: *mut coap_str_const_t,
        raw_packet: *mut coap_bin_const_t,
        user_data: *mut c_void,
    ) -> c_int,
>;

/// Told of a new observer, with all that is needed to set it up again after a restart. Returns 1, or 0
/// if that failed.
pub type coap_observe_added_t = Option<
    unsafe extern "C" fn(
        session: *mut coap_session_t,
        observe_key: *mut coap_subscription_t,
        e_proto: coap_proto_t,
        e_listen_addr: *mut coap_address_t,
        s_addr_info: *mut coap_addr_tuple_t,
        raw_packet: *mut coap_bin_const_t,
        oscore_info: *mut coap_bin_const_t,
        user_data: *mut c_void,
    ) -> c_int,
>;

/// Told that an observer is gone. Returns 1, or 0 if that failed.
pub type coap_observe_deleted_t = Option<
    unsafe extern "C" fn(
        session: *mut coap_session_t,
        observe_key: *mut coap_subscription_t,
        user_data: *mut c_void,
    ) -> c_int,
>;

/// Told that a resource is gone. Returns 1, or 0 if that failed.
pub type coap_resource_deleted_t = Option<
    unsafe extern "C" fn(
        context: *mut coap_context_t,
        resource_name: *mut coap_str_const_t,
        user_data: *mut c_void,
    ) -> c_int,
>;

/// Told the current value of a resource's Observe counter. Returns 1, or 0 if that failed.
pub type coap_track_observe_value_t = Option<
    unsafe extern "C" fn(
        context: *mut coap_context_t,
        resource_name: *mut coap_str_const_t,
        observe_num: u32,
        user_data: *mut c_void,
    ) -> c_int,
>;
