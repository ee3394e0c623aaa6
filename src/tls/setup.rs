//! How a connection is to be secured: keys, certificates, what is checked, and what the application is
//! asked. Plain data and closures, made by the C interface.

use super::Peer;
use core::ffi::{CStr, c_void};
use core::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// A set-up cannot be used. The text is for the log: which part, and what the library says of it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct SetupError(pub String);

/// Bytes that no log shows.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Secret {
    fn from(bytes: &[u8]) -> Self {
        Secret(bytes.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} bytes)", self.0.len())
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        for byte in &mut self.0 {
            *byte = 0;
        }
        core::hint::black_box(&self.0);
    }
}

/// Whom a client says it is, and the key it shares with the server.
#[derive(Clone, Debug)]
pub struct Identity {
    /// What is sent, in the clear.
    pub identity: Box<[u8]>,
    /// The key.
    pub key: Secret,
}

/// What a server says of the key it expects.
#[derive(Clone, Debug)]
pub struct Hint {
    /// What is sent, in the clear.
    pub hint: Box<[u8]>,
    /// The key.
    pub key: Secret,
}

/// A certificate that came from the peer, with those above it, from the top down.
#[derive(Clone, Copy, Debug)]
pub struct Certificate<'a> {
    /// The first DNS name of its alternative names, or else its common name, if it has one.
    pub name: Option<&'a CStr>,
    /// It, in DER.
    pub der: &'a [u8],
    /// Its place in the chain; 0 is the peer's own.
    pub depth: u32,
    /// The library takes it for good, or what is wrong with it is allowed.
    pub is_valid: bool,
}

/// Asked which identity to use with a server that gave this hint. Over TLS 1.3 there is no hint.
pub type ForHint = Arc<dyn Fn(&Peer, &[u8]) -> Option<Identity> + Send + Sync>;
/// Asked for the key of an identity.
pub type ForIdentity = Arc<dyn Fn(&Peer, &[u8]) -> Option<Secret> + Send + Sync>;
/// Asked for hint and key of the server of this name; none of them is the empty name.
pub type PskForName = Arc<dyn Fn(&Peer, &CStr) -> Option<Hint> + Send + Sync>;
/// Asked for the keys of the server of this name.
pub type KeysForName = Arc<dyn Fn(&Peer, &CStr) -> Option<Keys> + Send + Sync>;
/// Asked whether a certificate will do.
pub type AcceptCertificate = Arc<dyn Fn(&Peer, &Certificate<'_>) -> bool + Send + Sync>;
/// Given the library's own object, to be adjusted. `false` gives up.
pub type Adjust = Arc<dyn Fn(&Peer, *mut c_void) -> bool + Send + Sync>;

/// A client with a key that both sides have.
#[derive(Clone)]
pub struct ClientPsk {
    /// Used unless [`ClientPsk::for_hint`] has another one.
    pub identity: Identity,
    /// The name of the server to send (SNI).
    pub server_name: Option<Box<CStr>>,
    /// Asked in each handshake, with an empty hint where there is none.
    pub for_hint: ForHint,
    /// The application itself chooses by the hint, so there must be one: no TLS 1.3.
    pub needs_hint: bool,
}

/// A server with keys that it shares with its clients.
#[derive(Clone)]
pub struct ServerPsk {
    /// Used unless [`ServerPsk::for_name`] has another one.
    pub hint: Hint,
    /// Asked in each handshake. It knows the key of the hint that was given.
    pub for_identity: ForIdentity,
    /// Asked in each handshake; it remembers by itself what names have got.
    pub for_name: Option<PskForName>,
}

/// Where a key or certificate is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// In a file.
    File(PathBuf, Encoding),
    /// Here.
    Memory(Secret, Encoding),
    /// In a token, by a PKCS #11 URI.
    Pkcs11(String),
    /// Wherever the engine has it that is configured, by its name there.
    Engine(String),
    /// A raw public key in PEM (RFC 7250); or its private key.
    RawPublicKey(Secret),
    /// A raw public key in a token.
    RawPkcs11(String),
}

/// How it is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// As text. There may be several certificates.
    Pem,
    /// As binary. A private key may say by number of which kind it is (`coap_asn1_privatekey_type_t`).
    Der {
        /// Its kind; 0 if that is not said.
        kind: u32,
    },
}

/// What one side shows of itself, and whom it trusts.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Keys {
    /// The trusted CA.
    pub ca: Option<Source>,
    /// The certificate, with those between it and its CA behind it where the form has room for them.
    pub certificate: Option<Source>,
    /// Its private key.
    pub private_key: Option<Source>,
    /// The PIN of the token.
    pub pin: Option<Secret>,
}

/// What is checked of the peer's certificate.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Checks {
    /// It is asked for and verified at all.
    pub verify_peer: bool,
    /// It must come from the CA in [`Keys::ca`].
    pub common_ca: bool,
    /// It may be signed by itself.
    pub allow_self_signed: bool,
    /// It may be used before or after its time.
    pub allow_expired: bool,
    /// How many certificates may be between it and its CA; `None` for as many as there are.
    pub depth: Option<u8>,
    /// It must not be in a list of revoked ones.
    pub revocation: bool,
    /// There need not be such a list.
    pub allow_no_crl: bool,
    /// The list may be out of date.
    pub allow_expired_crl: bool,
    /// It may be signed by way of a weak digest.
    pub allow_bad_digest: bool,
    /// Its RSA key may be short.
    pub allow_short_rsa: bool,
}

/// Certificates or raw public keys.
#[derive(Clone)]
pub struct Pki {
    /// What is shown, and who is trusted.
    pub keys: Keys,
    /// What is checked.
    pub checks: Checks,
    /// Raw public keys and no certificates (RFC 7250).
    pub is_rpk: bool,
    /// The name of the server to send (SNI). Where the peer is verified and there is no
    /// [`Pki::accept`], by which applications check the name themselves, its certificate must be for it.
    pub server_name: Option<Box<CStr>>,
    /// Asked of each certificate that nothing is wrong with, or nothing that is not allowed.
    pub accept: Option<AcceptCertificate>,
    /// Asked in each handshake; it remembers by itself what names have got. A set-up without keys is one
    /// that always has some from here.
    pub for_name: Option<KeysForName>,
    /// Asked in each handshake, before anything of it is sent that depends on the set-up.
    pub adjust: Option<Adjust>,
}

/// How a client secures a connection.
#[derive(Clone)]
pub enum ClientSetup {
    /// By a key that both sides have.
    Psk(Box<ClientPsk>),
    /// By certificates.
    Pki(Box<Pki>),
}

/// How a server does. It may offer both.
#[derive(Clone, Default)]
pub struct ServerSetup {
    /// By keys shared with clients.
    pub psk: Option<Box<ServerPsk>>,
    /// By certificates.
    pub pki: Option<Box<Pki>>,
}

/// Files and directories with certificates that all connections of a context trust, and lists of
/// revoked ones.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Roots {
    /// Files in PEM.
    pub files: Vec<PathBuf>,
    /// Directories, with names by hash.
    pub directories: Vec<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let identity = Identity { identity: (*b"me").into(), key: Secret::from(&b"sesame"[..]) };
        assert!(!format!("{identity:?}").contains("sesame"), "{identity:?}");
    }
}
