//! What is made of the keys of a server: contexts of OpenSSL's. They are made anew when the files have
//! changed, so that a renewed certificate is used without a restart.

use super::context::Kind;
use super::keys::{self, Stamp};
use super::verify::Judge;
use crate::tls::{Keys, Roots, SetupError};
use core::ffi::CStr;
use hashbrown::HashMap;
use openssl::ssl::SslContext;
use parking_lot::Mutex;
use std::path::PathBuf;
use std::sync::Arc;

/// How many names are remembered. Clients choose them, so there is an end.
const NAMES: usize = 256;

/// A context for each kind of carrier.
pub(super) struct Both {
    datagrams: SslContext,
    stream: SslContext,
}

impl Both {
    pub(super) fn build(
        mut make: impl FnMut(Kind) -> Result<SslContext, SetupError>,
    ) -> Result<Self, SetupError> {
        Ok(Both { datagrams: make(Kind::Datagrams)?, stream: make(Kind::Stream)? })
    }

    pub(super) fn get(&self, kind: Kind) -> &SslContext {
        match kind {
            Kind::Datagrams => &self.datagrams,
            Kind::Stream => &self.stream,
        }
    }
}

/// What is made of keys.
pub(super) struct Keyed {
    pub(super) contexts: Both,
    pub(super) judge: Arc<Judge>,
}

/// Keys, and what was last made of them.
pub(super) struct Renewed {
    keys: Keys,
    state: Mutex<State>,
}

struct State {
    stamps: Vec<Option<Stamp>>,
    keyed: Arc<Keyed>,
}

impl Renewed {
    /// Makes it for the first time.
    pub(super) fn new(
        keys: Keys,
        roots: &Roots,
        make: impl FnOnce(&Keys) -> Result<Keyed, SetupError>,
    ) -> Result<Self, SetupError> {
        // Looked at before they are read: what changes meanwhile is read again.
        let stamps = stamps(&keys, roots);
        let keyed = Arc::new(make(&keys)?);
        Ok(Renewed { keys, state: Mutex::new(State { stamps, keyed }) })
    }

    /// As the files are now; or as they were last, if they are no good.
    pub(super) fn now(
        &self,
        roots: &Roots,
        make: impl FnOnce(&Keys) -> Result<Keyed, SetupError>,
    ) -> Arc<Keyed> {
        let stamps = stamps(&self.keys, roots);
        let mut state = self.state.lock();
        if state.stamps != stamps {
            state.stamps = stamps;
            match make(&self.keys) {
                Ok(keyed) => state.keyed = Arc::new(keyed),
                Err(error) => crate::log!(WARN, "changed files of keys are not used: {error}"),
            }
        }
        Arc::clone(&state.keyed)
    }
}

fn stamps(keys: &Keys, roots: &Roots) -> Vec<Option<Stamp>> {
    keys::stamps(keys::files(keys).chain(roots.files.iter().map(PathBuf::as_path)))
}

/// What was made of the keys for names that clients ask for.
#[derive(Default)]
pub(super) struct ByName(Mutex<HashMap<Box<[u8]>, Arc<Renewed>>>);

impl ByName {
    /// What was made of these keys for this name, or is now.
    pub(super) fn get(
        &self,
        name: &CStr,
        keys: Keys,
        make: impl FnOnce(Keys) -> Result<Renewed, SetupError>,
    ) -> Result<Arc<Renewed>, SetupError> {
        // The case of letters does not count (RFC 6066 §3).
        let name = name.to_bytes().to_ascii_lowercase().into_boxed_slice();
        if let Some(made) = self.0.lock().get(&name).filter(|made| made.keys == keys) {
            return Ok(Arc::clone(made));
        }
        let made = Arc::new(make(keys)?);
        let mut all = self.0.lock();
        if all.len() >= NAMES && !all.contains_key(&name) {
            all.clear();
        }
        all.insert(name, Arc::clone(&made));
        Ok(made)
    }
}
