//! `coap_subscribe.h`: what a server keeps over a restart.

use super::address::{from_c, to_c};
use super::application::program;
use super::ffi::{ffi, text};
use super::handle::{as_c, share};
use super::pdu::bytes;
use super::types::*;
use crate::driver::{Context, Files, Tracked};
use crate::log;
use core::ffi::{c_char, c_int, c_void};
use core::ptr;
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::path::PathBuf;
use std::sync::Arc;

/// What a program registered to hear of changes.
#[derive(Clone, Copy)]
struct Functions {
    observed: coap_observe_added_t,
    unobserved: coap_observe_deleted_t,
    number: coap_track_observe_value_t,
    made: coap_dyn_resource_added_t,
    gone: coap_resource_deleted_t,
    user_data: *mut c_void,
}

// SAFETY: the library does not follow the user data; the program that registered it says by that
// that the functions may be called with it from any thread that runs the loop.
unsafe impl Send for Functions {}

impl Functions {
    /// Only those for what has no file.
    fn without(self, files: &Files) -> Self {
        let no_observers = files.observers.is_none();
        let no_counters = files.counters.is_none();
        let no_resources = files.resources.is_none();
        Functions {
            observed: self.observed.filter(|_| no_observers),
            unobserved: self.unobserved.filter(|_| no_observers),
            number: self.number.filter(|_| no_counters),
            made: self.made.filter(|_| no_resources),
            gone: self.gone.filter(|_| no_counters && no_resources),
            user_data: self.user_data,
        }
    }
}

/// The functions of a context, and the observations as C knows them: pointers that it compares and
/// never follows.
#[derive(Default)]
pub(crate) struct Trackers {
    functions: Mutex<Option<Functions>>,
    observations: Mutex<HashMap<u64, Box<u64>>>,
}

impl Trackers {
    fn key(&self, name: u64) -> *mut coap_subscription_t {
        let mut observations = self.observations.lock();
        let key = observations.entry(name).or_insert_with(|| Box::new(name));
        ptr::from_mut::<u64>(key).cast()
    }

    /// Calls the function for a change. No lock is held meanwhile.
    pub(crate) fn tell(&self, context: &Arc<Context>, change: Tracked<'_>) {
        let functions = *self.functions.lock();
        if let Some(functions) = functions {
            self.call(&functions, context, change);
        }
        if let Tracked::Unobserved { name, .. } = change {
            self.observations.lock().remove(&name);
        }
    }

    fn call(&self, functions: &Functions, context: &Arc<Context>, change: Tracked<'_>) {
        let user_data = functions.user_data;
        match change {
            Tracked::Observed { name, session, listen, path, packet } => {
                let Some(observed) = functions.observed else { return };
                let mut listen = to_c(listen);
                let mut ends = coap_addr_tuple_t { remote: to_c(&path.remote), local: to_c(&path.local) };
                let mut packet = coap_bin_const_t { length: packet.len(), s: packet.as_ptr() };
                // SAFETY: the program registered the function for this; the pointers are good for
                // the call.
                unsafe {
                    observed(
                        as_c(session),
                        self.key(name),
                        COAP_PROTO_UDP,
                        &mut listen,
                        &mut ends,
                        &mut packet,
                        ptr::null_mut(),
                        user_data,
                    );
                }
            }
            Tracked::Unobserved { name, session } => {
                let Some(unobserved) = functions.unobserved else { return };
                let session = session.map_or(ptr::null_mut(), as_c);
                // SAFETY: as above.
                unsafe { unobserved(session, self.key(name), user_data) };
            }
            Tracked::Number { path, number } => {
                let Some(tracked) = functions.number else { return };
                // SAFETY: as above.
                with_name(path, |name| unsafe { tracked(as_c(context), name, number, user_data) });
            }
            Tracked::Made { session, path, packet } => {
                let Some(made) = functions.made else { return };
                let mut packet = coap_bin_const_t { length: packet.len(), s: packet.as_ptr() };
                // SAFETY: as above.
                with_name(path, |name| unsafe { made(as_c(session), name, &mut packet, user_data) });
            }
            Tracked::Gone { path } => {
                let Some(gone) = functions.gone else { return };
                // SAFETY: as above.
                with_name(path, |name| unsafe { gone(as_c(context), name, user_data) });
            }
        }
    }
}

/// Lends C the path of a resource, with a zero byte behind it as all its strings have.
fn with_name(path: &[u8], body: impl FnOnce(*mut coap_str_const_t) -> c_int) {
    let text = [path, b"\0"].concat();
    let mut name = coap_str_const_t { length: path.len(), s: text.as_ptr() };
    body(&mut name);
}

/// A path that C gave; `Ok(None)` for NULL.
///
/// # Safety
/// `name` is NULL or a C string.
unsafe fn file(name: *const c_char) -> Option<Option<PathBuf>> {
    match name.is_null() {
        true => Some(None),
        // SAFETY: a C string, as the caller promises.
        false => unsafe { text(name) }.map(|name| Some(PathBuf::from(name))),
    }
}

/// Keeps the state of a server in files, so that it can be killed at any time and goes on when it is
/// started again: the resources that requests to the unknown resource have made, the observers, and
/// the observe numbers of resources, of which one of `save_freq` is written down. Each of the three
/// file names may be NULL: then that is not kept.
///
/// What the files have is put back at once. So call it after the endpoints are open and the resources
/// are added: the handler of the unknown resource is called with each request that made a resource,
/// and its answers go nowhere; observers come back with their sessions, and hear of the next change
/// with a number larger than any they have seen.
///
/// What a file is named for, the functions that `coap_persist_track_funcs()` set before are not told
/// of any more.
///
/// Returns 1; or 0, with a line in the log, if a file is not one that this function has written, or
/// was changed since, or cannot be written, or is named twice. Then nothing is put back or kept, and
/// the files are left as they are.
///
/// # Safety
/// `context` is NULL or live; each name is NULL or a string ended by a zero byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_persist_startup(
    context: *mut coap_context_t,
    dyn_resource_save_file: *const c_char,
    observe_save_file: *const c_char,
    obs_cnt_save_file: *const c_char,
    save_freq: u32,
) -> c_int {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let context = unsafe { share(context) }?;
        // SAFETY: NULL or strings, as the caller promises.
        let files = unsafe {
            Files {
                resources: file(dyn_resource_save_file)?,
                observers: file(observe_save_file)?,
                counters: file(obs_cnt_save_file)?,
            }
        };
        let functions = &program(&context)?.trackers.functions;
        // What the library keeps the program is not told of.
        let before = *functions.lock();
        *functions.lock() = before.map(|functions| functions.without(&files));
        if let Err(e) = context.start_keeping(files, save_freq) {
            log!(ERR, "coap_persist_startup: {e}");
            *functions.lock() = before;
            return None;
        }
        Some(1)
    })
}

/// Ends what `coap_persist_startup()` and `coap_persist_track_funcs()` began, and leaves the files as
/// they are for the next start. Observers of resources that are deleted from now on are not told, as
/// the server is going to be back. Call it before `coap_free_context()`.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_persist_stop(context: *mut coap_context_t) {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let context = unsafe { share(context) }?;
        context.stop_keeping();
        let trackers = &program(&context)?.trackers;
        *trackers.functions.lock() = None;
        trackers.observations.lock().clear();
        Some(())
    });
}

/// Sets the functions that are told of what a server must know after a restart, for a program that
/// keeps it in a place of its own. Any may be NULL. `save_freq` says of how many observe numbers one
/// is told; `user_data` is handed to each function. What they return is not looked at.
///
/// `observe_added` is called before the handler of the request, with what
/// `coap_persist_observe_add()` wants; the number of the resource follows. `observe_deleted` is
/// called when an observation ends, whatever ends it. `dyn_resource_added` is called for each resource
/// with a path of its own that the handler of the unknown resource adds, within
/// `coap_add_resource()`. `resource_deleted` is called for each resource that is deleted, also by
/// `coap_free_context()`, unless `coap_persist_stop()` was called.
///
/// # Safety
/// `context` is NULL or live; the functions may be called until the context or the tracking ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_persist_track_funcs(
    context: *mut coap_context_t,
    observe_added: coap_observe_added_t,
    observe_deleted: coap_observe_deleted_t,
    track_observe_value: coap_track_observe_value_t,
    dyn_resource_added: coap_dyn_resource_added_t,
    resource_deleted: coap_resource_deleted_t,
    save_freq: u32,
    user_data: *mut c_void,
) {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let context = unsafe { share(context) }?;
        *program(&context)?.trackers.functions.lock() = Some(Functions {
            observed: observe_added,
            unobserved: observe_deleted,
            number: track_observe_value,
            made: dyn_resource_added,
            gone: resource_deleted,
            user_data,
        });
        context.follow_changes(save_freq);
        Some(())
    });
}

/// Puts an observer back after a restart, with its session, from what the function for new observers
/// was told: the address of the endpoint, both ends of the session, and the request. The endpoint and
/// the resource must be there. If the observer is there already, it stays.
///
/// Returns a name of the observation, good until it ends; or NULL, with a line in the log, if there is no
/// such endpoint or resource, `raw_packet` does not begin an observation, `e_proto` is not UDP, or
/// `oscore_info` is not NULL, as this build has no OSCORE.
///
/// # Safety
/// `context` is NULL or live, and each of the others is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_persist_observe_add(
    context: *mut coap_context_t,
    e_proto: coap_proto_t,
    e_listen_addr: *const coap_address_t,
    s_addr_info: *const coap_addr_tuple_t,
    raw_packet: *const coap_bin_const_t,
    oscore_info: *const coap_bin_const_t,
) -> *mut coap_subscription_t {
    ffi(|| {
        if e_proto != COAP_PROTO_UDP || !oscore_info.is_null() {
            log!(WARN, "coap_persist_observe_add: only observers over UDP without OSCORE come back");
            return None;
        }
        // SAFETY: NULL or live, as the caller promises.
        let context = unsafe { share(context) }?;
        // SAFETY: NULL or valid, as the caller promises.
        let (listen, ends, packet) =
            unsafe { (e_listen_addr.as_ref()?, s_addr_info.as_ref()?, raw_packet.as_ref()?) };
        // SAFETY: a valid binary has its bytes.
        let packet = unsafe { bytes(packet.s, packet.length) }?;
        let (listen, local, remote) = (from_c(listen)?, from_c(&ends.local)?, from_c(&ends.remote)?);
        let restored = context.restore_observer(&listen, &local, &remote, packet);
        let name = restored.inspect_err(|e| log!(WARN, "coap_persist_observe_add: {e}")).ok()?;
        Some(program(&context)?.trackers.key(name))
    })
}

/// Sets the observe number of a resource as it is now, up to 24 bits: the next change has the one
/// behind it.
///
/// # Safety
/// `resource` is NULL or a live resource.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_persist_set_observe_num(resource: *mut coap_resource_t, start_observe_no: u32) {
    // SAFETY: NULL or live, as the caller promises.
    ffi(|| unsafe { resource.as_ref() }.map(|r| r.core.set_observe_number(start_observe_no)));
}
