//! [`tls`](crate::tls) by OpenSSL 3.
//!
//! The crate `openssl` is used where it is enough. Callbacks and the BIO are our own: those of the crate
//! stop the process when OpenSSL does not give what it should, and a handshake must not do that.

mod callbacks;
mod certificate;
mod client;
mod context;
mod engine;
mod keys;
mod link;
mod local;
mod queue;
mod renewed;
mod server;
mod suites;
mod sys;
mod token;
mod verify;
mod wire;

use super::{
    Acceptor, ClientSetup, Connector, Library, Pki, Roots, Secret, ServerSetup, SetupError, Version,
};
use std::sync::Arc;

/// The most bytes of an identity or hint, without the zero that C puts behind it.
const IDENTITY_MOST: usize = 255;

/// The most bytes of a key.
const KEY_MOST: usize = 512;

/// See the module.
pub(super) struct OpenSsl;

impl Library for OpenSsl {
    fn version(&self) -> Version {
        Version {
            runtime: openssl::version::number().cast_unsigned(),
            built: u64::from_str_radix(env!("COAP_OPENSSL_BUILT"), 16).unwrap_or_default(),
        }
    }

    fn client(&self, setup: ClientSetup, roots: &Roots) -> Result<Arc<dyn Connector>, SetupError> {
        Ok(Arc::new(client::Opener::new(setup, roots)?))
    }

    fn server(&self, setup: ServerSetup, roots: &Roots) -> Result<Arc<dyn Acceptor>, SetupError> {
        Ok(Arc::new(server::Answerer::new(setup, roots)?))
    }

    fn check_roots(&self, roots: &Roots) -> Result<(), SetupError> {
        let mut context = context::begin(context::Kind::Stream, suites::Lenience::default())?;
        context::trust(&mut context, roots)
    }

    fn configure_engine(&self, text: &str) -> Result<(), SetupError> {
        engine::configure(text)
    }

    fn remove_engine(&self) -> bool {
        engine::remove()
    }
}

/// Whether an identity and its key can be used.
fn check_psk(what: &str, identity: &[u8], key: &Secret) -> Result<(), SetupError> {
    if identity.len() > IDENTITY_MOST {
        return Err(SetupError(format!("{what}: longer than {IDENTITY_MOST} bytes")));
    }
    if identity.contains(&0) {
        return Err(SetupError(format!("{what}: there is a zero in it")));
    }
    match key.as_bytes().len() {
        0 => Err(SetupError("pre-shared key: it is empty".to_owned())),
        n if n > KEY_MOST => Err(SetupError(format!("pre-shared key: longer than {KEY_MOST} bytes"))),
        _ => Ok(()),
    }
}

/// Whether a set-up asks for what there is.
fn check_pki(pki: &Pki) -> Result<(), SetupError> {
    if pki.is_rpk {
        return Err(SetupError("raw public keys are not supported".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
