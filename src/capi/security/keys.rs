//! Certificates and private keys in the forms that `coap_dtls_key_t` has for them, and copies of the
//! struct that lead to memory of the library's own.

use super::Refusal;
use crate::capi::pdu::bytes;
use crate::capi::types::*;
use crate::tls::{Encoding, Keys, Secret, Source};
use core::ffi::{CStr, c_char};
use core::mem::{MaybeUninit, offset_of};
use core::ptr;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// The size of the struct where `define` does not count. Programs that were built for a libcoap before
/// 4.3.5 have no more than that; only `define` has become longer since.
const FIRST_SIZE: usize = offset_of!(coap_dtls_key_t, key) + size_of::<coap_pki_key_asn1_t>();

/// The part of a `T` in front of `key` that holds a key, as large as its form needs; zeros behind it.
///
/// # Safety
/// `from` points to a `T`, or to one of 4.3.1, which may lie anywhere. `key_at` is the offset of the
/// `coap_dtls_key_t` at its end.
pub(super) unsafe fn copy_with_key<T: Copy>(from: *const T, key_at: usize) -> T {
    let mut copy = MaybeUninit::<T>::zeroed();
    let form = key_at + offset_of!(coap_dtls_key_t, key_type);
    // SAFETY: a part of the struct that is always there; and as many bytes as are there, into a struct
    // that has as many. A struct of C whose bytes are copied or zero is a valid one.
    unsafe {
        let form = from.cast::<u8>().add(form).cast::<coap_pki_key_t>().read_unaligned();
        let size = match form {
            COAP_PKI_KEY_DEFINE => size_of::<coap_dtls_key_t>(),
            _ => FIRST_SIZE,
        };
        ptr::copy_nonoverlapping(from.cast::<u8>(), copy.as_mut_ptr().cast(), key_at + size);
        copy.assume_init()
    }
}

/// Copies of what C pointed to, each with a zero behind it, so that the pointers of a copied struct can
/// lead there. What is secret is wiped when they go.
#[derive(Default)]
pub(super) struct Kept(Vec<Secret>);

impl Kept {
    fn keep(&mut self, bytes: &[u8]) -> *const u8 {
        let copy = Secret::from(&[bytes, b"\0"].concat()[..]);
        let at = copy.as_bytes().as_ptr();
        self.0.push(copy);
        at
    }

    /// The text at `*at`, which is made to lead to a copy; `None` for NULL.
    ///
    /// # Safety
    /// `*at` is NULL or a C string that is there as long as the result is used.
    pub(super) unsafe fn text<'a>(&mut self, at: &mut *const c_char) -> Option<&'a CStr> {
        if at.is_null() {
            return None;
        }
        // SAFETY: a C string, as the caller promises.
        let text = unsafe { CStr::from_ptr(*at) };
        *at = self.keep(text.to_bytes()).cast();
        Some(text)
    }

    /// The bytes at `*at`, which is made to lead to a copy; `None` for NULL or none.
    ///
    /// # Safety
    /// `*at` is NULL or points to `len` bytes that are there as long as the result is used.
    unsafe fn bytes<'a>(&mut self, at: &mut *const u8, len: usize) -> Option<&'a [u8]> {
        // SAFETY: as the caller promises.
        let bytes = unsafe { bytes(*at, len) }.filter(|bytes| !bytes.is_empty())?;
        *at = self.keep(bytes);
        Some(bytes)
    }

    /// A file in PEM. One without a name is none.
    ///
    /// # Safety
    /// As for [`Kept::text`].
    unsafe fn file(&mut self, at: &mut *const c_char, encoding: Encoding) -> Option<Source> {
        // SAFETY: as the caller promises.
        let name = unsafe { self.text(at) }?.to_bytes();
        (!name.is_empty()).then(|| Source::File(OsStr::from_bytes(name).into(), encoding))
    }

    /// PEM in memory: of certificates, or of raw public keys.
    ///
    /// # Safety
    /// As for [`Kept::bytes`].
    unsafe fn pem(&mut self, at: &mut *const u8, len: usize, is_raw: bool) -> Option<Source> {
        // SAFETY: as the caller promises.
        let text = unsafe { self.bytes(at, len) }?;
        // The zero behind a string of C may be counted.
        let end = text.iter().rposition(|b| *b != 0)? + 1;
        let text = Secret::from(text.get(..end)?);
        Some(match is_raw {
            true => Source::RawPublicKey(text),
            false => Source::Memory(text, Encoding::Pem),
        })
    }

    /// DER in memory.
    ///
    /// # Safety
    /// As for [`Kept::bytes`].
    unsafe fn der(&mut self, at: &mut *const u8, len: usize, kind: u32) -> Option<Source> {
        // SAFETY: as the caller promises.
        let der = unsafe { self.bytes(at, len) }?;
        Some(Source::Memory(Secret::from(der), Encoding::Der { kind }))
    }

    /// A name in a token or an engine.
    ///
    /// # Safety
    /// As for [`Kept::text`].
    unsafe fn name(
        &mut self,
        at: &mut *const c_char,
        form: fn(String) -> Source,
    ) -> Result<Option<Source>, Refusal> {
        // SAFETY: as the caller promises.
        let Some(name) = (unsafe { self.text(at) }) else { return Ok(None) };
        let name = name.to_str().map_err(|e| Refusal::new(format!("the name of a key is not UTF-8: {e}")))?;
        Ok((!name.is_empty()).then(|| form(name.into())))
    }

    /// The PIN of a token.
    ///
    /// # Safety
    /// As for [`Kept::text`].
    unsafe fn pin(&mut self, at: &mut *const c_char) -> Option<Secret> {
        // SAFETY: as the caller promises.
        unsafe { self.text(at) }.map(|pin| Secret::from(pin.to_bytes()))
    }
}

/// What a key struct says. Its pointers lead to what is kept afterwards.
///
/// # Safety
/// The struct is a copy, as [`copy_with_key`] makes them; what the member that its form names points to
/// is there during the call.
pub(super) unsafe fn read(key: &mut coap_dtls_key_t, is_raw: bool, kept: &mut Kept) -> Result<Keys, Refusal> {
    // SAFETY: the form says which member is filled in, and the caller promises what that points to.
    unsafe {
        Ok(match key.key_type {
            COAP_PKI_KEY_PEM => {
                let pem = &mut key.key.pem;
                Keys {
                    ca: kept.file(&mut pem.ca_file, Encoding::Pem),
                    certificate: kept.file(&mut pem.public_cert, Encoding::Pem),
                    private_key: kept.file(&mut pem.private_key, Encoding::Pem),
                    pin: None,
                }
            }
            COAP_PKI_KEY_PEM_BUF => {
                let pem = &mut key.key.pem_buf;
                Keys {
                    ca: kept.pem(&mut pem.ca_cert, pem.ca_cert_len, false),
                    certificate: kept.pem(&mut pem.public_cert, pem.public_cert_len, is_raw),
                    private_key: kept.pem(&mut pem.private_key, pem.private_key_len, is_raw),
                    pin: None,
                }
            }
            COAP_PKI_KEY_ASN1 => {
                let der = &mut key.key.asn1;
                let kind = der.private_key_type;
                Keys {
                    ca: kept.der(&mut der.ca_cert, der.ca_cert_len, 0),
                    certificate: kept.der(&mut der.public_cert, der.public_cert_len, 0),
                    private_key: kept.der(&mut der.private_key, der.private_key_len, kind),
                    pin: None,
                }
            }
            COAP_PKI_KEY_PKCS11 => {
                let token = &mut key.key.pkcs11;
                let own: fn(String) -> Source = if is_raw { Source::RawPkcs11 } else { Source::Pkcs11 };
                Keys {
                    ca: kept.name(&mut token.ca, Source::Pkcs11)?,
                    certificate: kept.name(&mut token.public_cert, own)?,
                    private_key: kept.name(&mut token.private_key, own)?,
                    pin: kept.pin(&mut token.user_pin),
                }
            }
            COAP_PKI_KEY_DEFINE => {
                let define = &mut key.key.define;
                let kind = define.private_key_type;
                Keys {
                    ca: defined(kept, &mut define.ca, define.ca_len, define.ca_def, 0)?,
                    certificate: defined(
                        kept,
                        &mut define.public_cert,
                        define.public_cert_len,
                        define.public_cert_def,
                        0,
                    )?,
                    private_key: defined(
                        kept,
                        &mut define.private_key,
                        define.private_key_len,
                        define.private_key_def,
                        kind,
                    )?,
                    pin: kept.pin(&mut define.user_pin),
                }
            }
            other => return Err(Refusal::of_struct(format!("there is no key_type {other}"))),
        })
    }
}

/// One part of a key whose parts come in forms of their own.
///
/// # Safety
/// `*at` is NULL or leads to what the form says, of `len` bytes where it is one in memory.
unsafe fn defined(
    kept: &mut Kept,
    at: &mut coap_const_char_ptr_t,
    len: usize,
    form: coap_pki_define_t,
    kind: u32,
) -> Result<Option<Source>, Refusal> {
    // SAFETY: both members are the one pointer, of which the caller promises what it leads to.
    unsafe {
        if at.s_byte.is_null() {
            return Ok(None);
        }
        Ok(match form {
            COAP_PKI_KEY_DEF_PEM => kept.file(&mut at.s_byte, Encoding::Pem),
            COAP_PKI_KEY_DEF_DER => kept.file(&mut at.s_byte, Encoding::Der { kind }),
            COAP_PKI_KEY_DEF_PEM_BUF => kept.pem(&mut at.u_byte, len, false),
            COAP_PKI_KEY_DEF_RPK_BUF => kept.pem(&mut at.u_byte, len, true),
            COAP_PKI_KEY_DEF_DER_BUF => kept.der(&mut at.u_byte, len, kind),
            COAP_PKI_KEY_DEF_PKCS11 => kept.name(&mut at.s_byte, Source::Pkcs11)?,
            COAP_PKI_KEY_DEF_PKCS11_RPK => kept.name(&mut at.s_byte, Source::RawPkcs11)?,
            COAP_PKI_KEY_DEF_ENGINE => kept.name(&mut at.s_byte, Source::Engine)?,
            other => return Err(Refusal::of_struct(format!("there is no form {other} of a key"))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(form: coap_pki_key_t) -> coap_dtls_key_t {
        let asn1 = coap_pki_key_asn1_t {
            ca_cert: ptr::null(),
            public_cert: ptr::null(),
            private_key: ptr::null(),
            ca_cert_len: 0,
            public_cert_len: 0,
            private_key_len: 0,
            private_key_type: 0,
        };
        // SAFETY: all zeros, for which every member has a meaning.
        let mut key: coap_dtls_key_t = unsafe { core::mem::zeroed() };
        key.key_type = form;
        key.key.asn1 = asn1;
        key
    }

    fn read_all(mut key: coap_dtls_key_t, is_raw: bool) -> Result<Keys, Refusal> {
        // SAFETY: the tests fill in the member that the form names.
        unsafe { read(&mut key, is_raw, &mut Kept::default()) }
    }

    fn file(name: &str, encoding: Encoding) -> Option<Source> {
        Some(Source::File(name.into(), encoding))
    }

    fn der(bytes: &[u8], kind: u32) -> Option<Source> {
        Some(Source::Memory(Secret::from(bytes), Encoding::Der { kind }))
    }

    #[test]
    fn pem_files_are_named_and_no_name_is_none() {
        let mut files = key(COAP_PKI_KEY_PEM);
        files.key.pem = coap_pki_key_pem_t {
            ca_file: c"".as_ptr(),
            public_cert: c"cert.pem".as_ptr(),
            private_key: c"key.pem".as_ptr(),
        };
        let keys = read_all(files, false).unwrap();
        assert_eq!(keys.ca, None);
        assert_eq!(keys.certificate, file("cert.pem", Encoding::Pem));
        assert_eq!(keys.private_key, file("key.pem", Encoding::Pem));
    }

    #[test]
    fn pem_in_memory_may_end_with_a_zero() {
        let mut buffers = key(COAP_PKI_KEY_PEM_BUF);
        buffers.key.pem_buf = coap_pki_key_pem_buf_t {
            ca_cert: ptr::null(),
            public_cert: c"cert".as_ptr().cast(),
            private_key: b"key".as_ptr(),
            ca_cert_len: 7,
            public_cert_len: 5,
            private_key_len: 3,
        };
        let memory = |text: &[u8]| Some(Source::Memory(Secret::from(text), Encoding::Pem));
        let keys = read_all(buffers, false).unwrap();
        assert_eq!((keys.ca, keys.certificate, keys.private_key), (None, memory(b"cert"), memory(b"key")));
        let raw = |text: &[u8]| Some(Source::RawPublicKey(Secret::from(text)));
        let keys = read_all(buffers, true).unwrap();
        assert_eq!((keys.certificate, keys.private_key), (raw(b"cert"), raw(b"key")));
    }

    #[test]
    fn der_in_memory_says_of_which_kind_the_private_key_is() {
        let mut buffers = key(COAP_PKI_KEY_ASN1);
        buffers.key.asn1 = coap_pki_key_asn1_t {
            ca_cert: b"ca".as_ptr(),
            public_cert: b"cert".as_ptr(),
            private_key: c"key".as_ptr().cast(),
            ca_cert_len: 2,
            public_cert_len: 4,
            private_key_len: 4,
            private_key_type: COAP_ASN1_PKEY_EC,
        };
        let keys = read_all(buffers, false).unwrap();
        assert_eq!((keys.ca, keys.certificate), (der(b"ca", 0), der(b"cert", 0)));
        assert_eq!(keys.private_key, der(b"key\0", COAP_ASN1_PKEY_EC));
    }

    #[test]
    fn keys_in_a_token_have_names_and_a_pin() {
        let mut token = key(COAP_PKI_KEY_PKCS11);
        token.key.pkcs11 = coap_pki_key_pkcs11_t {
            ca: c"pkcs11:ca".as_ptr(),
            public_cert: c"pkcs11:cert".as_ptr(),
            private_key: c"pkcs11:key".as_ptr(),
            user_pin: c"1234".as_ptr(),
        };
        let keys = read_all(token, false).unwrap();
        assert_eq!(keys.certificate, Some(Source::Pkcs11("pkcs11:cert".into())));
        assert_eq!(keys.pin, Some(Secret::from(&b"1234"[..])));
        let keys = read_all(token, true).unwrap();
        assert_eq!(keys.ca, Some(Source::Pkcs11("pkcs11:ca".into())));
        assert_eq!(keys.private_key, Some(Source::RawPkcs11("pkcs11:key".into())));
        token.key.pkcs11.ca = c"\xff".as_ptr();
        assert!(read_all(token, false).is_err());
    }

    #[test]
    fn each_part_of_a_defined_key_has_its_own_form() {
        let text = |text: &'static CStr| coap_const_char_ptr_t { s_byte: text.as_ptr() };
        let define = |form, part| coap_pki_key_define_t {
            ca: coap_const_char_ptr_t { s_byte: ptr::null() },
            public_cert: text(c"cert"),
            private_key: part,
            ca_len: 0,
            public_cert_len: 4,
            private_key_len: 3,
            // A form that does not exist, of a part that is not there.
            ca_def: 99,
            public_cert_def: COAP_PKI_KEY_DEF_PEM_BUF,
            private_key_def: form,
            private_key_type: COAP_ASN1_PKEY_RSA,
            user_pin: c"pin".as_ptr(),
        };
        let name = || "name".to_owned();
        for (form, expected) in [
            (COAP_PKI_KEY_DEF_PEM, file("name", Encoding::Pem)),
            (COAP_PKI_KEY_DEF_PEM_BUF, Some(Source::Memory(Secret::from(&b"nam"[..]), Encoding::Pem))),
            (COAP_PKI_KEY_DEF_RPK_BUF, Some(Source::RawPublicKey(Secret::from(&b"nam"[..])))),
            (COAP_PKI_KEY_DEF_DER, file("name", Encoding::Der { kind: COAP_ASN1_PKEY_RSA })),
            (COAP_PKI_KEY_DEF_DER_BUF, der(b"nam", COAP_ASN1_PKEY_RSA)),
            (COAP_PKI_KEY_DEF_PKCS11, Some(Source::Pkcs11(name()))),
            (COAP_PKI_KEY_DEF_PKCS11_RPK, Some(Source::RawPkcs11(name()))),
            (COAP_PKI_KEY_DEF_ENGINE, Some(Source::Engine(name()))),
        ] {
            let mut all = key(COAP_PKI_KEY_DEFINE);
            all.key.define = define(form, text(c"name"));
            let keys = read_all(all, false).unwrap();
            assert_eq!(keys.private_key, expected, "{form}");
            assert_eq!(keys.ca, None);
            assert_eq!(keys.certificate, Some(Source::Memory(Secret::from(&b"cert"[..]), Encoding::Pem)));
            assert_eq!(keys.pin, Some(Secret::from(&b"pin"[..])));
        }
        let mut all = key(COAP_PKI_KEY_DEFINE);
        all.key.define = define(8, text(c"name"));
        assert!(read_all(all, false).is_err());
    }

    #[test]
    fn an_unknown_form_is_refused() {
        assert!(read_all(key(COAP_PKI_KEY_DEFINE + 1), false).is_err());
    }

    #[test]
    fn copies_outlive_what_they_were_made_of() {
        let mut name = b"cert.pem\0".to_vec();
        let mut bytes = b"ABC".to_vec();
        let mut kept = Kept::default();
        let (mut text_at, mut bytes_at) = (name.as_ptr().cast::<c_char>(), bytes.as_ptr());
        // SAFETY: a C string, and three bytes.
        unsafe {
            assert_eq!(kept.text(&mut text_at), Some(c"cert.pem"));
            assert_eq!(kept.bytes(&mut bytes_at, 3), Some(&b"ABC"[..]));
        }
        name.fill(b'x');
        bytes.fill(b'x');
        // SAFETY: copies with a zero behind them.
        unsafe {
            assert_eq!(CStr::from_ptr(text_at), c"cert.pem");
            assert_eq!(CStr::from_ptr(bytes_at.cast()), c"ABC");
        }
    }

    /// Memory of which nothing can be read behind its first page.
    struct Page(*mut u8);

    impl Page {
        const SIZE: usize = 4096;

        fn new() -> Self {
            // SAFETY: new memory of two pages, of which the second is closed.
            unsafe {
                let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
                let access = libc::PROT_READ | libc::PROT_WRITE;
                let page = libc::mmap(ptr::null_mut(), 2 * Self::SIZE, access, flags, -1, 0);
                assert_ne!(page, libc::MAP_FAILED);
                assert_eq!(libc::mprotect(page.add(Self::SIZE), Self::SIZE, libc::PROT_NONE), 0);
                Page(page.cast())
            }
        }

        /// The first `size` bytes of a struct, at the end of the page.
        fn put<T>(&self, value: &T, size: usize) -> *const T {
            // SAFETY: so many bytes of the page, and of the struct.
            unsafe {
                let at = self.0.add(Self::SIZE - size);
                ptr::copy_nonoverlapping(ptr::from_ref(value).cast::<u8>(), at, size);
                at.cast()
            }
        }
    }

    impl Drop for Page {
        fn drop(&mut self) {
            // SAFETY: the memory that was made.
            unsafe { libc::munmap(self.0.cast(), 2 * Self::SIZE) };
        }
    }

    #[test]
    fn nothing_is_read_behind_a_struct_of_a_program_for_4_3_1() {
        let page = Page::new();
        let mut key = key(COAP_PKI_KEY_ASN1);
        key.key.asn1.private_key_type = COAP_ASN1_PKEY_EC;
        // SAFETY: all zeros, for which every member has a meaning.
        let mut setup: coap_dtls_pki_t = unsafe { core::mem::zeroed() };
        setup.version = COAP_DTLS_PKI_SETUP_VERSION;
        setup.pki_key = key;
        for form in [COAP_PKI_KEY_PEM, COAP_PKI_KEY_ASN1, COAP_PKI_KEY_PEM_BUF, COAP_PKI_KEY_PKCS11, 77] {
            setup.pki_key.key_type = form;
            // SAFETY: structs of the size that they had in 4.3.1, and the last member of the longest form.
            unsafe {
                let copy = copy_with_key(page.put(&setup, 128), offset_of!(coap_dtls_pki_t, pki_key));
                assert_eq!((copy.version, copy.pki_key.key_type), (1, form));
                assert_eq!(copy.pki_key.key.asn1.private_key_type, COAP_ASN1_PKEY_EC);
                let copy = copy_with_key(page.put(&setup.pki_key, 64), 0);
                assert_eq!((copy.key_type, copy.key.asn1.private_key_type), (form, COAP_ASN1_PKEY_EC));
            }
        }
    }

    #[test]
    fn a_defined_key_is_read_to_its_end() {
        let page = Page::new();
        let mut key = key(COAP_PKI_KEY_DEFINE);
        key.key.define.user_pin = c"pin".as_ptr();
        // SAFETY: a whole struct.
        let copy = unsafe { copy_with_key(page.put(&key, 80), 0) };
        // SAFETY: the member that the form names.
        assert_eq!(unsafe { copy.key.define.user_pin }, c"pin".as_ptr());
    }

    #[test]
    fn a_struct_may_lie_at_any_address() {
        let mut memory = [0u8; 81];
        memory[1] = COAP_PKI_KEY_PKCS11 as u8;
        // SAFETY: 80 bytes from there.
        let copy = unsafe { copy_with_key(memory.as_ptr().add(1).cast::<coap_dtls_key_t>(), 0) };
        assert_eq!(copy.key_type, COAP_PKI_KEY_PKCS11);
    }
}
