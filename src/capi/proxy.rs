//! `coap_proxy.h`: forwarding requests to other servers.

use super::address::to_c;
use super::cache::{coap_cache_key_t, coap_delete_cache_key};
use super::ffi::{ffi, ffi_or};
use super::handle::{as_c, share};
use super::pdu::{bytes, coap_pdu_t};
use super::session_open::coap_new_client_session;
use super::session_security::{coap_new_client_session_pki, coap_new_client_session_psk2};
use super::types::*;
use crate::address::Address;
use crate::driver::{Server, SessionHandle};
use crate::log;
use crate::message::uri::{MAX_HOST, Scheme, is_unix_domain};
use crate::message::{Code, Number, Pdu};
use crate::protocol::engine::{Forward, Handle};
use crate::protocol::proxy::{Destination, Manner, Named, Refusal, Role};
use crate::protocol::session::SessionId;
use core::ffi::{c_char, c_int};
use core::ptr;
use core::slice;
use core::sync::atomic::{AtomicPtr, Ordering};
use core::time::Duration;
use std::ffi::CString;
use std::sync::Arc;

/// Whether the scheme is one that requests can be forwarded by in this variant of the library. Returns 1
/// if so, else 0; the secure ones need a (D)TLS library, and those of HTTP are not there.
#[unsafe(no_mangle)]
pub extern "C" fn coap_verify_proxy_scheme_supported(scheme: coap_uri_scheme_t) -> c_int {
    ffi(|| {
        let Some(known) = Scheme::from_number(scheme) else {
            log!(WARN, "{scheme} URI scheme not supported");
            return None;
        };
        is_forwarded(known).then_some(1)
    })
}

/// Whether requests are forwarded by this scheme; says why if not.
fn is_forwarded(scheme: Scheme) -> bool {
    if scheme.is_http() {
        log!(WARN, "Proxy URI http or https not supported");
        return false;
    }
    if !scheme.is_supported() {
        log!(WARN, "{} URI scheme not supported for proxy", scheme.name());
    }
    scheme.is_supported()
}

/// A key that C gave away until it is given back, or nobody will want it back.
struct Key(AtomicPtr<coap_cache_key_t>);

impl Key {
    fn show(&self) -> *mut coap_cache_key_t {
        self.0.load(Ordering::Acquire)
    }

    /// It is the caller's again.
    fn give_back(&self) -> *mut coap_cache_key_t {
        self.0.swap(ptr::null_mut(), Ordering::AcqRel)
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: NULL, or a key that was given away and not given back.
        unsafe { coap_delete_cache_key(self.give_back()) };
    }
}

/// Forwards a request to another server, from within its handler. `request`, `response` and `session` are
/// those of the handler; `resource`, its resource, may be NULL. What comes back reaches the response
/// handler of the context, which hands it to `coap_proxy_forward_response()`.
///
/// `server_list->type` says where to: to the next of the servers in the list, or, for the types that
/// strip and for `COAP_PROXY_DIRECT` with a list that names no host, to the server that Proxy-Uri names, or
/// Proxy-Scheme with Uri-Host and Uri-Port. The types that strip replace these options by what they stand
/// for; without them `COAP_PROXY_REVERSE_STRIP` is the same as `COAP_PROXY_REVERSE`. The list may be freed
/// after the call, but for what its keys and certificates point to.
///
/// Returns 1 if the request is on its way; then leave the code of `response` as it is. If there is no
/// answer, the client is told: 5.02 if the server cannot be reached or answers with what is no
/// response, 5.04 if it does not answer. Returns 0 if it cannot be forwarded; then the code of `response` says why: 4.00 or 5.05 for a
/// URI or a scheme that is none, 5.02 if the server's name is not known, 5.03 if too much is under way.
///
/// `cache_key`, made by `coap_cache_derive_key()` or NULL, comes back with the response. Until then it is the
/// library's if 1 is returned: without a response the library frees it. If 0 is returned it stays the caller's.
///
/// # Safety
/// `session` is NULL or live; `request` and `response` are NULL or live messages; `cache_key` is NULL or a
/// key that the library has made; `server_list` is NULL or valid, with as many entries as it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_proxy_forward_request(
    session: *mut coap_session_t,
    request: *const coap_pdu_t,
    response: *mut coap_pdu_t,
    resource: *mut coap_resource_t,
    cache_key: *mut coap_cache_key_t,
    server_list: *mut coap_proxy_server_list_t,
) -> c_int {
    let _ = resource;
    ffi(|| {
        // SAFETY: NULL, live or valid, as the caller promises.
        let (session, request, response, list) =
            unsafe { (share(session)?, request.as_ref()?, response.as_mut()?, server_list.as_mut()?) };
        let key = (!cache_key.is_null()).then(|| Arc::new(Key(AtomicPtr::new(cache_key))));
        let kept = key.clone().map(|key| key as Handle);
        // SAFETY: as the caller promises.
        match unsafe { forward(&session, request, list, kept) } {
            Ok(()) => Some(1),
            Err(refusal) => {
                if let Some(key) = key {
                    key.give_back();
                }
                refuse(&request.inner, &mut response.inner, refusal);
                None
            }
        }
    })
}

fn refuse(request: &Pdu, response: &mut Pdu, refusal: Refusal) {
    log!(DEBUG, "a request is not forwarded: {}", refusal.code);
    response.set_code(refusal.code);
    for option in refusal.option.into_iter().flat_map(|number| request.options_numbered(number)) {
        // Without room for it, the code has to do.
        let _ = response.add_option(option.number, option.value);
    }
}

/// Forwards a request as a list says.
///
/// # Safety
/// The list is valid, with as many entries as it says.
unsafe fn forward(
    session: &Arc<coap_session_t>,
    request: &coap_pdu_t,
    list: &mut coap_proxy_server_list_t,
    kept: Option<Handle>,
) -> Result<(), Refusal> {
    let (context, client, pdu) = (session.context(), session.id(), &request.inner);
    let manner = manner_of(list.r#type)?;
    let entries = match list.entry.is_null() {
        true => &[][..],
        // SAFETY: as many entries as the list says.
        false => unsafe { slice::from_raw_parts(list.entry, list.entry_count) },
    };
    let has_list = entries.iter().any(|entry| entry.uri.host.length > 0);
    let destination = manner.destination(pdu, has_list)?;
    if let Some(uri) = pdu.option(Number::PROXY_URI) {
        log!(INFO, "Proxy URI '{}'", String::from_utf8_lossy(uri.value).escape_debug());
    }
    let now = crate::clock::now();
    if context.with_batched(|state| state.engine.forward_cancel(now, client, pdu, kept.as_ref())) {
        return Ok(());
    }
    let known = match destination {
        Destination::Listed if entries.len() > 1 => {
            context.with_batched(|state| state.engine.upstream_of_transfer(client, pdu))
        }
        Destination::Listed => None,
        Destination::Named(_) => None,
    };
    let upstream = match known {
        Some(upstream) => upstream,
        None => {
            let entry = next_entry(entries, &mut list.next_entry);
            let idle = Duration::from_secs(list.idle_timeout_secs.into());
            let tracked = (list.track_client_session != 0).then_some(client);
            // SAFETY: as the caller promises.
            unsafe { open_upstream(session, &destination, entry, tracked, idle) }?
        }
    };
    let named = match &destination {
        Destination::Listed => None,
        Destination::Named(named) => manner.strips.then_some(named),
    };
    let forward = Forward {
        client,
        request: pdu,
        body: request.body.as_deref(),
        upstream,
        named,
        kept,
        is_one_of_many: entries.len() > 1 && destination == Destination::Listed,
    };
    context.with_batched(|state| state.engine.forward(crate::clock::now(), forward))
}

fn manner_of(kind: coap_proxy_t) -> Result<Manner, Refusal> {
    let (role, strips) = match kind {
        COAP_PROXY_REVERSE => (Role::Reverse, false),
        COAP_PROXY_REVERSE_STRIP => (Role::Reverse, true),
        COAP_PROXY_FORWARD => (Role::Static, false),
        COAP_PROXY_FORWARD_STRIP => (Role::Static, true),
        COAP_PROXY_DIRECT => (Role::Dynamic, false),
        COAP_PROXY_DIRECT_STRIP => (Role::Dynamic, true),
        other => {
            log!(ERR, "coap_proxy_forward_request: {other} is no type of proxy");
            return Err(Code::INTERNAL_SERVER_ERROR.into());
        }
    };
    Ok(Manner { role, strips })
}

/// Each entry in turn, the second one first, as programs know it.
fn next_entry<'a>(entries: &'a [coap_proxy_server_t], next: &mut usize) -> Option<&'a coap_proxy_server_t> {
    *next = next.wrapping_add(1).checked_rem(entries.len())?;
    entries.get(*next)
}

/// The session to where a request goes.
///
/// # Safety
/// The entry is valid.
unsafe fn open_upstream(
    session: &Arc<coap_session_t>,
    destination: &Destination,
    entry: Option<&coap_proxy_server_t>,
    tracked: Option<SessionId>,
    idle: Duration,
) -> Result<SessionId, Refusal> {
    let (scheme, host, port) = match (destination, entry) {
        (Destination::Named(Named { scheme, host, port }), _) => (*scheme, host.as_str(), *port),
        (Destination::Listed, Some(entry)) => {
            let scheme = Scheme::from_number(entry.uri.scheme).ok_or(Code::PROXYING_NOT_SUPPORTED)?;
            // SAFETY: a valid entry has a valid host.
            (scheme, unsafe { host_of(entry) }?, entry.uri.port)
        }
        (Destination::Listed, None) => {
            log!(ERR, "coap_proxy_forward_request: the list has no server");
            return Err(Code::INTERNAL_SERVER_ERROR.into());
        }
    };
    if !is_forwarded(scheme) {
        return Err(Code::PROXYING_NOT_SUPPORTED.into());
    }
    let credentials = Credentials::of(scheme, entry)?;
    let server = Server { scheme, host, port, credentials: credentials.name() };
    let idle = (!idle.is_zero()).then_some(idle);
    let context = session.context();
    let mut unsafe_open = |remote: &Address| -> Option<Arc<SessionHandle>> {
        // SAFETY: the context lives, and the set-ups are valid, as the caller promises.
        unsafe { credentials.open(as_c(context), remote, scheme, host) }
    };
    Ok(context.upstream(server, tracked, idle, &mut unsafe_open)?)
}

/// The host of an entry; nothing stands for this host.
///
/// # Safety
/// The entry is valid.
unsafe fn host_of(entry: &coap_proxy_server_t) -> Result<&str, Refusal> {
    let coap_str_const_t { length, s } = entry.uri.host;
    // SAFETY: a valid string.
    let host = unsafe { bytes(s, length) }.unwrap_or_default();
    if host.is_empty() {
        return Ok("127.0.0.1");
    }
    let is_one = host.len() <= MAX_HOST && !is_unix_domain(host) && !host.contains(&0);
    core::str::from_utf8(host).ok().filter(|_| is_one).ok_or_else(|| {
        log!(WARN, "coap_proxy_forward_request: the host of an entry is none");
        Code::PROXYING_NOT_SUPPORTED.into()
    })
}

/// What a session to another server is opened with.
enum Credentials {
    /// A pre-shared key.
    Psk(*mut coap_dtls_cpsk_t),
    /// Certificates.
    Pki(*mut coap_dtls_pki_t),
    /// The list has nobody to say: whoever answers is believed.
    Anyone,
    /// Nothing, since nothing is secured.
    None,
}

impl Credentials {
    fn of(scheme: Scheme, entry: Option<&coap_proxy_server_t>) -> Result<Credentials, Refusal> {
        if entry.is_some_and(|entry| !entry.oscore_conf.is_null()) {
            log!(WARN, "coap_proxy_forward_request: OSCORE is not supported");
            return Err(Code::PROXYING_NOT_SUPPORTED.into());
        }
        Ok(match entry {
            _ if !scheme.is_secure() => Credentials::None,
            None => Credentials::Anyone,
            Some(entry) if !entry.dtls_pki.is_null() => Credentials::Pki(entry.dtls_pki),
            Some(entry) if !entry.dtls_cpsk.is_null() => Credentials::Psk(entry.dtls_cpsk),
            Some(_) => {
                log!(WARN, "Proxy: (D)TLS not configured for secure session");
                return Err(Code::PROXYING_NOT_SUPPORTED.into());
            }
        })
    }

    /// Tells them from others.
    fn name(&self) -> [usize; 3] {
        match self {
            Credentials::Psk(psk) => [1, *psk as usize, 0],
            Credentials::Pki(pki) => [2, *pki as usize, 0],
            Credentials::Anyone | Credentials::None => [0; 3],
        }
    }

    /// Opens a session to a server, with a reference.
    ///
    /// # Safety
    /// The context lives; what the set-ups point to is valid.
    unsafe fn open(
        &self,
        context: *mut coap_context_t,
        remote: &Address,
        scheme: Scheme,
        host: &str,
    ) -> Option<Arc<SessionHandle>> {
        let remote = to_c(remote);
        let proto = match scheme {
            Scheme::Coap => COAP_PROTO_UDP,
            Scheme::Coaps => COAP_PROTO_DTLS,
            Scheme::CoapTcp => COAP_PROTO_TCP,
            Scheme::CoapsTcp => COAP_PROTO_TLS,
            Scheme::CoapWs => COAP_PROTO_WS,
            Scheme::CoapsWs => COAP_PROTO_WSS,
            Scheme::Http | Scheme::Https => return None,
        };
        // The name that the server is asked for by, where the set-up has none.
        let is_name = host.parse::<std::net::IpAddr>().is_err();
        let sni = CString::new(host).ok().filter(|_| is_name);
        let sni = |own: *mut c_char| match (&sni, own.is_null()) {
            (Some(name), true) => name.as_ptr().cast_mut(),
            _ => own,
        };
        // SAFETY: the context lives, the address is valid, and the copies of set-ups are as valid as they
        // are; they are copied again where they are needed for longer.
        let session = unsafe {
            match self {
                Credentials::None => coap_new_client_session(context, ptr::null(), &remote, proto),
                Credentials::Psk(psk) => {
                    let psk = &**psk;
                    let mut setup = coap_dtls_cpsk_t { client_sni: sni(psk.client_sni), ..*psk };
                    coap_new_client_session_psk2(context, ptr::null(), &remote, proto, &mut setup)
                }
                Credentials::Pki(pki) if (**pki).version != COAP_DTLS_PKI_SETUP_VERSION => {
                    coap_new_client_session_pki(context, ptr::null(), &remote, proto, *pki)
                }
                Credentials::Pki(pki) => {
                    let pki = &**pki;
                    let mut setup = coap_dtls_pki_t { client_sni: sni(pki.client_sni), ..*pki };
                    coap_new_client_session_pki(context, ptr::null(), &remote, proto, &mut setup)
                }
                Credentials::Anyone => {
                    // All zero is what nothing was said in, and valid.
                    let mut setup: coap_dtls_pki_t = core::mem::zeroed();
                    setup.version = COAP_DTLS_PKI_SETUP_VERSION;
                    setup.client_sni = sni(ptr::null_mut());
                    coap_new_client_session_pki(context, ptr::null(), &remote, proto, &mut setup)
                }
            }
        };
        // SAFETY: NULL, or a session that has just been opened.
        unsafe { share(session) }
    }
}

/// Sends a response that came from another server to the client whose request it answers, from within
/// the response handler: `session` and `received` are those of the handler.
///
/// `*cache_key` becomes the key that was given with the request, or NULL if there was none; it is not touched
/// if nobody waits for this response. The key is the caller's from then on, to be freed by
/// `coap_delete_cache_key()`, unless the response has the Observe option and others will follow: then it
/// stays the library's until the last one. `cache_key` may be NULL.
///
/// Returns COAP_RESPONSE_OK, also if nobody waits for this response; COAP_RESPONSE_FAIL if an argument is NULL.
///
/// # Safety
/// `session` is NULL or live; `received` is NULL or a live message; `cache_key` is NULL or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_proxy_forward_response(
    session: *mut coap_session_t,
    received: *const coap_pdu_t,
    cache_key: *mut *mut coap_cache_key_t,
) -> coap_response_t {
    ffi_or(COAP_RESPONSE_FAIL, || {
        // SAFETY: NULL or live, as the caller promises.
        let (session, received) = unsafe { (share(session)?, received.as_ref()?) };
        let (context, id) = (session.context(), session.id());
        let now = crate::clock::now();
        let relayed = context.with_batched(|state| {
            state.engine.relay_response(now, id, &received.inner, received.body.as_deref())
        });
        let Some(relayed) = relayed else {
            log!(WARN, "Unknown proxy ongoing session response received");
            return Some(COAP_RESPONSE_OK);
        };
        let key = relayed.kept.as_ref().and_then(|kept| kept.downcast_ref::<Key>());
        let key =
            key.map_or(ptr::null_mut(), |key| if relayed.is_last { key.give_back() } else { key.show() });
        // SAFETY: NULL or to be written to, as the caller promises.
        if let Some(place) = unsafe { cache_key.as_mut() } {
            *place = key;
        }
        Some(COAP_RESPONSE_OK)
    })
}
