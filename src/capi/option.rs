//! `coap_option.h`: single options, the walk over those of a message, and lists of them.

use super::ffi::ffi;
use super::pdu::{bytes, coap_pdu_t, or_log};
use super::str::{allocate, or_no_memory};
use super::types::*;
use crate::message::Number;
use crate::message::option::{Head, MAX_EXTENDED, PAYLOAD_MARKER};
use core::ffi::c_int;
use core::{ptr, slice};

/// Reads the head of the option at `opt`, of which C does not say how long it is: no byte is
/// touched that the head does not have.
///
/// # Safety
/// `opt` is NULL or points to the beginning of an option.
unsafe fn head(opt: *const coap_opt_t) -> Option<Head> {
    if opt.is_null() {
        return None;
    }
    // SAFETY: an option has at least one byte.
    let first = unsafe { *opt };
    let extended = |nibble: u8| match nibble {
        13 => 1,
        14 => 2,
        _ => 0,
    };
    let len = 1 + extended(first >> 4) + extended(first & 0xf);
    // SAFETY: an option with these nibbles has so many bytes of head.
    Head::decode_head(unsafe { slice::from_raw_parts(opt, len) }).ok()
}

/// Takes the option at `opt` apart, which ends within `length` bytes.
///
/// Returns how many bytes it takes and fills `result`, or 0 if it is cut short, has a reserved
/// length or a delta over 65535, or is the payload marker.
///
/// # Safety
/// `opt` is NULL or points to `length` bytes; `result` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_opt_parse(
    opt: *const coap_opt_t,
    length: usize,
    result: *mut coap_option_t,
) -> usize {
    ffi(|| {
        // SAFETY: the caller passes NULL or what it promises.
        let (data, result) = unsafe { (bytes(opt, length)?, result.as_mut()?) };
        let head = Head::decode(data).ok()?;
        let value = data.get(head.head_len..)?;
        *result = coap_option_t {
            delta: u16::try_from(head.delta).ok()?,
            length: head.length as usize,
            value: value.as_ptr(),
        };
        Some(head.head_len + head.length as usize)
    })
}

/// How many bytes the option at `opt` takes; 0 if it is none.
///
/// # Safety
/// `opt` is NULL or points to the beginning of an option.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_opt_size(opt: *const coap_opt_t) -> usize {
    ffi(|| {
        // SAFETY: the same promise.
        let head = unsafe { head(opt) }?;
        u16::try_from(head.delta).ok()?;
        Some(head.head_len + head.length as usize)
    })
}

/// How many bytes the value of the option at `opt` has; 0 if it is none.
///
/// # Safety
/// `opt` is NULL or points to the beginning of an option.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_opt_length(opt: *const coap_opt_t) -> u32 {
    // SAFETY: the same promise.
    ffi(|| Some(unsafe { head(opt) }?.length))
}

/// Where the value of the option at `opt` begins; NULL if it is none.
///
/// # Safety
/// `opt` is NULL or points to the beginning of an option.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_opt_value(opt: *const coap_opt_t) -> *const u8 {
    // SAFETY: the same promise.
    ffi(|| Some(opt.wrapping_add(unsafe { head(opt) }?.head_len)))
}

/// Writes the head of an option, with the difference `delta` to the number before it and a value
/// of `length` bytes, into the `maxlen` bytes at `opt`.
///
/// Returns how many bytes it takes, or 0 if there is no room or the length is over 65804.
///
/// # Safety
/// `opt` is NULL or points to `maxlen` bytes that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_opt_setheader(
    opt: *mut coap_opt_t,
    maxlen: usize,
    delta: u16,
    length: usize,
) -> usize {
    ffi(|| {
        let head = encode_head(delta, length)?;
        // SAFETY: the same promise.
        unsafe { write(opt, maxlen, head.as_bytes()) }
    })
}

/// How many bytes an option takes; 0 if its length is over 65804.
#[unsafe(no_mangle)]
pub extern "C" fn coap_opt_encode_size(delta: u16, length: usize) -> usize {
    ffi(|| Some(encode_head(delta, length)?.as_bytes().len() + length))
}

/// Writes an option, with the difference `delta` to the number before it and the `length` bytes at
/// `val`, into the `n` bytes at `opt`. With `val` NULL the room for the value is left as it is.
///
/// Returns how many bytes it takes, or 0 if there is no room or the length is over 65804.
///
/// # Safety
/// `opt` is NULL or points to `n` bytes that may be written; `val` is NULL or points to `length`
/// bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_opt_encode(
    opt: *mut coap_opt_t,
    n: usize,
    delta: u16,
    val: *const u8,
    length: usize,
) -> usize {
    ffi(|| {
        let head = encode_head(delta, length)?;
        let head = head.as_bytes();
        let size = head.len() + length;
        if size > n {
            return None;
        }
        // SAFETY: the same promise; head and value fit into `n` bytes. The value may overlap the
        // place it goes to, so it goes there first.
        unsafe {
            if !opt.is_null() && !val.is_null() {
                ptr::copy(val, opt.add(head.len()), length);
            }
            write(opt, n, head)?;
        }
        Some(size)
    })
}

fn encode_head(delta: u16, length: usize) -> Option<crate::message::option::EncodedHead> {
    let length = u32::try_from(length).ok().filter(|l| *l <= MAX_EXTENDED)?;
    Some(Head::encode(delta.into(), length))
}

/// # Safety
/// `to` is NULL or points to `room` bytes that may be written.
unsafe fn write(to: *mut u8, room: usize, data: &[u8]) -> Option<usize> {
    if to.is_null() || data.len() > room {
        return None;
    }
    // SAFETY: not NULL, and room enough.
    unsafe { ptr::copy_nonoverlapping(data.as_ptr(), to, data.len()) };
    Some(data.len())
}

/// The bits of a filter's mask: first those of the long numbers, then those of the short ones.
const LONG: core::ops::Range<usize> = 0..COAP_OPT_FILTER_LONG;
const SHORT: core::ops::Range<usize> = COAP_OPT_FILTER_LONG..COAP_OPT_FILTER_LONG + COAP_OPT_FILTER_SHORT;

impl coap_opt_filter_t {
    const EMPTY: Self = coap_opt_filter_t { mask: 0, long_opts: [0; 2], short_opts: [0; 6] };

    fn places(number: u16) -> core::ops::Range<usize> {
        if number > 255 { LONG } else { SHORT }
    }

    fn is_used(&self, place: usize) -> bool {
        self.mask & 1 << place != 0
    }

    /// Where the number stands, if it does.
    fn find(&self, number: u16) -> Option<usize> {
        let value = |place: usize| match place.checked_sub(COAP_OPT_FILTER_LONG) {
            None => self.long_opts.get(place).copied(),
            Some(short) => self.short_opts.get(short).copied().map(u16::from),
        };
        Self::places(number).find(|&place| self.is_used(place) && value(place) == Some(number))
    }

    fn set(&mut self, number: u16) -> Option<()> {
        if self.find(number).is_some() {
            return Some(());
        }
        let place = Self::places(number).rev().find(|&place| !self.is_used(place))?;
        match place.checked_sub(COAP_OPT_FILTER_LONG) {
            None => *self.long_opts.get_mut(place)? = number,
            Some(short) => *self.short_opts.get_mut(short)? = u8::try_from(number).ok()?,
        }
        self.mask |= 1 << place;
        Some(())
    }

    fn unset(&mut self, number: u16) -> Option<()> {
        self.mask &= !(1 << self.find(number)?);
        Some(())
    }

    /// Whether the filter has this number.
    pub(crate) fn contains(&self, number: u16) -> bool {
        self.find(number).is_some()
    }
}

/// Takes all numbers out of a filter. A new filter has to be cleared before use.
///
/// # Safety
/// `filter` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_option_filter_clear(filter: *mut coap_opt_filter_t) {
    if !filter.is_null() {
        // SAFETY: not NULL, and the caller passes a filter that may hold anything yet.
        unsafe { filter.write(coap_opt_filter_t::EMPTY) };
    }
}

/// Puts a number into a filter. There is room for six numbers up to 255 and two above.
///
/// Returns 1, also if it was there already, or 0 if there is no room.
///
/// # Safety
/// `filter` is NULL or a cleared filter.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_option_filter_set(
    filter: *mut coap_opt_filter_t,
    number: coap_option_num_t,
) -> c_int {
    // SAFETY: the caller passes NULL or a filter.
    ffi(|| unsafe { filter.as_mut() }?.set(number).map(|()| 1))
}

/// Takes a number out of a filter.
///
/// Returns 1, or 0 if it was not there.
///
/// # Safety
/// `filter` is NULL or a cleared filter.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_option_filter_unset(
    filter: *mut coap_opt_filter_t,
    number: coap_option_num_t,
) -> c_int {
    // SAFETY: the caller passes NULL or a filter.
    ffi(|| unsafe { filter.as_mut() }?.unset(number).map(|()| 1))
}

/// Returns 1 if a filter has this number, else 0.
///
/// # Safety
/// `filter` is NULL or a cleared filter.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_option_filter_get(
    filter: *mut coap_opt_filter_t,
    number: coap_option_num_t,
) -> c_int {
    // SAFETY: the caller passes NULL or a filter.
    ffi(|| Some(unsafe { filter.as_ref() }?.contains(number).into()))
}

/// The bits of [`coap_opt_iterator_t`]'s flags.
const BAD: u16 = 1;
const FILTERED: u16 = 2;

/// Begins a walk over the options of a message: all of them, or with a filter those that it names.
/// The walk is good until the message changes.
///
/// Returns `oi`, or NULL if the message has neither options nor payload.
///
/// # Safety
/// `pdu` is NULL or a live message; `oi` is NULL or may be written; `filter` is NULL or a filter.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_option_iterator_init(
    pdu: *const coap_pdu_t,
    oi: *mut coap_opt_iterator_t,
    filter: *const coap_opt_filter_t,
) -> *mut coap_opt_iterator_t {
    ffi(|| {
        if oi.is_null() {
            return None;
        }
        // SAFETY: the caller passes NULL or a live message, and NULL or a filter.
        let (pdu, filter) = unsafe { (pdu.as_ref(), filter.as_ref()) };
        let data = pdu.map_or(&[][..], |pdu| pdu.inner.option_and_payload_bytes());
        let bad = if data.is_empty() { BAD } else { 0 };
        let filtered = if filter.is_some() { FILTERED } else { 0 };
        let walk = coap_opt_iterator_t {
            length: data.len(),
            number: 0,
            flags: bad | filtered,
            next_option: data.as_ptr().cast_mut(),
            filter: filter.copied().unwrap_or(coap_opt_filter_t::EMPTY),
        };
        // SAFETY: not NULL, and the caller passes an iterator that may hold anything yet.
        unsafe { oi.write(walk) };
        (bad == 0).then_some(oi)
    })
}

/// Goes to the next option; its number is in `oi->number`.
///
/// Returns the option, for `coap_opt_value` and `coap_opt_length`, or NULL at the end.
///
/// # Safety
/// `oi` is NULL or a walk over a live message that has not changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_option_next(oi: *mut coap_opt_iterator_t) -> *mut coap_opt_t {
    ffi(|| {
        // SAFETY: the caller passes NULL or a walk.
        let oi = unsafe { oi.as_mut() }?;
        while oi.flags & BAD == 0 {
            // SAFETY: the rest of a live message.
            let rest = unsafe { bytes(oi.next_option, oi.length) };
            let next = rest.filter(|r| r.first() != Some(&PAYLOAD_MARKER)).and_then(|rest| {
                let head = Head::decode(rest).ok()?;
                let number = u16::try_from(u32::from(oi.number) + head.delta).ok()?;
                Some((number, head.head_len + head.length as usize))
            });
            let Some((number, size)) = next else {
                oi.flags |= BAD;
                break;
            };
            let option = oi.next_option;
            oi.number = number;
            oi.length -= size;
            oi.next_option = option.wrapping_add(size);
            if oi.flags & FILTERED == 0 || oi.filter.contains(number) {
                return Some(option);
            }
        }
        None
    })
}

/// Finds the first option with this number. `oi` needs no preparation; `coap_option_next` goes on
/// to the next one with the number.
///
/// Returns the option, or NULL if there is none.
///
/// # Safety
/// `pdu` is NULL or a live message; `oi` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_check_option(
    pdu: *const coap_pdu_t,
    number: coap_option_num_t,
    oi: *mut coap_opt_iterator_t,
) -> *mut coap_opt_t {
    let mut filter = coap_opt_filter_t::EMPTY;
    filter.set(number);
    // SAFETY: the same promises, and a local filter.
    unsafe {
        if coap_option_iterator_init(pdu, oi, &filter).is_null() {
            return ptr::null_mut();
        }
        coap_option_next(oi)
    }
}

/// An entry of an option list with a copy of `data`.
pub(crate) fn new_optlist(number: u16, data: &[u8]) -> Option<*mut coap_optlist_t> {
    let entry = or_no_memory("coap_new_optlist", allocate::<coap_optlist_t>(data.len()))?;
    let place: *mut u8 = entry.wrapping_add(1).cast();
    // SAFETY: a new block with room for the struct and the data.
    unsafe {
        ptr::copy_nonoverlapping(data.as_ptr(), place, data.len());
        entry.write(coap_optlist_t { next: ptr::null_mut(), number, length: data.len(), data: place });
    }
    Some(entry)
}

/// Appends an entry to a list.
///
/// # Safety
/// `chain` may be written and holds NULL or a list; `entry` is one entry in no list.
pub(crate) unsafe fn append(chain: *mut *mut coap_optlist_t, entry: *mut coap_optlist_t) {
    let mut end = chain;
    // SAFETY: a list that ends with NULL; no reference to it is made.
    unsafe {
        while !(*end).is_null() {
            end = &raw mut (**end).next;
        }
        *end = entry;
    }
}

/// Makes an entry of an option list with a copy of the `length` bytes at `data`.
///
/// Returns the entry, for `coap_insert_optlist`, or NULL if there is no memory, or no data although
/// `length` is not 0.
///
/// # Safety
/// `data` is NULL or points to `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_new_optlist(
    number: u16,
    length: usize,
    data: *const u8,
) -> *mut coap_optlist_t {
    // SAFETY: the caller passes `length` bytes.
    ffi(|| new_optlist(number, unsafe { bytes(data, length) }?))
}

/// Puts an entry at the end of a list. `*optlist_chain` is NULL for a list that has none yet.
///
/// Returns 1, or 0 if there is no entry or no list; then the entry still is the caller's.
///
/// # Safety
/// `optlist_chain` is NULL or holds NULL or a list; `optlist` is NULL or an entry in no list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_insert_optlist(
    optlist_chain: *mut *mut coap_optlist_t,
    optlist: *mut coap_optlist_t,
) -> c_int {
    ffi(|| {
        if optlist_chain.is_null() || optlist.is_null() {
            return None;
        }
        // SAFETY: neither is NULL, and the caller promises the rest.
        unsafe { append(optlist_chain, optlist) };
        Some(1)
    })
}

/// Sorts a list by option number, keeping the order of equal ones, and adds its options to a
/// message as `coap_add_option` does. The list stays the caller's.
///
/// Returns 1, or 0 if an option could not be added; those before it have been.
///
/// # Safety
/// `pdu` is NULL or a live message; `optlist_chain` is NULL or holds NULL or a list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_add_optlist_pdu(
    pdu: *mut coap_pdu_t,
    optlist_chain: *mut *mut coap_optlist_t,
) -> c_int {
    ffi(|| {
        // SAFETY: the caller passes NULL or a live message, and NULL or a list.
        unsafe {
            if optlist_chain.is_null() || (*optlist_chain).is_null() {
                return Some(1);
            }
            sort(optlist_chain);
            let pdu = pdu.as_mut()?;
            let mut next = *optlist_chain;
            while let Some(entry) = next.as_ref() {
                let value = bytes(entry.data, entry.length)?;
                let added = pdu.inner.compose_option(Number(entry.number), value);
                or_log("coap_add_optlist_pdu", added)?;
                next = entry.next;
            }
        }
        Some(1)
    })
}

/// Sorts a list by option number; equal ones keep their order.
///
/// # Safety
/// `chain` holds NULL or a list.
unsafe fn sort(chain: *mut *mut coap_optlist_t) {
    // SAFETY: each entry of the list is alive, and linked again once.
    unsafe {
        let mut entries = Vec::new();
        let mut next = *chain;
        while !next.is_null() {
            entries.push(next);
            next = (*next).next;
        }
        entries.sort_by_key(|entry| (**entry).number);
        let mut end = chain;
        for entry in entries {
            *end = entry;
            end = &raw mut (*entry).next;
        }
        *end = ptr::null_mut();
    }
}

/// Frees a list. NULL is allowed.
///
/// # Safety
/// `optlist_chain` is NULL or a list that is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_delete_optlist(optlist_chain: *mut coap_optlist_t) {
    let mut next = optlist_chain;
    while !next.is_null() {
        let entry = next;
        // SAFETY: an entry of a list is one block from malloc, and freed once.
        unsafe {
            next = (*entry).next;
            libc::free(entry.cast());
        }
    }
}
