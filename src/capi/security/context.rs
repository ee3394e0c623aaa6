//! What a context keeps: how its endpoints answer, how its sessions are opened that bring nothing of
//! their own, and the certificates that all of them trust.

use super::Refusal;
use crate::tls::{
    Acceptor, Checks, ClientSetup, Connector, Keys, Library, Pki, Roots, ServerPsk, ServerSetup,
};
use parking_lot::Mutex;
use std::sync::Arc;

/// The set-ups of a context.
#[derive(Default)]
pub(crate) struct Security(Mutex<Setups>);

#[derive(Clone, Default)]
struct Setups {
    psk: Option<Box<ServerPsk>>,
    pki: Option<Box<Pki>>,
    roots: Roots,
}

/// Told how endpoints answer from now on; `None` if they have nothing to answer by.
pub(crate) type Install<'a> = &'a dyn Fn(Option<Arc<dyn Acceptor>>);

impl Security {
    /// Sets how endpoints use pre-shared keys. `install` is given how they answer then. If that cannot
    /// be, all stays as it was.
    pub(crate) fn set_psk(
        &self,
        library: &dyn Library,
        psk: ServerPsk,
        install: Install<'_>,
    ) -> Result<(), Refusal> {
        self.change(library, |setups| setups.psk = Some(Box::new(psk)), install)
    }

    /// Sets how endpoints, and sessions that bring nothing of their own, use certificates.
    pub(crate) fn set_pki(
        &self,
        library: &dyn Library,
        pki: Pki,
        install: Install<'_>,
    ) -> Result<(), Refusal> {
        if !answers(&pki) {
            // It is good for clients only. That much can be known now.
            let roots = self.0.lock().roots.clone();
            library.client(ClientSetup::Pki(Box::new(pki.clone())), &roots)?;
        }
        self.change(library, |setups| setups.pki = Some(Box::new(pki)), install)
    }

    /// Adds to the certificates that are trusted.
    pub(crate) fn add_roots(
        &self,
        library: &dyn Library,
        more: Roots,
        install: Install<'_>,
    ) -> Result<(), Refusal> {
        if more == Roots::default() {
            return Err(Refusal::new("neither a file nor a directory is named"));
        }
        library.check_roots(&more)?;
        let add = |setups: &mut Setups| {
            setups.roots.files.extend(more.files);
            setups.roots.directories.extend(more.directories);
        };
        self.change(library, add, install)
    }

    fn change(
        &self,
        library: &dyn Library,
        change: impl FnOnce(&mut Setups),
        install: Install<'_>,
    ) -> Result<(), Refusal> {
        let mut setups = self.0.lock();
        let mut new = setups.clone();
        change(&mut new);
        let answer = match new.server() {
            Some(setup) => Some(library.server(setup, &new.roots)?),
            None => None,
        };
        *setups = new;
        // Before another change, so that the last one counts.
        install(answer);
        Ok(())
    }

    /// Whether endpoints have something to answer by.
    pub(crate) fn answers(&self) -> bool {
        self.0.lock().server().is_some()
    }

    /// What opens a session by this set-up, or by that of the context.
    pub(crate) fn connector(
        &self,
        library: &dyn Library,
        setup: Option<ClientSetup>,
    ) -> Result<Arc<dyn Connector>, Refusal> {
        let (setup, roots) = {
            let setups = self.0.lock();
            (setup.map_or_else(|| setups.client(), Ok)?, setups.roots.clone())
        };
        Ok(library.client(setup, &roots)?)
    }
}

impl Setups {
    fn server(&self) -> Option<ServerSetup> {
        let pki = self.pki.clone().filter(|pki| answers(pki));
        (self.psk.is_some() || pki.is_some()).then(|| ServerSetup { psk: self.psk.clone(), pki })
    }

    /// How a session is opened that brings nothing of its own. Pre-shared keys of a server are of no use
    /// to a client: it has no identity. Where nothing says anything about certificates, the server's is
    /// verified if there is something to verify it by.
    fn client(&self) -> Result<ClientSetup, Refusal> {
        let nothing = |setups: &Setups| Pki {
            keys: Keys::default(),
            checks: Checks { verify_peer: setups.roots != Roots::default(), ..Checks::default() },
            is_rpk: false,
            server_name: None,
            accept: None,
            for_name: None,
            adjust: None,
        };
        match (&self.pki, &self.psk) {
            (Some(pki), _) => Ok(ClientSetup::Pki(pki.clone())),
            (None, Some(_)) => Err(Refusal::new("Identity (PSK) not defined")),
            (None, None) => Ok(ClientSetup::Pki(Box::new(nothing(self)))),
        }
    }
}

/// Whether a server can show something by this set-up.
fn answers(pki: &Pki) -> bool {
    pki.keys.certificate.is_some() || pki.for_name.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::{Carrier, Connection, Encoding, Hello, Hint, Secret, SetupError, Source, Version};
    use core::cell::RefCell;
    use std::path::PathBuf;

    /// A library that takes what names no file `missing`, and remembers what it was given.
    #[derive(Default)]
    struct Fake(Mutex<Vec<String>>);

    struct End;

    impl Connector for End {
        fn connect(&self, _: Carrier) -> Result<Box<dyn Connection>, SetupError> {
            Err(SetupError("a fake".into()))
        }
    }

    impl Acceptor for End {
        fn hello(&self, _: &[u8], _: usize, _: &[u8], _: &mut Vec<u8>) -> Hello {
            Hello::Ignored
        }

        fn accept(&self, _: Carrier) -> Result<Box<dyn Connection>, SetupError> {
            Err(SetupError("a fake".into()))
        }
    }

    fn is_missing(source: Option<&Source>) -> bool {
        matches!(source, Some(Source::File(path, _)) if path.ends_with("missing"))
    }

    fn describe(pki: &Pki, roots: &Roots) -> String {
        let shows = if pki.keys.certificate.is_some() { "cert" } else { "nothing" };
        let verifies = if pki.checks.verify_peer { "verify" } else { "trust" };
        format!("pki {shows} {verifies} {}", roots.files.len())
    }

    impl Library for Fake {
        fn version(&self) -> Version {
            Version { runtime: 0, built: 0 }
        }

        fn client(&self, setup: ClientSetup, roots: &Roots) -> Result<Arc<dyn Connector>, SetupError> {
            let line = match setup {
                ClientSetup::Psk(_) => "client psk".into(),
                ClientSetup::Pki(pki) if is_missing(pki.keys.ca.as_ref()) => {
                    return Err(SetupError("missing".into()));
                }
                ClientSetup::Pki(pki) => format!("client {}", describe(&pki, roots)),
            };
            self.0.lock().push(line);
            Ok(Arc::new(End))
        }

        fn server(&self, setup: ServerSetup, roots: &Roots) -> Result<Arc<dyn Acceptor>, SetupError> {
            if setup.pki.as_ref().is_some_and(|pki| is_missing(pki.keys.private_key.as_ref())) {
                return Err(SetupError("missing".into()));
            }
            let psk = setup.psk.map_or("", |_| "psk ");
            let pki = setup.pki.map(|pki| describe(&pki, roots)).unwrap_or_default();
            self.0.lock().push(format!("server {psk}{pki}").trim_end().into());
            Ok(Arc::new(End))
        }

        fn check_roots(&self, roots: &Roots) -> Result<(), SetupError> {
            match roots.files.iter().any(|file| file.ends_with("missing")) {
                true => Err(SetupError("missing".into())),
                false => Ok(()),
            }
        }

        fn configure_engine(&self, _: &str) -> Result<(), SetupError> {
            Ok(())
        }

        fn remove_engine(&self) -> bool {
            false
        }
    }

    fn psk() -> ServerPsk {
        ServerPsk {
            hint: Hint { hint: Box::default(), key: Secret::from(&b"key"[..]) },
            for_identity: Arc::new(|_, _| None),
            for_name: None,
        }
    }

    fn file(name: &str) -> Option<Source> {
        Some(Source::File(name.into(), Encoding::Pem))
    }

    fn pki(keys: Keys) -> Pki {
        Pki {
            keys,
            checks: Checks::default(),
            is_rpk: false,
            server_name: None,
            accept: None,
            for_name: None,
            adjust: None,
        }
    }

    fn shown() -> Keys {
        Keys { certificate: file("cert"), private_key: file("key"), ..Keys::default() }
    }

    fn roots(name: &str) -> Roots {
        Roots { files: vec![PathBuf::from(name)], directories: Vec::new() }
    }

    /// What a context has been made to answer by, in order.
    #[derive(Default)]
    struct Installed(RefCell<Vec<bool>>);

    impl Installed {
        fn install(&self) -> impl Fn(Option<Arc<dyn Acceptor>>) {
            |answer| self.0.borrow_mut().push(answer.is_some())
        }
    }

    #[test]
    fn endpoints_answer_by_all_that_was_set() {
        let (library, security, installed) = (Fake::default(), Security::default(), Installed::default());
        assert!(!security.answers());
        security.add_roots(&library, roots("one"), &installed.install()).unwrap();
        assert!(!security.answers());
        security.set_psk(&library, psk(), &installed.install()).unwrap();
        security.set_pki(&library, pki(shown()), &installed.install()).unwrap();
        security.add_roots(&library, roots("two"), &installed.install()).unwrap();
        assert!(security.answers());
        assert_eq!(
            *library.0.lock(),
            ["server psk", "server psk pki cert trust 1", "server psk pki cert trust 2"]
        );
        assert_eq!(*installed.0.borrow(), [false, true, true, true]);
    }

    #[test]
    fn what_cannot_be_used_leaves_what_was_there() {
        let (library, security, installed) = (Fake::default(), Security::default(), Installed::default());
        security.set_pki(&library, pki(shown()), &installed.install()).unwrap();
        let bad = pki(Keys { private_key: file("missing"), ..shown() });
        security.set_pki(&library, bad, &installed.install()).unwrap_err();
        security.add_roots(&library, roots("missing"), &installed.install()).unwrap_err();
        security.add_roots(&library, Roots::default(), &installed.install()).unwrap_err();
        assert_eq!(*installed.0.borrow(), [true]);
        security.set_psk(&library, psk(), &installed.install()).unwrap();
        assert_eq!(library.0.lock().last().unwrap(), "server psk pki cert trust 0");
    }

    #[test]
    fn a_set_up_that_shows_nothing_is_for_sessions() {
        let (library, security, installed) = (Fake::default(), Security::default(), Installed::default());
        security.set_pki(&library, pki(Keys::default()), &installed.install()).unwrap();
        assert!(!security.answers());
        let bad = pki(Keys { ca: file("missing"), ..Keys::default() });
        security.set_pki(&library, bad, &installed.install()).unwrap_err();
        security.connector(&library, None).unwrap();
        assert_eq!(*library.0.lock(), ["client pki nothing trust 0"; 2]);
    }

    #[test]
    fn a_session_that_brings_nothing_verifies_by_the_roots_there_are() {
        let (library, security, installed) = (Fake::default(), Security::default(), Installed::default());
        security.connector(&library, None).unwrap();
        security.add_roots(&library, roots("one"), &installed.install()).unwrap();
        security.connector(&library, None).unwrap();
        security.connector(&library, Some(ClientSetup::Pki(Box::new(pki(shown()))))).unwrap();
        assert_eq!(
            *library.0.lock(),
            ["client pki nothing trust 0", "client pki nothing verify 1", "client pki cert trust 1"]
        );
    }

    #[test]
    fn keys_of_a_server_are_no_use_to_a_client() {
        let (library, security, installed) = (Fake::default(), Security::default(), Installed::default());
        security.set_psk(&library, psk(), &installed.install()).unwrap();
        assert!(security.connector(&library, None).is_err());
        security.set_pki(&library, pki(shown()), &installed.install()).unwrap();
        security.connector(&library, None).unwrap();
        assert_eq!(library.0.lock().last().unwrap(), "client pki cert trust 0");
    }
}
