//! What OpenSSL reads from and writes to instead of a socket: bytes that the driver has put in, and the
//! [`Output`] that it fetches. One write of OpenSSL's is one datagram.

use super::sys;
use crate::tls::Output;
use core::cell::{Cell, UnsafeCell};
use core::ffi::{c_char, c_int, c_long, c_void};
use core::ptr::NonNull;
use openssl_sys as ffi;
use std::sync::OnceLock;

/// Input that is kept in memory when all of it is read; more is given back.
const INPUT_KEPT: usize = 2048;

/// The two directions of a connection.
pub(super) struct Wire {
    input: UnsafeCell<Input>,
    output: UnsafeCell<Output>,
    /// The most bytes of a datagram; `None` of a stream.
    pub(super) mtu: Cell<Option<usize>>,
}

#[derive(Default)]
struct Input {
    bytes: Vec<u8>,
    read: usize,
}

impl Wire {
    pub(super) fn new(mtu: Option<usize>) -> Self {
        Wire { input: UnsafeCell::default(), output: UnsafeCell::default(), mtu: Cell::new(mtu) }
    }

    /// Puts in what came from the peer.
    pub(super) fn receive(&self, bytes: &[u8]) {
        // SAFETY: as for `output`, and no reference to the input leaves this file.
        let input = unsafe { &mut *self.input.get() };
        if self.mtu.get().is_some() || input.read == input.bytes.len() {
            input.bytes.clear();
            input.read = 0;
        }
        input.bytes.extend_from_slice(bytes);
    }

    /// How much of it nobody has read.
    pub(super) fn unread(&self) -> usize {
        // SAFETY: as for `receive`.
        let input = unsafe { &*self.input.get() };
        input.bytes.len().saturating_sub(input.read)
    }

    /// What is to be sent.
    ///
    /// # Safety
    ///
    /// No other reference to it exists, and OpenSSL is not called while this one does.
    #[expect(clippy::mut_from_ref, reason = "the caller sees to it that there is one at a time")]
    pub(super) unsafe fn output(&self) -> &mut Output {
        // SAFETY: as the caller says. A wire is in the hands of one thread.
        unsafe { &mut *self.output.get() }
    }

    /// Moves out what came, as much as there is room for. Of a datagram what has no room is lost.
    ///
    /// # Safety
    ///
    /// There is so much room.
    unsafe fn take(&self, to: *mut u8, room: usize) -> usize {
        // SAFETY: as for `receive`.
        let input = unsafe { &mut *self.input.get() };
        let rest = input.bytes.get(input.read..).unwrap_or_default();
        let n = rest.len().min(room);
        // SAFETY: `n` bytes are there on both sides, and OpenSSL's memory is not ours.
        unsafe { to.copy_from_nonoverlapping(rest.as_ptr(), n) };
        input.read = if self.mtu.get().is_some() { input.bytes.len() } else { input.read + n };
        if input.read == input.bytes.len() {
            input.bytes.clear();
            input.bytes.shrink_to(INPUT_KEPT);
            input.read = 0;
        }
        n
    }

    /// A BIO that leads here.
    ///
    /// # Safety
    ///
    /// The BIO is freed before the wire is.
    pub(super) unsafe fn bio(this: NonNull<Wire>) -> Option<NonNull<ffi::BIO>> {
        let method = method()?;
        // SAFETY: a method that lives as long as the process.
        let bio = NonNull::new(unsafe { ffi::BIO_new(method.as_ptr()) })?;
        // SAFETY: it is new. What it points to outlives it, as the caller says.
        unsafe {
            ffi::BIO_set_data(bio.as_ptr(), this.as_ptr().cast());
            ffi::BIO_set_init(bio.as_ptr(), 1);
        }
        Some(bio)
    }
}

/// How such a BIO works: the same for all of them.
fn method() -> Option<NonNull<ffi::BIO_METHOD>> {
    struct Method(NonNull<ffi::BIO_METHOD>);
    // SAFETY: it is not changed once it is made.
    unsafe impl Send for Method {}
    // SAFETY: as above.
    unsafe impl Sync for Method {}
    static METHOD: OnceLock<Method> = OnceLock::new();
    if let Some(method) = METHOD.get() {
        return Some(method.0);
    }
    let make = || {
        // SAFETY: the functions are of the types that are declared for them. A method that could not be
        // completed is freed again.
        unsafe {
            let method = NonNull::new(ffi::BIO_meth_new(ffi::BIO_TYPE_NONE, c"coap".as_ptr()))?;
            let of = method.as_ptr();
            let all = ffi::BIO_meth_set_write__fixed_rust(of, Some(write)) != 0
                && ffi::BIO_meth_set_read__fixed_rust(of, Some(read)) != 0
                && ffi::BIO_meth_set_ctrl__fixed_rust(of, Some(ctrl)) != 0;
            if !all {
                ffi::BIO_meth_free(of);
            }
            all.then_some(Method(method))
        }
    };
    // Whoever comes second finds that of the first; its own is a few bytes that stay.
    let made = make()?;
    Some(METHOD.get_or_init(|| made).0)
}

/// The wire of a BIO.
///
/// # Safety
///
/// It was made by [`Wire::bio`].
unsafe fn wire_of<'a>(bio: *mut ffi::BIO) -> Option<&'a Wire> {
    // SAFETY: the data is what `Wire::bio` has set, or NULL.
    unsafe { ffi::BIO_get_data(bio).cast::<Wire>().as_ref() }
}

/// Appends a datagram, or several: OpenSSL forgets what encryption adds when it fills one with records up
/// to the MTU, so they are cut apart between records (RFC 6347 §4.1.1) that are too many for one.
fn push_within(output: &mut Output, mut bytes: &[u8], mtu: usize) {
    while bytes.len() > mtu {
        let mut at = 0;
        while let Some(next) = record(bytes.get(at..).unwrap_or_default()).map(|len| at + len)
            && next <= mtu
            && next < bytes.len()
        {
            at = next;
        }
        let Some((first, rest)) = bytes.split_at_checked(at).filter(|_| at > 0) else { break };
        output.push_datagram(first);
        bytes = rest;
    }
    output.push_datagram(bytes);
}

/// The part of a datagram in front of the first record that is protected, by what it says, and too short
/// to hold even what the protection adds: RFC 6347 §4.1.2.7 has such a one dropped in silence, while
/// OpenSSL 3.0 ends the connection. Anybody can send it who knows the addresses.
pub(super) fn sound(datagram: &[u8], overhead: usize) -> &[u8] {
    // Suites that pad add a header, an initialization vector, a code of 32 bytes, and more.
    let overhead = overhead.min(13 + 16 + 32);
    let mut at = 0;
    while let Some(rest) = datagram.get(at..).filter(|rest| !rest.is_empty()) {
        let is_protected = rest.get(3..5).is_some_and(|epoch| epoch != [0, 0]);
        match record(rest) {
            Some(len) if is_protected && len < overhead => break,
            Some(len) => at += len,
            None => break,
        }
    }
    datagram.get(..at.min(datagram.len())).unwrap_or_default()
}

/// How long the record is that stands first.
fn record(bytes: &[u8]) -> Option<usize> {
    let len = bytes.get(11..13)?.first_chunk::<2>()?;
    Some(13 + usize::from(u16::from_be_bytes(*len)))
}

unsafe extern "C" fn write(bio: *mut ffi::BIO, bytes: *const c_char, len: c_int) -> c_int {
    // SAFETY: OpenSSL calls this with a BIO of ours, and as many bytes as it says.
    unsafe {
        ffi::BIO_clear_flags(bio, sys::BIO_FLAGS_RWS | sys::BIO_FLAGS_SHOULD_RETRY);
        let (Some(wire), Ok(n)) = (wire_of(bio), usize::try_from(len)) else { return -1 };
        if bytes.is_null() {
            return -1;
        }
        let bytes = core::slice::from_raw_parts(bytes.cast::<u8>(), n);
        let output = wire.output();
        match wire.mtu.get() {
            Some(mtu) => push_within(output, bytes, mtu),
            None => output.bytes.extend_from_slice(bytes),
        }
        len
    }
}

unsafe extern "C" fn read(bio: *mut ffi::BIO, to: *mut c_char, len: c_int) -> c_int {
    // SAFETY: OpenSSL calls this with a BIO of ours, and room for as many bytes as it says.
    unsafe {
        ffi::BIO_clear_flags(bio, sys::BIO_FLAGS_RWS | sys::BIO_FLAGS_SHOULD_RETRY);
        let (Some(wire), Ok(n)) = (wire_of(bio), usize::try_from(len)) else { return -1 };
        if to.is_null() {
            return -1;
        }
        if wire.unread() == 0 {
            ffi::BIO_set_flags(bio, sys::BIO_FLAGS_READ | sys::BIO_FLAGS_SHOULD_RETRY);
            return -1;
        }
        c_int::try_from(wire.take(to.cast(), n)).unwrap_or(-1)
    }
}

unsafe extern "C" fn ctrl(bio: *mut ffi::BIO, command: c_int, _: c_long, _: *mut c_void) -> c_long {
    // SAFETY: OpenSSL calls this with a BIO of ours.
    let Some(wire) = (unsafe { wire_of(bio) }) else { return 0 };
    match command {
        sys::BIO_CTRL_FLUSH => 1,
        sys::BIO_CTRL_PENDING => wire.unread() as c_long,
        sys::BIO_CTRL_DGRAM_QUERY_MTU | sys::BIO_CTRL_DGRAM_GET_FALLBACK_MTU => {
            wire.mtu.get().unwrap_or_default() as c_long
        }
        // As for IPv6 over UDP. Our MTU is what is above that.
        sys::BIO_CTRL_DGRAM_GET_MTU_OVERHEAD => 48,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(lens: &[u16]) -> Vec<u8> {
        lens.iter()
            .flat_map(|len| [&[0; 11], &len.to_be_bytes()[..], &vec![0; usize::from(*len)]].concat())
            .collect()
    }

    #[test]
    fn a_record_that_cannot_be_what_it_says_is_dropped_with_what_follows() {
        let record = |epoch: u8, len: u8| {
            let mut record = vec![23, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 0, 0, len];
            record.extend(vec![0; usize::from(len)]);
            record
        };
        let whole = [record(1, 24), record(1, 30)].concat();
        assert_eq!(sound(&whole, 37), whole);
        assert_eq!(sound(&[record(1, 24), record(1, 23), record(1, 30)].concat(), 37), record(1, 24));
        assert_eq!(sound(&record(1, 2), 29), [0; 0]);
        assert_eq!(sound(&record(0, 2), 29), record(0, 2), "in the clear it is OpenSSL's to judge");
        assert_eq!(sound(&record(1, 24)[..20], 37), &record(1, 24)[..20], "so is one that ends early");
        assert_eq!(sound(&[], 37), [0; 0]);
    }

    #[test]
    fn a_datagram_that_is_too_long_is_cut_between_records() {
        for (lens, expected) in [
            (&[10, 10][..], &[46][..]),
            (&[40, 40], &[53, 53]),
            (&[10, 10, 10, 60], &[69, 73]),
            (&[200], &[213]),
            (&[200, 10], &[236]),
            (&[10, 200], &[23, 213]),
        ] {
            let mut output = Output::default();
            push_within(&mut output, &records(lens), 100);
            assert_eq!(output.datagrams().map(<[u8]>::len).collect::<Vec<_>>(), expected, "{lens:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_records_stay_together() {
        let mut output = Output::default();
        push_within(&mut output, &[0xff; 150], 100);
        assert_eq!(output.datagrams().count(), 1);
    }
}
