//! `coap_subscribe.h`: resources that can be observed.

use super::ffi::ffi;
use super::types::*;
use core::ffi::c_int;

/// Sets whether a client may observe a resource with GET or FETCH (RFC 7641): `mode` 1 if so, 0 if
/// not, as it is at first. The list of resources shows `;obs` for one that may be observed.
///
/// # Safety
/// `resource` is NULL or a live resource.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_resource_set_get_observable(resource: *mut coap_resource_t, mode: c_int) {
    // SAFETY: NULL or live, as the caller promises.
    ffi(|| unsafe { resource.as_ref() }.map(|r| r.core.set_observable(mode != 0)));
}
