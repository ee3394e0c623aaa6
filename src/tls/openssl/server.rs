//! Who answers those who connect.

use super::callbacks;
use super::context::{self, Kind};
use super::keys::Material;
use super::link::Link;
use super::local::{Local, Side};
use super::queue::refused_by;
use super::renewed::{Both, ByName, Keyed, Renewed};
use super::suites::{self, Lenience};
use super::sys;
use super::verify::Judge;
use crate::log::Level;
use crate::tls::{
    Acceptor, Carrier, Connection, Hello, Hint, Keys, Roots, Secret, ServerPsk, ServerSetup, SetupError,
};
use core::ffi::c_int;
use foreign_types::ForeignTypeRef as _;
use hmac::{Hmac, Mac as _};
use openssl::ssl::{SslContext, SslContextBuilder};
use openssl_sys as ffi;
use parking_lot::Mutex;
use sha2::Sha256;
use std::ffi::CString;
use std::sync::Arc;

/// A set-up, and what is made of it.
pub(super) struct Server {
    setup: ServerSetup,
    roots: Roots,
    /// What cookies are made by. By none of OpenSSL's: most of the time that takes is to find it, and
    /// cookies are for whoever sends a datagram.
    secret: Hmac<Sha256>,
    /// For clients with a key that both sides have.
    psk: Option<Both>,
    /// For clients that want a certificate, by the name they ask for.
    pki: Option<Renewed>,
    others: ByName,
    /// The connection that looks at the next first datagram.
    spare: Mutex<Option<Box<Link>>>,
}

/// Answers those who connect, by one set-up.
pub(super) struct Answerer(Arc<Server>);

impl Drop for Answerer {
    fn drop(&mut self) {
        // It has a share of what it lies in, which would keep itself alive.
        let spare = self.0.spare.lock().take();
        drop(spare);
    }
}

impl Answerer {
    pub(super) fn new(setup: ServerSetup, roots: &Roots) -> Result<Self, SetupError> {
        if let Some(psk) = &setup.psk {
            check_hint(psk)?;
        }
        let mut secret = [0; 64];
        openssl::rand::rand_bytes(&mut secret).map_err(refused_by("random bytes"))?;
        let mut server = Server {
            roots: roots.clone(),
            secret: Hmac::new(&secret.into()),
            psk: None,
            pki: None,
            others: ByName::default(),
            spare: Mutex::default(),
            setup,
        };
        if server.setup.psk.is_some() {
            let build = |kind| {
                let mut context = server.begin(kind, Lenience::default())?;
                context::set_suites(&mut context, suites::PSK, suites::PSK_13)?;
                Ok(context.build())
            };
            server.psk = Some(Both::build(build)?);
        }
        if let Some(pki) = &server.setup.pki {
            super::check_pki(pki)?;
            if pki.keys.private_key.is_none() && pki.keys.certificate.is_none() && pki.for_name.is_none() {
                return Err(SetupError("private key: not given".to_owned()));
            }
            server.pki = Some(server.renewed(pki.keys.clone())?);
        }
        if server.psk.is_none() && server.pki.is_none() {
            return Err(SetupError("neither keys nor certificates are given".to_owned()));
        }
        Ok(Answerer(Arc::new(server)))
    }

    fn link(&self, carrier: Carrier) -> Result<Link, SetupError> {
        let kind = Kind::of(carrier);
        let side = Side::Server(Arc::clone(&self.0));
        // Certificates and suites are changed by `prepare`; what is checked is not.
        match (&self.0.pki, &self.0.psk) {
            (Some(pki), _) => Link::new(self.0.now(pki).contexts.get(kind), side, carrier),
            (None, Some(psk)) => Link::new(psk.get(kind), side, carrier),
            (None, None) => Err(SetupError("neither keys nor certificates are given".to_owned())),
        }
    }
}

impl Acceptor for Answerer {
    fn hello(&self, sender: &[u8], mtu: usize, datagram: &[u8], answer: &mut Vec<u8>) -> Hello {
        if !is_client_hello(datagram) {
            return Hello::Ignored;
        }
        let mut spare = self.0.spare.lock();
        let link = match spare.take() {
            Some(link) => Ok(link),
            None => self.link(Carrier::Datagrams { mtu }).map(Box::new),
        };
        let mut link = match link {
            Ok(link) => link,
            Err(error) => {
                crate::log!(ERR, "no connection for a client: {error}");
                return Hello::Ignored;
            }
        };
        link.local().cookie.set(self.0.cookie(sender));
        link.receive(datagram);
        match link.listen() {
            Some(true) => match link.set_mtu(mtu) {
                Ok(()) => Hello::Accepted(link),
                Err(error) => {
                    crate::log!(ERR, "no connection for a client: {error}");
                    Hello::Ignored
                }
            },
            Some(false) => {
                let output = link.output();
                let challenge = output.datagrams().next();
                answer.extend_from_slice(challenge.unwrap_or_default());
                let said = if challenge.is_some() { Hello::Challenged } else { Hello::Ignored };
                output.clear();
                *spare = Some(link);
                said
            }
            None => Hello::Ignored,
        }
    }

    fn accept(&self, carrier: Carrier) -> Result<Box<dyn Connection>, SetupError> {
        Ok(Box::new(self.link(carrier)?))
    }
}

/// Whether it begins as a ClientHello does (RFC 6347 §4.1, §4.2.2).
fn is_client_hello(datagram: &[u8]) -> bool {
    const HANDSHAKE: u8 = 22;
    const CLIENT_HELLO: u8 = 1;
    const HEADER: usize = 13;
    match (datagram.first(), datagram.get(HEADER)) {
        (Some(kind), _) if *kind >= 25 => {
            crate::log!(DEBUG, "coap_dtls_hello: ContentType Connection-IS dropped");
            false
        }
        (Some(kind), None) => {
            let n = datagram.len();
            crate::log!(DEBUG, "coap_dtls_hello: ContentType {kind} Short Packet ({n} < 14) dropped");
            false
        }
        (Some(&HANDSHAKE), Some(&CLIENT_HELLO)) => true,
        (Some(kind), Some(message)) => {
            crate::log!(DEBUG, "coap_dtls_hello: ContentType {kind} Handshake {message} dropped");
            false
        }
        (None, _) => false,
    }
}

fn check_hint(psk: &ServerPsk) -> Result<(), SetupError> {
    let hint = &psk.hint.hint;
    if hint.len() > super::IDENTITY_MOST || hint.contains(&0) {
        return Err(SetupError("hint: it is too long, or has a zero in it".to_owned()));
    }
    if psk.hint.key.as_bytes().len() > super::KEY_MOST {
        return Err(SetupError("pre-shared key: it is too long".to_owned()));
    }
    Ok(())
}

impl Server {
    /// A context with what all of this server have in common.
    fn begin(&self, kind: Kind, lenience: Lenience) -> Result<SslContextBuilder, SetupError> {
        let mut context = context::begin(kind, lenience)?;
        // Tickets are good where the same is shown and trusted.
        let mut id = [0; 16];
        openssl::rand::rand_bytes(&mut id).map_err(refused_by("random bytes"))?;
        context.set_session_id_context(&id).map_err(refused_by("OpenSSL"))?;
        // SAFETY: a context that is alive, and callbacks of the types that are asked for.
        unsafe {
            let context = context.as_ptr();
            ffi::SSL_CTX_set_client_hello_cb(context, Some(callbacks::client_hello), core::ptr::null_mut());
            ffi::SSL_CTX_set_alpn_select_cb__fixed_rust(
                context,
                Some(callbacks::select_protocol),
                core::ptr::null_mut(),
            );
            ffi::SSL_CTX_set_cookie_generate_cb(context, Some(callbacks::make_cookie));
            ffi::SSL_CTX_set_cookie_verify_cb(context, Some(callbacks::verify_cookie));
            if self.setup.psk.is_some() {
                ffi::SSL_CTX_set_psk_server_callback(context, Some(callbacks::server_psk));
            }
        }
        if kind == Kind::Datagrams {
            context.set_options(openssl::ssl::SslOptions::COOKIE_EXCHANGE);
        }
        Ok(context)
    }

    /// What is made of keys, as their files are now.
    fn keyed(&self, keys: &Keys) -> Result<Keyed, SetupError> {
        let Some(pki) = &self.setup.pki else {
            return Err(SetupError("certificates are not set up".to_owned()));
        };
        let material = Material::read(keys, pki.checks.common_ca)?;
        let contexts = Both::build(|kind| {
            let mut context = self.begin(kind, Lenience::of(&pki.checks))?;
            context::set_suites(&mut context, suites::PKI, suites::PKI_13)?;
            context::set_pki(&mut context, &material, &pki.checks, &self.roots, true)?;
            Ok(context.build())
        })?;
        let judge =
            Judge { checks: pki.checks, authorities: material.authorities()?, accept: pki.accept.clone() };
        Ok(Keyed { contexts, judge: Arc::new(judge) })
    }

    fn renewed(&self, keys: Keys) -> Result<Renewed, SetupError> {
        Renewed::new(keys, &self.roots, |keys| self.keyed(keys))
    }

    fn now(&self, renewed: &Renewed) -> Arc<Keyed> {
        renewed.now(&self.roots, |keys| self.keyed(keys))
    }

    fn cookie(&self, sender: &[u8]) -> [u8; 32] {
        self.secret.clone().chain_update(sender).finalize().into_bytes().into()
    }

    /// A ClientHello is there: chooses what to answer by. An error is the alert to send.
    pub(super) fn prepare(&self, local: &Local, ssl: *mut ffi::SSL) -> Result<(), c_int> {
        let name = server_name(ssl).ok_or(ffi::SSL_AD_DECODE_ERROR)?;
        let kind = if local.wire.mtu.get().is_some() { Kind::Datagrams } else { Kind::Stream };
        if let (Some(psk), Some(contexts)) = (&self.setup.psk, &self.psk) {
            // Over TLS 1.3 a suite says nothing of keys, and what looks like one may be a ticket.
            let is_sure = offers_psk(ssl) || self.pki.is_none();
            if is_sure || has_extension(ssl, PRE_SHARED_KEY) {
                let hint = match &psk.for_name {
                    None => Some(psk.hint.clone()),
                    Some(ask) => local.with_peer(|peer| ask(peer, &name)).flatten(),
                };
                match hint {
                    Some(hint) => use_hint(ssl, &hint)?,
                    None if is_sure => return Err(ffi::SSL_AD_UNRECOGNIZED_NAME),
                    None => {}
                }
            }
            if is_sure {
                if self.pki.is_some() {
                    local.note(Level::DEBUG, "   ", || "PSK request".to_owned());
                }
                return use_context(ssl, contexts.get(kind));
            }
        }
        let (Some(pki), Some(usual)) = (&self.setup.pki, &self.pki) else {
            return Err(ffi::SSL_AD_INTERNAL_ERROR);
        };
        let keyed = match &pki.for_name {
            None => self.now(usual),
            Some(ask) => {
                let keys = local.with_peer(|peer| ask(peer, &name)).flatten();
                let keys = keys.ok_or(ffi::SSL_AD_UNRECOGNIZED_NAME)?;
                let made = self.others.get(&name, keys, |keys| self.renewed(keys)).map_err(|error| {
                    crate::log!(WARN, "keys for the name '{}': {error}", name.to_string_lossy());
                    ffi::SSL_AD_UNRECOGNIZED_NAME
                })?;
                self.now(&made)
            }
        };
        if self.psk.is_some() {
            local.note(Level::DEBUG, "   ", || "Using PKI ciphers".to_owned());
        }
        use_context(ssl, keyed.contexts.get(kind))?;
        local.set_judge(Some(Arc::clone(&keyed.judge)));
        match &pki.adjust {
            Some(adjust) if local.with_peer(|peer| adjust(peer, ssl.cast())) != Some(true) => {
                Err(ffi::SSL_AD_INTERNAL_ERROR)
            }
            _ => Ok(()),
        }
    }

    /// The key of a client.
    pub(super) fn key_for(&self, local: &Local, identity: &[u8]) -> Option<Secret> {
        let psk = self.setup.psk.as_ref()?;
        crate::log!(DEBUG, "got psk_identity: '{}'", String::from_utf8_lossy(identity));
        local.with_peer(|peer| (psk.for_identity)(peer, identity)).flatten()
    }
}

const SERVER_NAME: u32 = 0;
const PRE_SHARED_KEY: u32 = 41;

/// An extension of the ClientHello.
fn extension<'a>(ssl: *mut ffi::SSL, kind: u32) -> Option<&'a [u8]> {
    let mut bytes = core::ptr::null();
    let mut len = 0;
    // SAFETY: called while OpenSSL has a ClientHello, which stays until `prepare` is done.
    unsafe {
        if ffi::SSL_client_hello_get0_ext(ssl, kind, &raw mut bytes, &raw mut len) != 1 {
            return None;
        }
        Some(if bytes.is_null() { &[] } else { core::slice::from_raw_parts(bytes, len) })
    }
}

fn has_extension(ssl: *mut ffi::SSL, kind: u32) -> bool {
    extension(ssl, kind).is_some()
}

/// The name that the client asks for, empty if none. `None` if that is not as RFC 6066 §3 has it.
fn server_name(ssl: *mut ffi::SSL) -> Option<CString> {
    let Some(bytes) = extension(ssl, SERVER_NAME) else { return Some(CString::default()) };
    let (list_len, list) = bytes.split_first_chunk::<2>()?;
    let list = list.get(..usize::from(u16::from_be_bytes(*list_len)))?;
    let (kind, rest) = list.split_first()?;
    let (len, rest) = rest.split_first_chunk::<2>()?;
    let name = rest.get(..usize::from(u16::from_be_bytes(*len)))?;
    if *kind != 0 {
        return Some(CString::default());
    }
    CString::new(name).ok()
}

/// Whether the client offers a suite of ours that has a pre-shared key.
fn offers_psk(ssl: *mut ffi::SSL) -> bool {
    let mut bytes = core::ptr::null();
    // SAFETY: as for `extension`.
    let suites = unsafe {
        let len = ffi::SSL_client_hello_get0_ciphers(ssl, &raw mut bytes);
        if bytes.is_null() { &[] } else { core::slice::from_raw_parts(bytes, len) }
    };
    suites.as_chunks::<2>().0.iter().any(|code| suites::is_psk(*code))
}

fn use_hint(ssl: *mut ffi::SSL, hint: &Hint) -> Result<(), c_int> {
    let hint = CString::new(hint.hint.as_ref()).map_err(|_| ffi::SSL_AD_INTERNAL_ERROR)?;
    if hint.is_empty() {
        return Ok(());
    }
    // SAFETY: the connection is alive; the hint is copied.
    let used = unsafe { sys::SSL_use_psk_identity_hint(ssl, hint.as_ptr()) };
    if used == 1 { Ok(()) } else { Err(ffi::SSL_AD_INTERNAL_ERROR) }
}

/// Goes on by what another context shows and trusts.
fn use_context(ssl: *mut ffi::SSL, context: &SslContext) -> Result<(), c_int> {
    // SAFETY: both are alive; OpenSSL takes a reference of its own.
    let used = unsafe { ffi::SSL_set_SSL_CTX(ssl, context.as_ptr()) };
    if used.is_null() { Err(ffi::SSL_AD_INTERNAL_ERROR) } else { Ok(()) }
}
