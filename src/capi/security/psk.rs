//! Pre-shared keys: what `coap_dtls_cpsk_t` and `coap_dtls_spsk_t` say, and their callbacks.

use super::names::Names;
use super::{Arg, Refusal, say_left_out, server_name, session_of};
use crate::capi::handle::as_c;
use crate::capi::pdu::bytes;
use crate::capi::session::shown;
use crate::capi::types::*;
use crate::driver::SessionHandle;
use crate::log;
use crate::tls::{ClientPsk, ClientSetup, Hint, Identity, Secret, ServerPsk};
use std::sync::Arc;

/// The most bytes of an identity or a hint that every (D)TLS library takes as they are.
pub(super) const MAX_TEXT: usize = 255;
/// The most bytes of a key.
pub(super) const MAX_KEY: usize = 512;

/// Programs that leave the version out set up what version 1 does.
fn is_version(version: u8, current: u8) -> bool {
    version == 0 || version == current
}

/// The bytes that C names; `None` for NULL.
///
/// # Safety
/// They are there as long as the result is used.
unsafe fn given<'a>(part: &coap_bin_const_t) -> Option<&'a [u8]> {
    if part.s.is_null() {
        return None;
    }
    // SAFETY: as the caller promises.
    unsafe { bytes(part.s, part.length) }
}

/// Texts end at a zero in some libraries, and programs count the one behind a string of C. So those at
/// the end are not sent.
fn without_end(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    text.get(..end).unwrap_or(text)
}

fn check_text(what: &str, text: &[u8]) -> Result<(), Refusal> {
    match text.len() {
        0..=MAX_TEXT => Ok(()),
        len => Err(Refusal::new(format!("{what} of {len} bytes is longer than {MAX_TEXT}"))),
    }
}

fn check_key(key: &[u8]) -> Result<Secret, Refusal> {
    match key.len() {
        0 => Err(Refusal::new("Pre-shared key (PSK) not defined")),
        1..=MAX_KEY => Ok(Secret::from(key)),
        len => Err(Refusal::new(format!("a pre-shared key of {len} bytes is longer than {MAX_KEY}"))),
    }
}

/// An identity and its key, copied.
///
/// # Safety
/// What `info` points to is there during the call.
unsafe fn identity_of(info: &coap_dtls_cpsk_info_t) -> Result<Identity, Refusal> {
    // SAFETY: as the caller promises.
    let (identity, key) = unsafe { (given(&info.identity), given(&info.key)) };
    let identity = identity.ok_or_else(|| Refusal::new("Identity (PSK) not defined"))?;
    check_text("an identity", identity)?;
    Ok(Identity { identity: identity.into(), key: check_key(key.unwrap_or_default())? })
}

/// What a client's set-up says, and what is shown of it before a handshake.
///
/// # Safety
/// What `setup` points to is there during the call; the callback in it may be called as long as the
/// result is used.
pub(crate) unsafe fn client(setup: &coap_dtls_cpsk_t) -> Result<ClientPsk, Refusal> {
    if !is_version(setup.version, COAP_DTLS_CPSK_SETUP_VERSION) {
        return Err(Refusal::wrong_version());
    }
    say_left_out(setup.use_cid, setup.ec_jpake);
    // SAFETY: as the caller promises.
    let (begun, server_name) = unsafe { (identity_of(&setup.psk_info)?, server_name(setup.client_sni)) };
    let callback = setup.validate_ih_call_back;
    let arg = Arg(setup.ih_call_back_arg);
    let first = begun.clone();
    Ok(ClientPsk {
        identity: on_the_wire(&begun),
        server_name,
        needs_hint: callback.is_some(),
        for_hint: Arc::new(move |peer, hint| {
            let session = session_of(peer)?;
            let psk = &shown(&session)?.psk;
            psk.begin(&first.identity, first.key.as_bytes());
            psk.set_hint(hint);
            let Some(callback) = callback else { return Some(on_the_wire(&first)) };
            let hint_and_zero = [hint, b"\0"].concat();
            let mut hint = coap_str_const_t { length: hint.len(), s: hint_and_zero.as_ptr() };
            // SAFETY: the program gave it for this. What it returns is good until it is called again.
            let chosen = unsafe {
                let info = callback(&mut hint, as_c(&session), arg.get());
                info.as_ref().map(|info| identity_of(info))?
            };
            let chosen = chosen.inspect_err(|refusal| refusal.log("validate_ih_call_back")).ok()?;
            psk.set_identity(&chosen.identity);
            psk.set_key(chosen.key.as_bytes());
            Some(on_the_wire(&chosen))
        }),
    })
}

/// What secures a connection by this. An identity is needed then, or somebody to choose one.
pub(crate) fn for_connection(psk: ClientPsk) -> Result<ClientSetup, Refusal> {
    match psk.identity.identity.is_empty() && !psk.needs_hint {
        true => Err(Refusal::new("Identity (PSK) not defined")),
        false => Ok(ClientSetup::Psk(Box::new(psk))),
    }
}

fn on_the_wire(identity: &Identity) -> Identity {
    Identity { identity: without_end(&identity.identity).into(), key: identity.key.clone() }
}

/// What a server's set-up says.
///
/// # Safety
/// What `setup` points to is there during the call; the callbacks in it may be called as long as the
/// result is used.
pub(crate) unsafe fn server(setup: &coap_dtls_spsk_t) -> Result<ServerPsk, Refusal> {
    if !is_version(setup.version, COAP_DTLS_SPSK_SETUP_VERSION) {
        return Err(Refusal::wrong_version());
    }
    say_left_out(0, setup.ec_jpake);
    // SAFETY: as the caller promises.
    let hint = unsafe { hint_of(&setup.psk_info) }?;
    let (for_identity, for_name) = (setup.validate_id_call_back, setup.validate_sni_call_back);
    if for_identity.is_none() && for_name.is_none() {
        check_key(hint.key.as_bytes())?;
    }
    let (identity_arg, name_arg) = (Arg(setup.id_call_back_arg), Arg(setup.sni_call_back_arg));
    let key = hint.key.clone();
    let names = Names::default();
    Ok(ServerPsk {
        hint,
        for_identity: Arc::new(move |peer, identity| {
            let session = session_of(peer)?;
            let psk = &shown(&session)?.psk;
            psk.set_identity(identity);
            let Some(callback) = for_identity else {
                let key = psk.key_of_name().unwrap_or_else(|| key.clone());
                return (!key.as_bytes().is_empty()).then_some(key);
            };
            let key = ask_for_key(callback, &session, identity, identity_arg)?;
            psk.set_key(key.as_bytes());
            Some(key)
        }),
        for_name: for_name.map(|callback| -> crate::tls::PskForName {
            Arc::new(move |peer, name| {
                let session = session_of(peer)?;
                let hint = names.find(name, || {
                    // SAFETY: the program gave it for this. What it returns is good until it is called again.
                    let hint = unsafe {
                        let info = callback(name.as_ptr(), as_c(&session), name_arg.get());
                        hint_of(info.as_ref()?)
                    };
                    hint.inspect_err(|refusal| refusal.log("validate_sni_call_back")).ok()
                })?;
                let psk = &shown(&session)?.psk;
                psk.set_hint(&hint.hint);
                psk.set_key(hint.key.as_bytes());
                Some(hint)
            })
        }),
    })
}

/// A hint, which may be missing, and its key, which may be asked for by the identity; copied.
///
/// # Safety
/// What `info` points to is there during the call.
unsafe fn hint_of(info: &coap_dtls_spsk_info_t) -> Result<Hint, Refusal> {
    // SAFETY: as the caller promises.
    let (hint, key) = unsafe { (given(&info.hint), given(&info.key)) };
    let hint = without_end(hint.unwrap_or_default());
    check_text("a hint", hint)?;
    let key = match key {
        None | Some([]) => Secret::default(),
        Some(key) => check_key(key)?,
    };
    Ok(Hint { hint: hint.into(), key })
}

fn ask_for_key(
    callback: unsafe extern "C" fn(
        *mut coap_bin_const_t,
        *mut coap_session_t,
        *mut core::ffi::c_void,
    ) -> *const coap_bin_const_t,
    session: &Arc<SessionHandle>,
    identity: &[u8],
    arg: Arg,
) -> Option<Secret> {
    let identity_and_zero = [identity, b"\0"].concat();
    let mut identity = coap_bin_const_t { length: identity.len(), s: identity_and_zero.as_ptr() };
    // SAFETY: the program gave it for this. What it returns is good until it is called again.
    let key = unsafe {
        let key = callback(&mut identity, as_c(session), arg.get());
        given(key.as_ref()?).unwrap_or_default()
    };
    match key {
        [] => {
            log!(DEBUG, "validate_id_call_back: the key has no bytes");
            None
        }
        key => check_key(key).inspect_err(|refusal| refusal.log("validate_id_call_back")).ok(),
    }
}
