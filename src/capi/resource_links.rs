//! `coap_resource.h`: attributes, and resources as links (RFC 6690).

use super::ffi::{ffi, ffi_or};
use super::handle::share;
use super::pdu::bytes;
use super::resource::{Text, text_bytes};
use super::types::*;
use crate::message::link_format::{Filter, Window};
use core::ffi::c_int;
use core::{ptr, slice};

/// An attribute of a resource. It lives as long as the resource.
#[allow(non_camel_case_types)]
#[derive(Debug)]
pub struct coap_attr_t {
    name: Text,
    value: Option<Text>,
}

/// Adds an attribute, which the list of resources shows as `;name=value`, or `;name` if `value` is
/// NULL. A value that is to stand in quotes has them. With `COAP_ATTR_FLAGS_RELEASE_NAME` or
/// `COAP_ATTR_FLAGS_RELEASE_VALUE` the library frees that string, which must have been made by it,
/// together with the resource; otherwise it is copied. A name may be added more than once:
/// the list shows all, a filter sees the last.
///
/// Returns the attribute, or NULL if there is no resource or name, or memory runs out.
///
/// # Safety
/// `resource` is NULL or a live resource; `name` and `value` are NULL or live strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_add_attr(
    resource: *mut coap_resource_t,
    name: *mut coap_str_const_t,
    value: *mut coap_str_const_t,
    flags: c_int,
) -> *mut coap_attr_t {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let resource = unsafe { resource.as_ref() }?;
        // What cannot be read stays the caller's, also if it was to be given away.
        // SAFETY: NULL or live, as the caller promises.
        unsafe { text_bytes(name)? };
        if !value.is_null() {
            // SAFETY: live, as the caller promises.
            unsafe { text_bytes(value)? };
        }
        // SAFETY: live, and the library's own if the caller gives it away.
        let name = unsafe { Text::take_or_copy(name, flags & COAP_ATTR_FLAGS_RELEASE_NAME != 0) }?;
        let value = match value.is_null() {
            true => None,
            // SAFETY: as above.
            false => Some(unsafe { Text::take_or_copy(value, flags & COAP_ATTR_FLAGS_RELEASE_VALUE != 0) }?),
        };
        let mut attributes = resource.attributes.lock();
        resource.core.add_attribute(name.as_bytes(), value.as_ref().map(Text::as_bytes));
        attributes.push(Box::new(coap_attr_t { name, value }));
        attributes.last_mut().map(|attribute| ptr::from_mut(&mut **attribute))
    })
}

/// The attribute with this name, the one added last if there are several, or NULL.
///
/// # Safety
/// `resource` is NULL or a live resource; `name` is NULL or a live string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_find_attr(
    resource: *mut coap_resource_t,
    name: *mut coap_str_const_t,
) -> *mut coap_attr_t {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let resource = unsafe { resource.as_ref() }?;
        // SAFETY: NULL or live, as the caller promises.
        let name = unsafe { text_bytes(name) }?;
        let mut attributes = resource.attributes.lock();
        let found = attributes.iter_mut().rev().find(|a| a.name.as_bytes() == name)?;
        Some(ptr::from_mut(&mut **found))
    })
}

/// The value of an attribute, which lives as long as the resource; NULL if it has none.
///
/// # Safety
/// `attribute` is NULL or an attribute of a live resource.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_attr_get_value(attribute: *mut coap_attr_t) -> *mut coap_str_const_t {
    // SAFETY: NULL or live, as the caller promises.
    ffi(|| unsafe { attribute.as_ref() }?.value.as_ref().map(|value| value.0))
}

/// What a C function that prints through a window answers.
pub(crate) fn print_status(window: &Window<'_>) -> coap_print_status_t {
    let cut = if window.is_cut() { COAP_PRINT_STATUS_TRUNC } else { 0 };
    // A window is never longer than this: see `window_buffer`.
    cut | window.filled() as coap_print_status_t & COAP_PRINT_STATUS_MAX
}

/// The buffer of a C function that prints through a window.
///
/// # Safety
/// `buf` is NULL or has `len` bytes, which nobody else uses as long as the result is used.
pub(crate) unsafe fn window_buffer<'a>(buf: *mut u8, len: usize) -> Option<&'a mut [u8]> {
    if len == 0 {
        return Some(&mut []);
    }
    let len = len.min(COAP_PRINT_STATUS_MAX as usize);
    // SAFETY: not NULL, of a possible length, and the caller promises the bytes.
    (!buf.is_null()).then(|| unsafe { slice::from_raw_parts_mut(buf, len) })
}

/// Prints a resource as the list of resources shows it: `</path>;name=value`. `*len` is the length
/// of `buf`, and `*offset` how many bytes to leave out. On return `*len` is the length of the
/// whole text, and `*offset` how many bytes were still to be left out at its end.
///
/// Returns how many bytes are in `buf` (`COAP_PRINT_OUTPUT_LENGTH`), with
/// `COAP_PRINT_STATUS_TRUNC` set when text was left out at the end, or `COAP_PRINT_STATUS_ERROR`
/// when a pointer is NULL.
///
/// # Safety
/// `resource` is NULL or a live resource; `len` and `offset` are NULL or may be written; `buf` has
/// `*len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_print_link(
    resource: *const coap_resource_t,
    buf: *mut u8,
    len: *mut usize,
    offset: *mut usize,
) -> coap_print_status_t {
    ffi_or(COAP_PRINT_STATUS_ERROR, || {
        // SAFETY: NULL or live, as the caller promises.
        let resource = unsafe { resource.as_ref() }?;
        // SAFETY: NULL or writable, as the caller promises.
        let (len, offset) = unsafe { (len.as_mut()?, offset.as_mut()?) };
        // SAFETY: NULL or as long as `*len` says.
        let mut window = Window::new(unsafe { window_buffer(buf, *len) }?, *offset);
        resource.core.write_link(&mut window);
        *len = window.total();
        *offset = offset.saturating_sub(window.total());
        Some(print_status(&window))
    })
}

/// Prints the list of resources as `/.well-known/core` shows it (RFC 6690), from its byte number
/// `offset` on. `*buflen` is the length of `buf`, and on return the length of the whole list.
/// `query_filter` is NULL or the query of a request, `href=/path` or `name=value`, where a `*` at
/// the end stands for any rest; an empty one selects everything, one without `=` nothing.
///
/// Returns how many bytes are in `buf` (`COAP_PRINT_OUTPUT_LENGTH`), with
/// `COAP_PRINT_STATUS_TRUNC` set when text was left out at the end, or `COAP_PRINT_STATUS_ERROR`
/// when a pointer is NULL.
///
/// # Safety
/// `context` is NULL or live; `buflen` is NULL or may be written; `buf` has `*buflen` bytes;
/// `query_filter` is NULL or a live string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_print_wellknown(
    context: *mut coap_context_t,
    buf: *mut u8,
    buflen: *mut usize,
    offset: usize,
    query_filter: *const coap_string_t,
) -> coap_print_status_t {
    ffi_or(COAP_PRINT_STATUS_ERROR, || {
        // SAFETY: NULL or live, as the caller promises.
        let (context, len) = unsafe { (share(context)?, buflen.as_mut()?) };
        // SAFETY: NULL or a live string, as the caller promises.
        let query = match unsafe { query_filter.as_ref() } {
            // SAFETY: a live string has its bytes.
            Some(query) => unsafe { bytes(query.s, query.length) }?,
            None => &[],
        };
        // SAFETY: NULL or as long as `*buflen` says.
        let mut window = Window::new(unsafe { window_buffer(buf, *len) }?, offset);
        let filter = Filter::new(query);
        context.with(|state| state.engine.resources.write_well_known(&filter, &mut window));
        *len = window.total();
        Some(print_status(&window))
    })
}
