//! Who opens connections.

use super::context::{self, Kind};
use super::keys::Material;
use super::link::Link;
use super::local::{Local, Side};
use super::queue::refused_by;
use super::suites::{self, Lenience};
use super::verify::Judge;
use super::{callbacks, check_psk};
use crate::tls::{Carrier, ClientSetup, Connection, Connector, Identity, Pki, Roots, SetupError};
use core::ffi::CStr;
use core::net::IpAddr;
use openssl::ssl::{SslContext, SslRef, SslVersion};
use openssl::x509::verify::X509CheckFlags;
use openssl_sys as ffi;
use parking_lot::Mutex;
use std::sync::Arc;

/// A set-up, and what is made of it.
pub(super) struct Client {
    setup: ClientSetup,
    roots: Roots,
    material: Material,
    judge: Option<Arc<Judge>>,
    contexts: Mutex<Contexts>,
}

#[derive(Default)]
struct Contexts {
    datagrams: Option<SslContext>,
    stream: Option<SslContext>,
}

/// Opens connections by one set-up.
pub(super) struct Opener(Arc<Client>);

impl Opener {
    pub(super) fn new(setup: ClientSetup, roots: &Roots) -> Result<Self, SetupError> {
        let (material, judge) = match &setup {
            ClientSetup::Psk(psk) => {
                check_psk("identity", &psk.identity.identity, &psk.identity.key)?;
                (Material { shown: None, authorities: Vec::new() }, None)
            }
            ClientSetup::Pki(pki) => {
                super::check_pki(pki)?;
                let material = Material::read(&pki.keys, pki.checks.common_ca)?;
                let judge = Judge {
                    checks: pki.checks,
                    authorities: material.authorities()?,
                    accept: pki.accept.clone(),
                };
                (material, Some(Arc::new(judge)))
            }
        };
        let roots = if judge.is_some() { roots.clone() } else { Roots::default() };
        let client = Client { setup, roots, material, judge, contexts: Mutex::default() };
        // Says at once what is wrong.
        client.context(Kind::Datagrams)?;
        Ok(Opener(Arc::new(client)))
    }
}

impl Connector for Opener {
    fn connect(&self, carrier: Carrier) -> Result<Box<dyn Connection>, SetupError> {
        let client = &self.0;
        let kind = Kind::of(carrier);
        let context = client.context(kind)?;
        let mut link = Link::new(&context, Side::Client(Arc::clone(client)), carrier)?;
        if carrier == (Carrier::Stream { is_coap: true }) {
            link.ssl().set_alpn_protos(callbacks::COAP).map_err(refused_by("ALPN"))?;
        }
        let server_name = match &client.setup {
            ClientSetup::Psk(psk) => {
                if psk.needs_hint && kind == Kind::Stream {
                    let max = link.ssl().set_max_proto_version(Some(SslVersion::TLS1_2));
                    max.map_err(refused_by("version"))?;
                }
                &psk.server_name
            }
            ClientSetup::Pki(pki) => {
                link.local().set_judge(client.judge.clone());
                &pki.server_name
            }
        };
        if let Some(name) = server_name.as_deref().filter(|name| !name.is_empty()) {
            client.set_server_name(link.ssl(), name)?;
        }
        Ok(Box::new(link))
    }
}

impl Client {
    fn context(&self, kind: Kind) -> Result<SslContext, SetupError> {
        let mut contexts = self.contexts.lock();
        let slot = match kind {
            Kind::Datagrams => &mut contexts.datagrams,
            Kind::Stream => &mut contexts.stream,
        };
        if let Some(made) = slot {
            return Ok(made.clone());
        }
        let made = self.build(kind)?;
        Ok(slot.insert(made).clone())
    }

    fn build(&self, kind: Kind) -> Result<SslContext, SetupError> {
        match &self.setup {
            ClientSetup::Psk(_) => {
                let mut context = context::begin(kind, Lenience::default())?;
                context::set_suites(&mut context, suites::PSK, suites::PSK_13)?;
                // SAFETY: a context that is alive, and a callback of the type that is asked for.
                unsafe {
                    ffi::SSL_CTX_set_psk_client_callback(context.as_ptr(), Some(callbacks::client_psk));
                }
                Ok(context.build())
            }
            ClientSetup::Pki(pki) => {
                let mut context = context::begin(kind, Lenience::of(&pki.checks))?;
                context::set_suites(&mut context, suites::PKI, suites::PKI_13)?;
                context::set_pki(&mut context, &self.material, &pki.checks, &self.roots, false)?;
                Ok(context.build())
            }
        }
    }

    /// Sends the name (RFC 6066 §3: no addresses), and has the certificate checked for it.
    fn set_server_name(&self, ssl: &mut SslRef, name: &CStr) -> Result<(), SetupError> {
        let refused = || SetupError("server name: it cannot be sent".to_owned());
        let name = name.to_str().map_err(|_| refused())?;
        let address = name.parse::<IpAddr>().ok();
        if address.is_none() {
            ssl.set_hostname(name).map_err(refused_by("server name"))?;
        }
        if self.pki().is_none_or(|pki| !pki.checks.verify_peer || pki.accept.is_some()) {
            return Ok(());
        }
        let param = ssl.param_mut();
        param.set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
        match address {
            Some(address) => param.set_ip(address).map_err(refused_by("server name")),
            None => param.set_host(name).map_err(refused_by("server name")),
        }
    }

    fn pki(&self) -> Option<&Pki> {
        match &self.setup {
            ClientSetup::Pki(pki) => Some(pki),
            ClientSetup::Psk(_) => None,
        }
    }

    /// The handshake is about to begin. `false` gives up.
    pub(super) fn prepare(&self, local: &Local, ssl: *mut ffi::SSL) -> bool {
        let Some(adjust) = self.pki().and_then(|pki| pki.adjust.as_ref()) else { return true };
        local.with_peer(|peer| adjust(peer, ssl.cast())) == Some(true)
    }

    /// The identity for a server that gave this hint.
    pub(super) fn identity_for(&self, local: &Local, hint: &[u8]) -> Option<Identity> {
        let ClientSetup::Psk(psk) = &self.setup else { return None };
        crate::log!(DEBUG, "got psk_identity_hint: '{}'", String::from_utf8_lossy(hint));
        let chosen = local.with_peer(|peer| (psk.for_hint)(peer, hint))?;
        if psk.needs_hint { chosen } else { Some(chosen.unwrap_or_else(|| psk.identity.clone())) }
    }
}
