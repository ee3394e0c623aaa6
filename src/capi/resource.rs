//! `coap_resource.h`: resources, their handlers, and the contexts they are in.

use super::application::program;
use super::ffi::ffi;
use super::handle::share;
use super::pdu::bytes;
use super::str::{coap_delete_str_const, coap_new_str_const};
use super::types::*;
use crate::driver::Context;
use crate::log;
use crate::message::Code;
use crate::protocol::engine::Handle;
use crate::protocol::resource::{Entry, Flags, Kind, Resource, ResourceId};
use core::ffi::{CStr, c_char, c_int, c_void};
use core::sync::atomic::{AtomicPtr, Ordering};
use core::{mem, ptr, slice};
use parking_lot::{Mutex, RwLock};
use std::sync::{Arc, Weak};

/// A string that the library frees: a copy of what the application gave, or what it gave away.
#[derive(Debug)]
pub(super) struct Text(pub(super) *mut coap_str_const_t);

impl Text {
    pub(super) fn copy(text: &[u8]) -> Option<Text> {
        // SAFETY: the pointer and the length are those of a slice.
        let copy = unsafe { coap_new_str_const(text.as_ptr(), text.len()) };
        (!copy.is_null()).then_some(Text(copy))
    }

    /// The string itself if the application gives it away, else a copy.
    ///
    /// # Safety
    /// `text` is a live string, and one made by the library if it is given away.
    pub(super) unsafe fn take_or_copy(text: *mut coap_str_const_t, is_given: bool) -> Option<Text> {
        if is_given {
            return (!text.is_null()).then_some(Text(text));
        }
        // SAFETY: a live string, as the caller promises.
        Text::copy(unsafe { text_bytes(text) }?)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        // SAFETY: it lives until `self` is dropped.
        unsafe { text_bytes(self.0) }.unwrap_or(&[])
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        // SAFETY: it is the library's own and nobody else frees it.
        unsafe { coap_delete_str_const(self.0) };
    }
}

/// The bytes of a string.
///
/// # Safety
/// `text` is NULL or a string that lives as long as the result is used.
pub(super) unsafe fn text_bytes<'a>(text: *const coap_str_const_t) -> Option<&'a [u8]> {
    // SAFETY: NULL or live, as the caller promises.
    let text = unsafe { text.as_ref() }?;
    // SAFETY: a live string has its bytes.
    unsafe { bytes(text.s, text.length) }
}

/// Where a resource is.
enum Place {
    /// In no context yet: the application owns it.
    New,
    /// In the table of this context.
    Added(Weak<Context>, ResourceId),
    /// Taken out: it lives for the handler that is running, if there is one.
    Deleted,
}

/// A resource: what the protocol knows of it and what C added. The pointer that C holds is one
/// count of an [`Arc`]; it is the application's until the resource is added, and the table's from
/// then on.
#[allow(non_camel_case_types)]
pub struct coap_resource_t {
    pub(crate) core: Arc<Resource>,
    place: Mutex<Place>,
    handlers: RwLock<[coap_method_handler_t; 7]>,
    user_data: AtomicPtr<c_void>,
    path: Text,
    #[expect(clippy::vec_box, reason = "C holds pointers to them")]
    pub(super) attributes: Mutex<Vec<Box<coap_attr_t>>>,
}

// SAFETY: the strings are never changed, the rest is atomic or locked, and what the user data
// points to is the application's to look after.
unsafe impl Send for coap_resource_t {}
// SAFETY: as above.
unsafe impl Sync for coap_resource_t {}

impl coap_resource_t {
    fn new(path: Text, kind: Kind, flags: c_int) -> Self {
        coap_resource_t {
            core: Arc::new(Resource::new(path.as_bytes(), kind, Flags(flags as u32))),
            place: Mutex::new(Place::New),
            handlers: RwLock::new([None; 7]),
            user_data: AtomicPtr::new(ptr::null_mut()),
            path,
            attributes: Mutex::new(Vec::new()),
        }
    }

    /// Gives it to C.
    fn into_raw(self) -> *mut coap_resource_t {
        Arc::into_raw(Arc::new(self)).cast_mut()
    }

    /// The handler for a method.
    pub(crate) fn handler(&self, method: Code) -> coap_method_handler_t {
        let index = usize::from(method.0).checked_sub(1)?;
        self.handlers.read().get(index).copied().flatten()
    }

    fn set_handler(&self, method: coap_request_t, handler: coap_method_handler_t) {
        let method = u8::try_from(method).map_or(Code::EMPTY, Code);
        let index = usize::from(method.0).wrapping_sub(1);
        let mut handlers = self.handlers.write();
        match handlers.get_mut(index) {
            Some(slot) => {
                *slot = handler;
                self.core.set_method(method, handler.is_some());
            }
            None => log!(WARN, "coap_register_request_handler: {method} is not a method"),
        }
    }

    fn set_all_handlers(&self, handler: coap_method_handler_t) {
        (1..=7).for_each(|method| self.set_handler(method, handler));
    }

    /// Has the application release its data, once only. No lock is held meanwhile.
    fn release_user_data(&self, context: &Context) {
        let data = self.user_data.swap(ptr::null_mut(), Ordering::AcqRel);
        let release = program(context).and_then(|program| *program.release_user_data.lock());
        if let (Some(release), false) = (release, data.is_null()) {
            // SAFETY: the program registered it for the data of its resources.
            unsafe { release(data) };
        }
    }
}

/// The flags that resources without a path keep.
const FALLBACK_FLAGS: c_int = COAP_RESOURCE_FLAGS_MCAST_LIST | COAP_RESOURCE_HANDLE_WELLKNOWN_CORE;

/// Makes a resource for one path, given without a leading slash; NULL and an empty path are the
/// root. Bytes of the path that a URI cannot show are percent-encoded (RFC 3986 §2.1), with upper
/// case digits. `flags` is any of `COAP_RESOURCE_FLAGS_...`; with
/// `COAP_RESOURCE_FLAGS_RELEASE_URI` the library frees `uri_path`, which must have been made by
/// it, together with the resource; otherwise it is copied.
///
/// Returns the resource, to be given handlers and then to `coap_add_resource`, or NULL if memory
/// runs out.
///
/// # Safety
/// `uri_path` is NULL or a live string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_resource_init(
    uri_path: *mut coap_str_const_t,
    flags: c_int,
) -> *mut coap_resource_t {
    ffi(|| {
        let path = match uri_path.is_null() {
            true => Text::copy(b"")?,
            // SAFETY: a live string, and the library's own if the caller gives it away.
            false => unsafe { Text::take_or_copy(uri_path, flags & COAP_RESOURCE_FLAGS_RELEASE_URI != 0) }?,
        };
        Some(coap_resource_t::new(path, Kind::Plain, flags).into_raw())
    })
}

/// The same as `coap_resource_unknown_init2` without flags.
#[unsafe(no_mangle)]
pub extern "C" fn coap_resource_unknown_init(put_handler: coap_method_handler_t) -> *mut coap_resource_t {
    ffi(|| unknown(put_handler, 0))
}

/// Makes the resource that answers requests for paths no other resource has. It handles PUT;
/// `coap_register_request_handler` adds other methods. `flags` is any of the multicast flags and
/// `COAP_RESOURCE_HANDLE_WELLKNOWN_CORE`, with which it also answers `/.well-known/core`.
///
/// A context has one such resource or one reverse proxy: adding another deletes the one before.
/// It cannot be observed. Returns NULL if memory runs out.
#[unsafe(no_mangle)]
pub extern "C" fn coap_resource_unknown_init2(
    put_handler: coap_method_handler_t,
    flags: c_int,
) -> *mut coap_resource_t {
    ffi(|| unknown(put_handler, flags))
}

fn unknown(put_handler: coap_method_handler_t, flags: c_int) -> Option<*mut coap_resource_t> {
    let path = Text::copy(b"- Unknown -")?;
    let resource = coap_resource_t::new(path, Kind::Unknown, flags & FALLBACK_FLAGS);
    resource.set_handler(COAP_REQUEST_PUT, put_handler);
    Some(resource.into_raw())
}

/// The same as `coap_resource_proxy_uri_init2` without flags.
///
/// # Safety
/// As for `coap_resource_proxy_uri_init2`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_resource_proxy_uri_init(
    handler: coap_method_handler_t,
    host_name_count: usize,
    host_name_list: *mut *const c_char,
) -> *mut coap_resource_t {
    // SAFETY: as the caller promises.
    unsafe { coap_resource_proxy_uri_init2(handler, host_name_count, host_name_list, 0) }
}

/// Makes the resource that answers requests with a Proxy-Uri or Proxy-Scheme option, whatever
/// their method. `host_name_list` has the `host_name_count` names of this server: a request that
/// names one of them is served here like any other. The names are copied. `flags` is any of the
/// multicast flags.
///
/// A context has one such resource: adding another deletes the one before. Returns NULL if there
/// is no name, or memory runs out.
///
/// # Safety
/// `host_name_list` has `host_name_count` strings, each ended by a zero byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_resource_proxy_uri_init2(
    handler: coap_method_handler_t,
    host_name_count: usize,
    host_name_list: *mut *const c_char,
    flags: c_int,
) -> *mut coap_resource_t {
    ffi(|| {
        if host_name_count == 0 || host_name_list.is_null() {
            log!(ERR, "coap_resource_proxy_uri_init: Must have one or more host names defined");
            return None;
        }
        // SAFETY: the caller promises as many pointers.
        let names = unsafe { slice::from_raw_parts(host_name_list, host_name_count) };
        if names.iter().any(|name| name.is_null()) {
            log!(ERR, "coap_resource_proxy_uri_init: a host name is NULL");
            return None;
        }
        // SAFETY: not NULL, and the caller promises strings.
        let hosts = names.iter().map(|&name| unsafe { CStr::from_ptr(name) }.to_bytes().into()).collect();
        let path = Text::copy(b"- Proxy URI -")?;
        let kind = Kind::ProxyUri { hosts };
        let resource = coap_resource_t::new(path, kind, flags & COAP_RESOURCE_FLAGS_MCAST_LIST);
        resource.set_all_handlers(handler);
        Some(resource.into_raw())
    })
}

/// Makes the resource of a reverse proxy: it answers requests for paths no other resource has,
/// `/.well-known/core` included, whatever their method. `flags` is any of the multicast flags.
///
/// A context has one such resource or one for unknown paths: adding another deletes the one
/// before. Returns NULL if memory runs out.
#[unsafe(no_mangle)]
pub extern "C" fn coap_resource_reverse_proxy_init(
    handler: coap_method_handler_t,
    flags: c_int,
) -> *mut coap_resource_t {
    ffi(|| {
        let path = Text::copy(b"- Rev Proxy -")?;
        let resource = coap_resource_t::new(path, Kind::ReverseProxy, flags & FALLBACK_FLAGS);
        resource.set_all_handlers(handler);
        Some(resource.into_raw())
    })
}

/// Ends a resource that was taken out of its context's table. Its memory stays for the handler
/// that is running, if there is one.
fn end(context: &Context, entry: Entry<Handle>) {
    if let Some(resource) = entry.handle.downcast_ref::<coap_resource_t>() {
        *resource.place.lock() = Place::Deleted;
        resource.release_user_data(context);
    }
}

/// Deletes all resources of a context that ends.
pub(crate) fn remove_all(context: &Context) {
    while let Some(entry) = context.with(|state| state.engine.resources.pop()) {
        end(context, entry);
    }
}

/// Deletes all resources of a context that ends while it keeps account of them: their observers are
/// told, and the account is closed.
pub(crate) fn close_account(context: &Arc<Context>) {
    if !context.with(|state| state.engine.is_tracking()) {
        return;
    }
    let all: Vec<_> = context.with(|state| {
        let resources = &state.engine.resources;
        let special = [resources.fallback(), resources.proxy()].into_iter().flatten();
        resources.iter().chain(special).map(|(id, _)| id).collect()
    });
    for id in all {
        let removed = context.with(|state| state.engine.remove_resource(crate::clock::now(), id));
        context.tell_changes();
        if let Some(entry) = removed {
            end(context, entry);
        }
    }
}

/// Adds a resource to a context, which owns it from then on. A resource with the same path that
/// is there already is deleted first; for one of the special kinds, the one of that kind.
///
/// # Safety
/// `context` is NULL or live; `resource` is NULL or a live resource.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_add_resource(context: *mut coap_context_t, resource: *mut coap_resource_t) {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let (context, shared) = unsafe { (share(context)?, share(resource)?) };
        let mut place = shared.place.lock();
        if !matches!(*place, Place::New) {
            log!(WARN, "coap_add_resource: the resource was added before");
            return None;
        }
        let add = |state: &mut crate::driver::State| {
            let (core, handle) = (Arc::clone(&shared.core), Arc::clone(&shared) as Handle);
            state.engine.add_resource(crate::clock::now(), core, handle)
        };
        let (id, replaced) = context.with(add).ok()?;
        *place = Place::Added(Arc::downgrade(&context), id);
        drop(place);
        // SAFETY: the count that the application held; the table has its own.
        drop(unsafe { Arc::from_raw(resource) });
        if let Some(old) = replaced {
            if *old.resource.kind() == Kind::Plain {
                let path = String::from_utf8_lossy(old.resource.path());
                log!(WARN, "coap_add_resource: Duplicate uri_path '{path}', old resource deleted");
            }
            end(&context, old);
        }
        if *shared.core.kind() == Kind::Plain {
            context.resource_added(shared.core.path());
        }
        context.tell_changes();
        Some(())
    });
}

/// Deletes a resource with its attributes; `context` is not looked at. Its user data is released.
/// A handler may delete the resource that it was called for: the memory stays until it returns.
///
/// Returns 1, or 0 if `resource` is NULL or was deleted before in the same handler.
///
/// # Safety
/// `resource` is NULL or a live resource, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_delete_resource(
    _context: *mut coap_context_t,
    resource: *mut coap_resource_t,
) -> c_int {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let shared = unsafe { share(resource) }?;
        let place = mem::replace(&mut *shared.place.lock(), Place::Deleted);
        match place {
            // SAFETY: the count that the application held.
            Place::New => drop(unsafe { Arc::from_raw(resource) }),
            Place::Added(context, id) => {
                let context = context.upgrade()?;
                end(&context, context.with(|state| state.engine.remove_resource(crate::clock::now(), id))?);
                context.tell_changes();
            }
            Place::Deleted => {
                log!(WARN, "coap_delete_resource: the resource was deleted before");
                return None;
            }
        }
        Some(1)
    })
}

/// The resource of a context with this path, as it was registered, or NULL. Resources without a
/// path of their own are not found.
///
/// # Safety
/// `context` is NULL or live; `uri_path` is NULL or a live string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_get_resource_from_uri_path(
    context: *mut coap_context_t,
    uri_path: *mut coap_str_const_t,
) -> *mut coap_resource_t {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let (context, path) = unsafe { (share(context)?, text_bytes(uri_path)?) };
        context.with(|state| {
            let resources = &state.engine.resources;
            Some(as_c(&resources.get(resources.find(path)?)?.handle))
        })
    })
}

/// The pointer that C holds for the handle of a resource.
pub(crate) fn as_c(handle: &Handle) -> *mut coap_resource_t {
    Arc::as_ptr(handle).cast_mut().cast()
}

/// Sets what is called with the user data of a resource of this context, unless it is NULL, when
/// the resource is deleted. NULL, as it is at first, calls nothing.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_resource_release_userdata_handler(
    context: *mut coap_context_t,
    callback: coap_resource_release_userdata_handler_t,
) {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let context = unsafe { share(context) }?;
        *program(&context)?.release_user_data.lock() = callback;
        Some(())
    });
}

/// The path of a resource, which lives as long as the resource; NULL for NULL.
///
/// # Safety
/// `resource` is NULL or a live resource.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_resource_get_uri_path(resource: *mut coap_resource_t) -> *mut coap_str_const_t {
    // SAFETY: NULL or live, as the caller promises.
    ffi(|| unsafe { resource.as_ref() }.map(|r| r.path.0))
}

/// Sets how notifications of a resource are sent: `mode` is `COAP_RESOURCE_FLAGS_NOTIFY_NON`,
/// `COAP_RESOURCE_FLAGS_NOTIFY_NON_ALWAYS` or `COAP_RESOURCE_FLAGS_NOTIFY_CON`.
///
/// # Safety
/// `resource` is NULL or a live resource.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_resource_set_mode(resource: *mut coap_resource_t, mode: c_int) {
    // SAFETY: NULL or live, as the caller promises.
    ffi(|| unsafe { resource.as_ref() }.map(|r| r.core.set_notify_mode(Flags(mode as u32))));
}

/// Sets a pointer of the application's own to be kept with the resource. The pointer before is
/// forgotten, not released.
///
/// # Safety
/// `resource` is NULL or a live resource.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_resource_set_userdata(resource: *mut coap_resource_t, data: *mut c_void) {
    // SAFETY: NULL or live, as the caller promises.
    ffi(|| unsafe { resource.as_ref() }.map(|r| r.user_data.store(data, Ordering::Release)));
}

/// The pointer that `coap_resource_set_userdata` set, or NULL.
///
/// # Safety
/// `resource` is NULL or a live resource.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_resource_get_userdata(resource: *mut coap_resource_t) -> *mut c_void {
    // SAFETY: NULL or live, as the caller promises.
    ffi(|| unsafe { resource.as_ref() }.map(|r| r.user_data.load(Ordering::Acquire)))
}

/// Sets the handler of a resource for one method, `COAP_REQUEST_GET` to `COAP_REQUEST_IPATCH`.
/// NULL takes it away: such requests are then answered 4.05. Any other method is refused with a
/// warning in the log.
///
/// # Safety
/// `resource` is NULL or a live resource.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_register_request_handler(
    resource: *mut coap_resource_t,
    method: coap_request_t,
    handler: coap_method_handler_t,
) {
    // SAFETY: NULL or live, as the caller promises.
    ffi(|| unsafe { resource.as_ref() }.map(|r| r.set_handler(method, handler)));
}

/// The same as `coap_register_request_handler`, under its old name.
///
/// # Safety
/// `resource` is NULL or a live resource.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_register_handler(
    resource: *mut coap_resource_t,
    method: coap_request_t,
    handler: coap_method_handler_t,
) {
    // SAFETY: as the caller promises.
    unsafe { coap_register_request_handler(resource, method, handler) };
}

/// The old name of `coap_resource_notify_observers()`.
///
/// # Safety
/// `r` is NULL or a live resource.
#[unsafe(no_mangle)]
#[deprecated(note = "use coap_resource_notify_observers()")]
pub unsafe extern "C" fn coap_resource_set_dirty(
    r: *mut coap_resource_t,
    query: *const coap_string_t,
) -> c_int {
    let _ = query;
    // SAFETY: as the caller promises.
    ffi(|| unsafe { notify(r) })
}

/// Has the observers of a resource notified in the next turn. Gives what C is answered.
///
/// # Safety
/// `resource` is NULL or a live resource.
pub(super) unsafe fn notify(resource: *const coap_resource_t) -> Option<c_int> {
    // SAFETY: NULL or live, as the caller promises.
    let resource = unsafe { resource.as_ref() }?;
    let (context, id) = match &*resource.place.lock() {
        Place::Added(context, id) => (context.upgrade()?, *id),
        Place::New | Place::Deleted => return None,
    };
    Some(context.with(|state| state.engine.notify(id)).into())
}
