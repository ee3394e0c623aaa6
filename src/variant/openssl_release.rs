//! Which OpenSSL the variant `openssl` can be built with. `build.rs` asks, before anything is compiled that would not
//! fit.

/// The oldest release that has what the variant calls, as OpenSSL writes it: `0xMNN00PP0`.
const OLDEST: u64 = 0x3000_0000;

/// What the headers say that were found: the version as OpenSSL writes it, in hexadecimal digits, and what they are if they
/// are no OpenSSL's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) version: Option<&'a str>,
    pub(super) fork: Option<&'a str>,
}

/// Nothing if the library can be built with it, or else why not, and what to do.
pub(super) fn refusal(found: Found) -> Option<String> {
    let version = found.version.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    let what = match (found.fork, version) {
        (Some(fork), _) => fork.to_owned(),
        (None, Some(version)) if version >= OLDEST => return None,
        (None, Some(version)) => {
            format!("OpenSSL {}.{}.{}", version >> 28, version >> 20 & 0xff, version >> 12 & 0xff)
        }
        (None, None) => "an OpenSSL that does not say its version".to_owned(),
    };
    Some(format!(
        "the variant `openssl` needs OpenSSL 3.0 or newer with its headers (Debian: libssl-dev), but {what} was found. \
         OPENSSL_DIR names another place to look; `make VARIANTS=notls DEFAULT=notls` builds without it."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn openssl(version: &str) -> Option<String> {
        refusal(Found { version: Some(version), fork: None })
    }

    #[test]
    fn openssl_3_and_newer_will_do() {
        assert_eq!(openssl("30000000"), None);
        assert_eq!(openssl("30600020"), None);
        assert_eq!(openssl("40000000"), None);
    }

    #[test]
    fn what_is_older_is_refused_by_its_name() {
        let text = openssl("1010117f").unwrap();
        assert!(text.contains("needs OpenSSL 3.0") && text.contains("OpenSSL 1.1.1 was found"), "{text}");
    }

    #[test]
    fn forks_are_refused_whatever_version_they_claim() {
        let text = refusal(Found { version: Some("30000000"), fork: Some("LibreSSL") }).unwrap();
        assert!(text.contains("LibreSSL was found"), "{text}");
    }

    #[test]
    fn what_says_nothing_is_refused() {
        assert!(refusal(Found { version: None, fork: None }).is_some());
        assert!(openssl("three").is_some());
    }
}
