//! `coap_block.h`: bodies larger than a message.

use super::ffi::ffi;
use super::handle::share;
use super::option::{coap_opt_length, coap_opt_value};
use super::pdu::{bytes, coap_pdu_t, or_log};
use super::resource::coap_resource_t;
use super::str::{coap_delete_binary, coap_new_binary, coap_resize_binary};
use super::types::*;
use crate::log;
use crate::message::option::encode_uint;
use crate::message::{Number, Pdu, error};
use crate::protocol::block::{self, Block, BodyError, Mode, Shared, Upload};
use crate::protocol::engine::Representation;
use core::ffi::{c_int, c_uint, c_void};
use core::ptr;
use core::slice;
use std::sync::Arc;

/// Where the bits of `coap_block_t` and `coap_block_b_t` stand.
mod bits {
    pub(super) const SZX: u32 = 1;
    pub(super) const ASZX: u32 = 4;
    pub(super) const DEFINED: u32 = 1 << 7;
    pub(super) const BERT: u32 = 1 << 8;
}

/// The lowest bit: more blocks follow.
fn more_bit(block: Block) -> u32 {
    u32::from(block.more)
}

impl coap_block_t {
    fn szx(&self) -> u8 {
        (self.flags >> bits::SZX & 7) as u8
    }
}

impl coap_block_b_t {
    fn szx(&self) -> u8 {
        (self.flags >> bits::SZX & 7) as u8
    }

    fn is_bert(&self) -> bool {
        self.flags & bits::BERT != 0
    }

    fn set(&mut self, block: Block, chunk: usize, more_flags: u32) {
        let (szx, aszx) = (u32::from(block.szx.min(block::MAX_SZX)), u32::from(block.szx));
        let bert = if block.szx == block::BERT_SZX { bits::BERT } else { 0 };
        self.num = block.num;
        self.flags = more_bit(block) | (szx << bits::SZX) | (aszx << bits::ASZX) | bert | more_flags;
        self.chunk_size = chunk as u32;
    }
}

/// The number of the block that a Block option at `block_opt` has: 0 if it has no value.
///
/// # Safety
/// `block_opt` is NULL or points to the beginning of an option.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_opt_block_num(block_opt: *const coap_opt_t) -> c_uint {
    ffi(|| {
        // SAFETY: the same promise; the option has so many bytes of value.
        let value = unsafe { bytes(coap_opt_value(block_opt), coap_opt_length(block_opt) as usize) }?;
        Some(value.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) >> 4)
    })
}

/// The block option of a message.
fn block_of(pdu: &Pdu, number: coap_option_num_t) -> Option<Block> {
    Block::of(pdu, Number(number)).ok().flatten()
}

/// Reads the Block option `number` (`COAP_OPTION_BLOCK1` or `COAP_OPTION_BLOCK2`) of `pdu` into
/// `*block`.
///
/// Returns 1, or 0 if there is none or it has the reserved size 7; then all of `*block` is 0.
///
/// # Safety
/// `pdu` is NULL or a live message; `block` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_get_block(
    pdu: *const coap_pdu_t,
    number: coap_option_num_t,
    block: *mut coap_block_t,
) -> c_int {
    ffi(|| {
        // SAFETY: NULL or what the caller promises.
        let (pdu, result) = unsafe { (pdu.as_ref(), block.as_mut()?) };
        *result = coap_block_t { num: 0, flags: 0 };
        let block = block_of(&pdu?.inner, number)?;
        result.num = block.num;
        result.flags = more_bit(block) | (u32::from(block.szx) << bits::SZX);
        Some(1)
    })
}

/// The same with the number of bytes that the block takes, for a message of `session`, which may
/// be NULL. Over streams size 7 stands for blocks of several kilobytes (BERT, RFC 8323 section 6), if the
/// peer takes them; `chunk_size` is then what `pdu` has of them.
///
/// Returns 1, or 0 if there is none or it has a size 7 that stands for nothing; then all of `*block`
/// is 0.
///
/// # Safety
/// `session` is NULL or live, `pdu` is NULL or a live message; `block` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_get_block_b(
    session: *const coap_session_t,
    pdu: *const coap_pdu_t,
    number: coap_option_num_t,
    block: *mut coap_block_b_t,
) -> c_int {
    ffi(|| {
        // SAFETY: NULL or what the caller promises.
        let (pdu, result) = unsafe { (pdu.as_ref(), block.as_mut()?) };
        *result = coap_block_b_t { num: 0, flags: 0, chunk_size: 0 };
        let pdu = &pdu?.inner;
        // SAFETY: NULL or live, as the caller promises.
        let block = match unsafe { takes_bert(session) } {
            true => Block::on_stream(pdu, Number(number)).ok().flatten()?,
            false => block_of(pdu, number)?,
        };
        let chunk = match block.szx {
            block::BERT_SZX => pdu.payload().map_or(0, |p| p.len() / block.size() * block.size()),
            _ => block.size(),
        };
        result.set(block, chunk, bits::DEFINED);
        Some(1)
    })
}

/// Whether the peer of a session takes blocks of several kilobytes.
///
/// # Safety
/// `session` is NULL or live.
unsafe fn takes_bert(session: *const coap_session_t) -> bool {
    // SAFETY: as the caller promises.
    let session = unsafe { session.as_ref() };
    session.and_then(|s| s.read(|s| s.largest_block() == block::BERT_SZX)) == Some(true)
}

/// What a call to write a Block option answers: the block is behind the end of the body.
const BEHIND_END: c_int = -2;

/// The same: there is no room for even the smallest block.
const NO_ROOM: c_int = -3;

/// The block of a body of `length` bytes that a message has room for: of this size, or smaller; and
/// how many bytes it has at most.
fn fit(caller: &str, pdu: &Pdu, block: Block, length: usize) -> Result<(Block, usize), c_int> {
    let rest = match length.checked_sub(block.offset()) {
        Some(rest) if rest > 0 || block.num == 0 => rest,
        _ => {
            log!(DEBUG, "{caller}: block {} lies behind the end of the body", block.num);
            return Err(BEHIND_END);
        }
    };
    // The option takes five bytes at most, the payload marker one.
    let room = pdu.max_size().saturating_sub(pdu.used_size() + 6);
    let fitted = if rest.min(block.size()) <= room {
        Some(block)
    } else {
        block::szx_within(room, block.szx).and_then(|szx| block.shrink(szx))
    };
    let fitted = fitted.ok_or_else(|| {
        log!(WARN, "{caller}: no room for even the smallest block");
        NO_ROOM
    })?;
    if fitted.szx < block.szx {
        log!(DEBUG, "{caller}: blocks of {} bytes do not fit, {} do", block.size(), fitted.size());
    }
    let chunk = match fitted.szx {
        block::BERT_SZX => (room / fitted.size()).max(1) * fitted.size(),
        _ => fitted.size(),
    };
    Ok((Block { more: rest > chunk, ..fitted }, chunk))
}

/// Writes a Block option; gives the block that it names.
fn write(
    caller: &str,
    pdu: &mut Pdu,
    number: coap_option_num_t,
    block: Block,
    length: usize,
) -> Result<(Block, usize), c_int> {
    if block.num > block::MAX_NUM {
        log!(WARN, "{caller}: no block has the number {}", block.num);
        return Err(BEHIND_END);
    }
    let (block, chunk) = fit(caller, pdu, block, length)?;
    match or_log(caller, pdu.update_option(Number(number), &block.encode())) {
        Some(()) => Ok((block, chunk)),
        None => Err(NO_ROOM),
    }
}

/// Adds the Block option `number` to `pdu`, or changes the one there: the block that `*block` names
/// of a body of `data_length` bytes, and whether more follow. Where a block of that size has no
/// room, the option names a smaller one that begins at the same place.
///
/// Returns 1, -2 if the block lies behind the end of the body, or -3 if not even the smallest block
/// has room.
///
/// # Safety
/// `block` is NULL or valid; `pdu` is NULL or a live message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_write_block_opt(
    block: *mut coap_block_t,
    number: coap_option_num_t,
    pdu: *mut coap_pdu_t,
    data_length: usize,
) -> c_int {
    ffi(|| {
        // SAFETY: NULL or what the caller promises.
        let (asked, pdu) = unsafe { (block.as_ref()?, pdu.as_mut()?) };
        let block = Block { num: asked.num, more: false, szx: asked.szx().min(block::MAX_SZX) };
        let written = write("coap_write_block_opt", &mut pdu.inner, number, block, data_length);
        Some(written.map_or_else(|code| code, |_| 1))
    })
}

/// The same, for a message of `session`, which may be NULL. `*block` then says which block the
/// option names, which is what to give to `coap_add_block_b_data()`.
///
/// # Safety
/// `session` is NULL or live; `block` is NULL or valid; `pdu` is NULL or a live message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_write_block_b_opt(
    session: *mut coap_session_t,
    block: *mut coap_block_b_t,
    number: coap_option_num_t,
    pdu: *mut coap_pdu_t,
    data_length: usize,
) -> c_int {
    ffi(|| {
        // SAFETY: NULL or what the caller promises.
        let (asked, pdu) = unsafe { (block.as_mut()?, pdu.as_mut()?) };
        // SAFETY: NULL or live, as the caller promises.
        let szx = match asked.is_bert() && unsafe { takes_bert(session) } {
            true => block::BERT_SZX,
            false => asked.szx().min(block::MAX_SZX),
        };
        let block = Block { num: asked.num, more: false, szx };
        let written = write("coap_write_block_b_opt", &mut pdu.inner, number, block, data_length);
        Some(written.map_or_else(
            |code| code,
            |(block, chunk)| {
                asked.set(block, chunk, 0);
                1
            },
        ))
    })
}

/// Adds as payload the part of a body that begins `start` bytes into it.
fn add_part(caller: &str, pdu: &mut coap_pdu_t, body: &[u8], start: usize, most: usize) -> Option<c_int> {
    let rest = body.get(start..).filter(|rest| !rest.is_empty())?;
    or_log(caller, pdu.inner.set_payload(rest.get(..most).unwrap_or(rest))).map(|()| 1)
}

/// Adds block `block_num` of a body of `len` bytes as payload. A block has 2^(`block_szx` + 4)
/// bytes, the last one what is left.
///
/// Returns 1, or 0 if the block lies behind the end, there is a payload already, or no room.
///
/// # Safety
/// `pdu` is NULL or a live message; `data` has `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_add_block(
    pdu: *mut coap_pdu_t,
    len: usize,
    data: *const u8,
    block_num: c_uint,
    block_szx: u8,
) -> c_int {
    ffi(|| {
        // SAFETY: NULL or what the caller promises.
        let (pdu, body) = unsafe { (pdu.as_mut()?, bytes(data, len)?) };
        let block = Block { num: block_num, more: false, szx: block_szx.min(block::MAX_SZX) };
        add_part("coap_add_block", pdu, body, block.offset(), block.size())
    })
}

/// Adds the block that `*block` names of a body of `len` bytes as payload.
///
/// Returns 1, or 0 if the block lies behind the end, there is a payload already, or no room.
///
/// # Safety
/// `pdu` is NULL or a live message; `data` has `len` bytes; `block` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_add_block_b_data(
    pdu: *mut coap_pdu_t,
    len: usize,
    data: *const u8,
    block: *mut coap_block_b_t,
) -> c_int {
    ffi(|| {
        // SAFETY: NULL or what the caller promises.
        let (pdu, body, block) = unsafe { (pdu.as_mut()?, bytes(data, len)?, block.as_ref()?) };
        let start = (block.num as usize) << (block.szx().min(block::MAX_SZX) + 4);
        add_part("coap_add_block_b_data", pdu, body, start, block.chunk_size as usize)
    })
}

/// Puts `length` bytes into a body, `offset` bytes behind its beginning. With `body_data` NULL a
/// body of `total` bytes is made; one that is too small grows. What no data has been put into is 0.
///
/// Returns the body, which may have moved and which `coap_delete_binary()` frees, or NULL if there
/// is no data, no memory or nothing to make; then `body_data` has been freed.
///
/// # Safety
/// `body_data` is NULL or binary data from this library, and is not used any more; `data` has
/// `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_block_build_body(
    body_data: *mut coap_binary_t,
    length: usize,
    data: *const u8,
    offset: usize,
    total: usize,
) -> *mut coap_binary_t {
    ffi(|| {
        // SAFETY: as the caller promises.
        let built = unsafe { build_body(body_data, length, data, offset, total) };
        if built.is_none() {
            // SAFETY: the caller gave it away.
            unsafe { coap_delete_binary(body_data) };
        }
        built
    })
}

/// The same, but for who frees the old body if that fails.
///
/// # Safety
/// As for [`coap_block_build_body`].
unsafe fn build_body(
    body: *mut coap_binary_t,
    length: usize,
    data: *const u8,
    offset: usize,
    total: usize,
) -> Option<*mut coap_binary_t> {
    if data.is_null() {
        return None;
    }
    let needed = offset.checked_add(length)?.max(total);
    if needed == 0 {
        return None;
    }
    // SAFETY: NULL or live, as the caller promises.
    let size = unsafe { body.as_ref() }.map(|b| b.length);
    let body = match size {
        None => coap_new_binary(needed),
        // SAFETY: the caller gave it away.
        Some(size) if size < needed => unsafe { coap_resize_binary(body, needed) },
        Some(_) => body,
    };
    // SAFETY: NULL, or just made or checked.
    let bytes = unsafe { body.as_ref() }.map(|b| (b.s, b.length))?;
    // SAFETY: the body has as many bytes as it says, `data` has `length`, and neither is part of
    // the other.
    unsafe {
        let new = size.unwrap_or(0);
        if new < bytes.1 {
            ptr::write_bytes(bytes.0.add(new), 0, bytes.1 - new);
        }
        ptr::copy_nonoverlapping(data, bytes.0.add(offset), length);
    }
    Some(body)
}

/// Answers `request` with a body of `length` bytes: all of it where that fits, else the block that
/// the request asks for, or the first one. The application is called for each block, and gives the
/// same body each time. `response` gets ETag, Content-Format, Max-Age (unless `maxage` is negative)
/// and, where it has a block, Block2 and Size2.
///
/// A block behind the end makes it a 4.00, a response without room a 5.00.
///
/// # Safety
/// `request` and `response` are NULL or live messages; `data` has `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_add_data_blocked_response(
    request: *const coap_pdu_t,
    response: *mut coap_pdu_t,
    media_type: u16,
    maxage: c_int,
    length: usize,
    data: *const u8,
) {
    ffi(|| {
        // SAFETY: NULL or what the caller promises.
        let (request, response, body) =
            unsafe { (request.as_ref()?, response.as_mut()?, bytes(data, length)?) };
        let added = add_blocked(&request.inner, &mut response.inner, media_type, maxage, body);
        or_error("coap_add_data_blocked_response", &request.inner, &mut response.inner, added);
        Some(())
    });
}

fn add_blocked(
    request: &Pdu,
    response: &mut Pdu,
    format: u16,
    max_age: c_int,
    body: &[u8],
) -> Result<(), BodyError> {
    response.add_option(Number::ETAG, &encode_uint(block::fingerprint(body)))?;
    response.add_option(Number::CONTENT_FORMAT, &encode_uint(format.into()))?;
    if let Ok(seconds) = u64::try_from(max_age) {
        response.add_option(Number::MAX_AGE, &encode_uint(seconds))?;
    }
    block::add_slice(request, response, body)
}

/// Makes a response that could not be completed the error that it is. Returns 1 or 0, as C does.
fn or_error(caller: &str, request: &Pdu, response: &mut Pdu, added: Result<(), BodyError>) -> c_int {
    match added {
        Ok(()) => 1,
        Err(e) => {
            log!(WARN, "{caller}: {e}");
            error::replace(response, request, e.response_code());
            0
        }
    }
}

/// A body that the application lends; it gets it back when this is dropped.
struct Lent {
    session: Arc<coap_session_t>,
    data: *const u8,
    length: usize,
    release: coap_release_large_data_t,
    app_ptr: *mut c_void,
}

// SAFETY: the bytes stay as they are until they are given back, and the interface promises no
// thread to the application for that.
unsafe impl Send for Lent {}
// SAFETY: the same.
unsafe impl Sync for Lent {}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        if self.length == 0 {
            return &[];
        }
        // SAFETY: the application lends so many bytes until they are given back.
        unsafe { slice::from_raw_parts(self.data, self.length) }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: the application gave the function for this; the session is alive.
            unsafe { release(super::handle::as_c(&self.session), self.app_ptr) };
        }
    }
}

/// Borrows a body from the application. It is given back when the library has done its work, or
/// at once if that cannot begin.
///
/// # Safety
/// `session` is NULL or live; `data` has `length` bytes until they are given back.
unsafe fn borrow(
    session: *mut coap_session_t,
    length: usize,
    data: *const u8,
    release: coap_release_large_data_t,
    app_ptr: *mut c_void,
) -> Option<(Arc<coap_session_t>, Shared)> {
    // SAFETY: NULL or live, as the caller promises.
    let shared = unsafe { share(session) };
    let is_missing = data.is_null() && length > 0;
    let Some(owner) = shared.filter(|_| !is_missing) else {
        if let Some(release) = release {
            // SAFETY: the application gave the function for this.
            unsafe { release(session, app_ptr) };
        }
        return None;
    };
    let lent = Lent { session: Arc::clone(&owner), data, length, release, app_ptr };
    Some((owner, Arc::new(lent)))
}

/// Gives a request a body of `length` bytes: all of it where it fits. Where the session leaves
/// block-wise transfers to the library (`coap_context_set_block_mode()`), a larger body is sent in
/// blocks, of which the first is put into `pdu` with Block1, Size1 and Request-Tag; the others
/// follow when `coap_send()` has sent it. Options cannot be added to `pdu` afterwards.
///
/// The library reads `data` until it calls `release_func`, if that is not NULL, with `session` and
/// `app_ptr`: once, also if this fails, and also when `pdu` is deleted instead of sent.
///
/// Returns 1, or 0 if the body does not fit or there is one already.
///
/// # Safety
/// `session` is NULL or live, `pdu` is NULL or a live message; `data` has `length` bytes until they
/// are released.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_add_data_large_request(
    session: *mut coap_session_t,
    pdu: *mut coap_pdu_t,
    length: usize,
    data: *const u8,
    release_func: coap_release_large_data_t,
    app_ptr: *mut c_void,
) -> c_int {
    ffi(|| {
        // SAFETY: as the caller promises.
        let (session, body) = unsafe { borrow(session, length, data, release_func, app_ptr) }?;
        // SAFETY: NULL or live, as the caller promises.
        let pdu = unsafe { pdu.as_mut() }?;
        let (mode, largest) = session.read(|s| (s.block_mode, s.largest_block()))?;
        if !mode.has(Mode::USE_LIBCOAP) {
            let added = pdu.inner.set_payload((*body).as_ref());
            return or_log("coap_add_data_large_request", added).map(|()| 1);
        }
        let tag = session.change(|s| s.new_request_tag())?;
        match Upload::begin(&mut pdu.inner, &body, largest, &tag) {
            Ok(upload) => {
                pdu.upload = upload;
                Some(1)
            }
            Err(e) => {
                log!(WARN, "coap_add_data_large_request: {e}");
                None
            }
        }
    })
}

/// Gives the response to `request` a body of `length` bytes: all of it where it fits and the client
/// did not ask for blocks. Where the session leaves block-wise transfers to the library
/// (`coap_context_set_block_mode()`), a larger body is sent in blocks: `response` gets the first,
/// and the library answers the client's requests for the others without calling the handler. It is
/// meant to be called in the handler of `resource`, with what that was called with.
///
/// `response` gets the Content-Format `media_type`, Max-Age unless `maxage` is -1, and Block2, Size2
/// and ETag if it has a block; with `etag` 0 the library finds an ETag. Options cannot be added
/// afterwards.
///
/// The library reads `data` until it calls `release_func`, if that is not NULL, with `session` and
/// `app_ptr`: once, also if this fails.
///
/// Returns 1, or 0 if it fails: then `response` is an error response, 4.00 if the client asked for a
/// block behind the end, 5.00 if the body does not fit.
///
/// # Safety
/// `session` is NULL or live, `request` and `response` are NULL or live messages; `data` has
/// `length` bytes until they are released.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_add_data_large_response(
    _resource: *mut coap_resource_t,
    session: *mut coap_session_t,
    request: *const coap_pdu_t,
    response: *mut coap_pdu_t,
    _query: *const coap_string_t,
    media_type: u16,
    maxage: c_int,
    etag: u64,
    length: usize,
    data: *const u8,
    release_func: coap_release_large_data_t,
    app_ptr: *mut c_void,
) -> c_int {
    ffi(|| {
        // SAFETY: as the caller promises.
        let (session, body) = unsafe { borrow(session, length, data, release_func, app_ptr) }?;
        // SAFETY: NULL or live, as the caller promises.
        let (request, response) = unsafe { (&request.as_ref()?.inner, &mut response.as_mut()?.inner) };
        let about = Representation { format: Some(media_type), max_age: u32::try_from(maxage).ok(), etag };
        let context = session.context();
        let now = crate::clock::now();
        let added =
            context.with(|state| state.engine.add_body(now, session.id(), request, response, about, &body));
        context.drop_released();
        Some(or_error("coap_add_data_large_response", request, response, added))
    })
}

/// Says who does what in block-wise transfers of the sessions to come: a set of `COAP_BLOCK_*`. At
/// first, and without `COAP_BLOCK_USE_LIBCOAP`, the application does all. With `COAP_BLOCK_TRY_Q_BLOCK`
/// bodies go in Q-Blocks (RFC 9177) where the peer knows them, and are always shown whole.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_set_block_mode(context: *mut coap_context_t, block_mode: u32) {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let context = unsafe { context.as_ref() }?;
        context.with(|state| state.engine.config.block_mode = Mode::supported(block_mode));
        Some(())
    });
}

/// Sets the largest block that sessions to come use: 16, 32, 64, 128, 256, 512 or 1024 bytes, or 0
/// for the largest that fits.
///
/// Returns 1, or 0 if it is another number.
///
/// # Safety
/// `context` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_context_set_max_block_size(
    context: *mut coap_context_t,
    max_block_size: usize,
) -> c_int {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let context = unsafe { context.as_ref() }?;
        let szx = match max_block_size {
            0 => Some(block::MAX_SZX),
            size => (0..=block::MAX_SZX).find(|szx| 16usize << szx == size),
        };
        let Some(szx) = szx else {
            log!(INFO, "coap_context_set_max_block_size: {max_block_size} is no size of a block");
            return None;
        };
        context.with(|state| state.engine.config.largest_szx = szx);
        Some(1)
    })
}
