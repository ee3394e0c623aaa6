//! `coap.h`: the version of the interface; the header itself includes all others.

use core::ffi::CStr;

/// The name of the interface.
///
/// cbindgen:ignore
pub const LIBCOAP_PACKAGE_NAME: &CStr = c"libcoap";
/// The name and version of the interface.
///
/// cbindgen:ignore
pub const LIBCOAP_PACKAGE_STRING: &CStr = c"libcoap 4.3.5";
/// The version of the interface.
///
/// cbindgen:ignore
pub const LIBCOAP_PACKAGE_VERSION: &CStr = c"4.3.5";
/// The version of the interface as a number: 4003005 is 4.3.5.
pub const LIBCOAP_VERSION: u32 = 4003005;
