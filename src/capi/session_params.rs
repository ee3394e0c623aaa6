//! `coap_session.h`, transmission parameters: each session has its own.

use super::ffi::{ffi, ffi_or};
use super::types::*;
use crate::protocol::params::{FixedPoint, Params};

/// Takes a number if it is one and not less than 1; else the session keeps what it has.
///
/// # Safety
/// `session` is NULL or live.
unsafe fn set_decimal(
    session: *mut coap_session_t,
    value: coap_fixed_point_t,
    set: impl FnOnce(&mut Params, FixedPoint),
) {
    if value.integer_part > 0 && value.fractional_part < 1000 {
        let value = FixedPoint::new(value.integer_part, value.fractional_part);
        // SAFETY: NULL or live, as the caller promises.
        ffi(|| unsafe { session.as_ref() }?.change(|s| set(s.params_mut(), value)));
    }
}

/// Reads a parameter; the default if there is no session.
///
/// # Safety
/// `session` is NULL or live.
unsafe fn get<T>(session: *const coap_session_t, get: impl Fn(&Params) -> T) -> T {
    // SAFETY: NULL or live, as the caller promises.
    ffi_or(get(&Params::DEFAULT), || unsafe { session.as_ref() }?.read(|s| get(s.params())))
}

/// A number as C has it.
fn to_c(value: FixedPoint) -> coap_fixed_point_t {
    coap_fixed_point_t { integer_part: value.integer, fractional_part: value.thousandths }
}

/// Takes a count; 0 changes nothing.
///
/// # Safety
/// `session` is NULL or live.
unsafe fn set_count(session: *mut coap_session_t, is_zero: bool, set: impl FnOnce(&mut Params)) {
    if !is_zero {
        // SAFETY: NULL or live, as the caller promises.
        ffi(|| unsafe { session.as_ref() }?.change(|s| set(s.params_mut())));
    }
}

/// Sets the first time-out of a confirmable message, in seconds (ACK_TIMEOUT, RFC 7252 §4.8). Values below 1, and such with more than 999 thousandths, are refused.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_set_ack_timeout(
    session: *mut coap_session_t,
    value: coap_fixed_point_t,
) {
    // SAFETY: as the caller promises.
    unsafe { set_decimal(session, value, |p, v| p.ack_timeout = v) }
}

/// The first time-out of a confirmable message, in seconds (ACK_TIMEOUT, RFC 7252 §4.8).
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_get_ack_timeout(session: *const coap_session_t) -> coap_fixed_point_t {
    // SAFETY: as the caller promises.
    to_c(unsafe { get(session, |p| p.ack_timeout) })
}

/// Sets by how much that time-out is varied (ACK_RANDOM_FACTOR, RFC 7252 §4.8). Values below 1, and such with more than 999 thousandths, are refused.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_set_ack_random_factor(
    session: *mut coap_session_t,
    value: coap_fixed_point_t,
) {
    // SAFETY: as the caller promises.
    unsafe { set_decimal(session, value, |p, v| p.ack_random_factor = v) }
}

/// By how much that time-out is varied (ACK_RANDOM_FACTOR, RFC 7252 §4.8).
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_get_ack_random_factor(
    session: *const coap_session_t,
) -> coap_fixed_point_t {
    // SAFETY: as the caller promises.
    to_c(unsafe { get(session, |p| p.ack_random_factor) })
}

/// Sets over how many seconds responses to a group are spread (DEFAULT_LEISURE, RFC 7252 §8.2). Values below 1, and such with more than 999 thousandths, are refused.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_set_default_leisure(
    session: *mut coap_session_t,
    value: coap_fixed_point_t,
) {
    // SAFETY: as the caller promises.
    unsafe { set_decimal(session, value, |p, v| p.default_leisure = v) }
}

/// Over how many seconds responses to a group are spread (DEFAULT_LEISURE, RFC 7252 §8.2).
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_get_default_leisure(
    session: *const coap_session_t,
) -> coap_fixed_point_t {
    // SAFETY: as the caller promises.
    to_c(unsafe { get(session, |p| p.default_leisure) })
}

/// Sets after how many seconds the next set of non-confirmable blocks may go (NON_TIMEOUT, RFC 9177 §7.2). Values below 1, and such with more than 999 thousandths, are refused.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_set_non_timeout(
    session: *mut coap_session_t,
    value: coap_fixed_point_t,
) {
    // SAFETY: as the caller promises.
    unsafe { set_decimal(session, value, |p, v| p.non_timeout = v) }
}

/// After how many seconds the next set of non-confirmable blocks may go (NON_TIMEOUT, RFC 9177 §7.2).
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_get_non_timeout(session: *const coap_session_t) -> coap_fixed_point_t {
    // SAFETY: as the caller promises.
    to_c(unsafe { get(session, |p| p.non_timeout) })
}

/// Sets for how many seconds missing non-confirmable blocks are waited for (NON_RECEIVE_TIMEOUT, RFC 9177 §7.2). Values below 1, and such with more than 999 thousandths, are refused.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_set_non_receive_timeout(
    session: *mut coap_session_t,
    value: coap_fixed_point_t,
) {
    // SAFETY: as the caller promises.
    unsafe { set_decimal(session, value, |p, v| p.non_receive_timeout = v) }
}

/// For how many seconds missing non-confirmable blocks are waited for (NON_RECEIVE_TIMEOUT, RFC 9177 §7.2).
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_get_non_receive_timeout(
    session: *const coap_session_t,
) -> coap_fixed_point_t {
    // SAFETY: as the caller promises.
    to_c(unsafe { get(session, |p| p.non_receive_timeout) })
}

/// Sets how often a confirmable message is sent again (MAX_RETRANSMIT, RFC 7252 §4.8). 0 is refused.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_set_max_retransmit(session: *mut coap_session_t, value: u16) {
    // SAFETY: as the caller promises.
    unsafe { set_count(session, value == 0, |p| p.max_retransmit = value) }
}

/// How often a confirmable message is sent again (MAX_RETRANSMIT, RFC 7252 §4.8).
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_get_max_retransmit(session: *const coap_session_t) -> u16 {
    // SAFETY: as the caller promises.
    unsafe { get(session, |p| p.max_retransmit) }
}

/// Sets how many confirmable messages are under way at a time (NSTART, RFC 7252 §4.7). 0 is refused.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_set_nstart(session: *mut coap_session_t, value: u16) {
    // SAFETY: as the caller promises.
    unsafe { set_count(session, value == 0, |p| p.nstart = value) }
}

/// How many confirmable messages are under way at a time (NSTART, RFC 7252 §4.7).
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_get_nstart(session: *const coap_session_t) -> u16 {
    // SAFETY: as the caller promises.
    unsafe { get(session, |p| p.nstart) }
}

/// Sets how many bytes a second may go to a peer that does not answer (PROBING_RATE, RFC 7252 §4.7). The library keeps the number for the application; it paces nothing by it. 0 is refused.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_set_probing_rate(session: *mut coap_session_t, value: u32) {
    // SAFETY: as the caller promises.
    unsafe { set_count(session, value == 0, |p| p.probing_rate = value) }
}

/// How many bytes a second may go to a peer that does not answer (PROBING_RATE, RFC 7252 §4.7). The library keeps the number for the application; it paces nothing by it.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_get_probing_rate(session: *const coap_session_t) -> u32 {
    // SAFETY: as the caller promises.
    unsafe { get(session, |p| p.probing_rate) }
}

/// Sets how many blocks go at a time (MAX_PAYLOADS, RFC 9177 §7.2). 0 is refused.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_set_max_payloads(session: *mut coap_session_t, value: u16) {
    // SAFETY: as the caller promises.
    unsafe { set_count(session, value == 0, |p| p.max_payloads = value) }
}

/// How many blocks go at a time (MAX_PAYLOADS, RFC 9177 §7.2).
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_get_max_payloads(session: *const coap_session_t) -> u16 {
    // SAFETY: as the caller promises.
    unsafe { get(session, |p| p.max_payloads) }
}

/// Sets how often missing non-confirmable blocks are asked for (NON_MAX_RETRANSMIT, RFC 9177 §7.2). 0 is refused.
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_set_non_max_retransmit(session: *mut coap_session_t, value: u16) {
    // SAFETY: as the caller promises.
    unsafe { set_count(session, value == 0, |p| p.non_max_retransmit = value) }
}

/// How often missing non-confirmable blocks are asked for (NON_MAX_RETRANSMIT, RFC 9177 §7.2).
///
/// # Safety
/// `session` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_session_get_non_max_retransmit(session: *const coap_session_t) -> u16 {
    // SAFETY: as the caller promises.
    unsafe { get(session, |p| p.non_max_retransmit) }
}
