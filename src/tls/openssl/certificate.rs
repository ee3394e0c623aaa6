//! What is written in a certificate. A stack of OpenSSL's that does not give what it should have is
//! answered by nothing, and not followed to where it leads.

use super::{queue, sys};
use core::ffi::{c_int, c_void};
use core::ptr::NonNull;
use foreign_types::ForeignTypeRef as _;
use openssl::nid::Nid;
use openssl::x509::{X509Ref, X509StoreContextRef};
use openssl_sys as ffi;
use std::ffi::CString;

/// The first DNS name of its alternative names, or else its first common name. A name with a zero in it
/// is none: C would take what is before it for the whole.
pub(super) fn name(certificate: &X509Ref) -> Option<CString> {
    let found = match first_dns_name(certificate) {
        Some(found) => Some(found),
        None => common_name(certificate),
    };
    queue::clear();
    CString::new(found?).ok()
}

fn first_dns_name(certificate: &X509Ref) -> Option<Vec<u8>> {
    let names = certificate.subject_alt_names()?;
    elements(names.as_ptr().cast()).find_map(|name| {
        // SAFETY: the elements of this stack are names, which live as long as it does. That of a DNS
        // name has a string.
        unsafe {
            let name = name.cast::<ffi::GENERAL_NAME>().as_ref();
            if name.type_ != ffi::GEN_DNS || name.d.is_null() {
                return None;
            }
            let string = name.d.cast::<ffi::ASN1_STRING>();
            let (bytes, len) = (ffi::ASN1_STRING_get0_data(string), ffi::ASN1_STRING_length(string));
            let len = usize::try_from(len).ok().filter(|_| !bytes.is_null())?;
            Some(core::slice::from_raw_parts(bytes, len).to_vec())
        }
    })
}

fn common_name(certificate: &X509Ref) -> Option<Vec<u8>> {
    // SAFETY: each pointer is asked of the one before, belongs to the certificate, and is looked at. The
    // text comes with its length and is freed here.
    unsafe {
        let subject = NonNull::new(ffi::X509_get_subject_name(certificate.as_ptr()))?;
        let at = ffi::X509_NAME_get_index_by_NID(subject.as_ptr(), Nid::COMMONNAME.as_raw(), -1);
        if at < 0 {
            return None;
        }
        let entry = NonNull::new(ffi::X509_NAME_get_entry(subject.as_ptr(), at))?;
        let data = NonNull::new(ffi::X509_NAME_ENTRY_get_data(entry.as_ptr()))?;
        let mut text = core::ptr::null_mut();
        let len = ffi::ASN1_STRING_to_UTF8(&raw mut text, data.as_ptr());
        let text = NonNull::new(text)?;
        let bytes =
            usize::try_from(len).ok().map(|len| core::slice::from_raw_parts(text.as_ptr(), len).to_vec());
        ffi::OPENSSL_free(text.as_ptr().cast());
        bytes
    }
}

/// The certificates of the chain that is looked at, from the peer's up, in DER.
pub(super) fn chain(context: &X509StoreContextRef) -> Vec<Option<Vec<u8>>> {
    // SAFETY: the context is alive; the chain stays its own, and its elements are certificates.
    unsafe {
        let chain = ffi::X509_STORE_CTX_get0_chain(context.as_ptr());
        elements(chain.cast()).map(|one| X509Ref::from_ptr(one.as_ptr().cast()).to_der().ok()).collect()
    }
}

/// How many certificates are in the chain that is looked at.
pub(super) fn chain_len(context: &X509StoreContextRef) -> Option<usize> {
    // SAFETY: as above; a stack that is NULL has -1.
    let len = unsafe { ffi::OPENSSL_sk_num(ffi::X509_STORE_CTX_get0_chain(context.as_ptr()).cast()) };
    usize::try_from(len).ok()
}

/// What a stack has, as far as OpenSSL gives it.
fn elements(stack: *const sys::Stack) -> impl Iterator<Item = NonNull<c_void>> {
    // SAFETY: a stack that is alive, or NULL, which has -1.
    let len: c_int = unsafe { ffi::OPENSSL_sk_num(stack.cast()) };
    // SAFETY: as above; the number is one of its elements.
    (0..len).map_while(move |n| NonNull::new(unsafe { ffi::OPENSSL_sk_value(stack.cast(), n) }))
}
