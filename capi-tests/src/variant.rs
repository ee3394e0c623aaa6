//! The variants of the library, and which of them a program is about.

/// One of the shared libraries, by the library that secures what it sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Variant {
    /// Without (D)TLS.
    Notls,
    /// OpenSSL.
    Openssl,
}

impl Variant {
    /// All of them. The first is the one whose record stands for the others too, where they print the same.
    pub(crate) const ALL: [Variant; 2] = [Variant::Notls, Variant::Openssl];

    /// As in `libcoap-3-NAME.so`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Variant::Notls => "notls",
            Variant::Openssl => "openssl",
        }
    }

    /// The shared libraries, by name, that the object asks for beside the C library.
    pub(crate) fn security_libraries(self) -> &'static [&'static str] {
        match self {
            Variant::Notls => &[],
            Variant::Openssl => &["libssl.so.3", "libcrypto.so.3"],
        }
    }
}

/// The variants that the program of this name is for: what it is about is how the name begins or ends.
pub(crate) fn variants_of(program: &str) -> &'static [Variant] {
    if is_secure(program) {
        &[Variant::Openssl]
    } else if program.ends_with("_notls") {
        &[Variant::Notls]
    } else {
        &Variant::ALL
    }
}

/// Whether the program of this name is about (D)TLS, and may want certificates.
pub(crate) fn is_secure(program: &str) -> bool {
    ["tls_", "dtls_", "wss_"].iter().any(|beginning| program.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_runs_in_the_variants_that_it_is_about() {
        assert_eq!(variants_of("tls_client"), [Variant::Openssl]);
        assert_eq!(variants_of("wss_upgrade"), [Variant::Openssl]);
        assert_eq!(variants_of("security_notls"), [Variant::Notls]);
        assert_eq!(variants_of("tcp_client"), Variant::ALL);
    }
}
