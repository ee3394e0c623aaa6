/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_block.h
 * Block-wise transfers, RFC 7959 and RFC 9177.
 */
#ifndef COAP_BLOCK_H_
#define COAP_BLOCK_H_

#include "coap_encode.h"
#include "coap_option.h"
#include "coap_pdu.h"
#include "coap_resource.h"
#include "coap_session.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The address of the last byte of a block option's value, or NULL if it has no value. */
#define COAP_OPT_BLOCK_LAST(opt) \
  (coap_opt_length(opt) == 0 ? NULL : coap_opt_value(opt) + coap_opt_length(opt) - 1)

/** The last byte of a block option's value, or 0 if it has no value. */
#define COAP_OPT_BLOCK_END_BYTE(opt) \
  (COAP_OPT_BLOCK_LAST(opt) == NULL ? 0 : *COAP_OPT_BLOCK_LAST(opt))

/** Not 0 if the block option says that more blocks follow. */
#define COAP_OPT_BLOCK_MORE(opt) (COAP_OPT_BLOCK_END_BYTE(opt) & 0x08)

/** The exponent of the block option's block size. */
#define COAP_OPT_BLOCK_SZX(opt) (COAP_OPT_BLOCK_END_BYTE(opt) & 0x07)

/** The library takes block-wise transfers apart and puts them together. */
#define COAP_BLOCK_USE_LIBCOAP 1

/** Handlers see a block-wise body as a whole instead of block by block. */
#define COAP_BLOCK_SINGLE_BODY 2

/** Try Q-Block (RFC 9177) first. */
#define COAP_BLOCK_TRY_Q_BLOCK 4

/** Ask for missing Q-Block2 blocks with the M bit set. */
#define COAP_BLOCK_USE_M_Q_BLOCK 8

/** Clients: add a Request-Tag only when the server asks for it. */
#define COAP_BLOCK_NO_PREEMPTIVE_RTAG 16

/** Clients: the server keeps no state between the blocks of a FETCH. */
#define COAP_BLOCK_STLESS_FETCH 32

/** Servers: keep no state between the blocks of a response. */
#define COAP_BLOCK_STLESS_BLOCK2 64

/** Servers: refuse Block1 blocks that arrive out of order. */
#define COAP_BLOCK_NOT_RANDOM_BLOCK1 128

/** The largest exponent of a block size: 2^(6 + 4) = 1024 bytes. */
#ifndef COAP_MAX_BLOCK_SZX
#define COAP_MAX_BLOCK_SZX 6
#endif

/** The value of a Block1 or Block2 option, RFC 7959 §2.2. */
typedef struct coap_block_t {
  /** The number of the block. */
  unsigned int num;
  /** 1 if more blocks follow. */
  unsigned int m : 1;
  /** The exponent of the block size: a block holds 2^(szx + 4) bytes. */
  unsigned int szx : 3;
} coap_block_t;

/** The value of a block option, with what BERT (RFC 8323 §6) adds to it. */
typedef struct coap_block_b_t {
  /** The number of the block. */
  unsigned int num;
  /** 1 if more blocks follow. */
  unsigned int m : 1;
  /** The exponent of the block size, 0 to 6 (7 is BERT). */
  unsigned int szx : 3;
  /** The exponent as it stands in the option, 7 for BERT. */
  unsigned int aszx : 3;
  /** 1 if the option was found. */
  unsigned int defined : 1;
  /** 1 if the option says BERT. */
  unsigned int bert : 1;
  /** The number of payload bytes that the block takes: more than 1024 with BERT. */
  uint32_t chunk_size;
} coap_block_b_t;

/**
 * Called once when the library no longer needs the data given to one of the
 * `coap_add_data_large_...()` functions. `app_ptr` is what was given there.
 */
typedef void (*coap_release_large_data_t)(coap_session_t *session, void *app_ptr);

/**
 * The number of the block that a Block option at `block_opt` has: 0 if it has no value.
 *
 * @pre `block_opt` is NULL or points to the beginning of an option.
 */
unsigned int coap_opt_block_num(const coap_opt_t *block_opt);

/**
 * Reads the Block option `number` (`COAP_OPTION_BLOCK1` or `COAP_OPTION_BLOCK2`) of `pdu` into
 * `*block`.
 *
 * Returns 1, or 0 if there is none or it has the reserved size 7; then all of `*block` is 0.
 *
 * @pre `pdu` is NULL or a live message; `block` is NULL or may be written.
 */
int coap_get_block(const coap_pdu_t *pdu, coap_option_num_t number, coap_block_t *block);

/**
 * The same with the number of bytes that the block takes, for a message of `session`, which may
 * be NULL. Over streams size 7 stands for blocks of several kilobytes (BERT, RFC 8323 section 6), if the
 * peer takes them; `chunk_size` is then what `pdu` has of them.
 *
 * Returns 1, or 0 if there is none or it has a size 7 that stands for nothing; then all of `*block`
 * is 0.
 *
 * @pre `session` is NULL or live, `pdu` is NULL or a live message; `block` is NULL or may be written.
 */
int coap_get_block_b(const coap_session_t *session,
                     const coap_pdu_t *pdu,
                     coap_option_num_t number,
                     coap_block_b_t *block);

/**
 * Adds the Block option `number` to `pdu`, or changes the one there: the block that `*block` names
 * of a body of `data_length` bytes, and whether more follow. Where a block of that size has no
 * room, the option names a smaller one that begins at the same place.
 *
 * Returns 1, -2 if the block lies behind the end of the body, or -3 if not even the smallest block
 * has room.
 *
 * @pre `block` is NULL or valid; `pdu` is NULL or a live message.
 */
int coap_write_block_opt(coap_block_t *block,
                         coap_option_num_t number,
                         coap_pdu_t *pdu,
                         size_t data_length);

/**
 * The same, for a message of `session`, which may be NULL. `*block` then says which block the
 * option names, which is what to give to `coap_add_block_b_data()`.
 *
 * @pre `session` is NULL or live; `block` is NULL or valid; `pdu` is NULL or a live message.
 */
int coap_write_block_b_opt(coap_session_t *session,
                           coap_block_b_t *block,
                           coap_option_num_t number,
                           coap_pdu_t *pdu,
                           size_t data_length);

/**
 * Adds block `block_num` of a body of `len` bytes as payload. A block has 2^(`block_szx` + 4)
 * bytes, the last one what is left.
 *
 * Returns 1, or 0 if the block lies behind the end, there is a payload already, or no room.
 *
 * @pre `pdu` is NULL or a live message; `data` has `len` bytes.
 */
int coap_add_block(coap_pdu_t *pdu,
                   size_t len,
                   const uint8_t *data,
                   unsigned int block_num,
                   uint8_t block_szx);

/**
 * Adds the block that `*block` names of a body of `len` bytes as payload.
 *
 * Returns 1, or 0 if the block lies behind the end, there is a payload already, or no room.
 *
 * @pre `pdu` is NULL or a live message; `data` has `len` bytes; `block` is NULL or valid.
 */
int coap_add_block_b_data(coap_pdu_t *pdu,
                          size_t len,
                          const uint8_t *data,
                          coap_block_b_t *block);

/**
 * Puts `length` bytes into a body, `offset` bytes behind its beginning. With `body_data` NULL a
 * body of `total` bytes is made; one that is too small grows. What no data has been put into is 0.
 *
 * Returns the body, which may have moved and which `coap_delete_binary()` frees, or NULL if there
 * is no data, no memory or nothing to make; then `body_data` has been freed.
 *
 * @pre `body_data` is NULL or binary data from this library, and is not used any more; `data` has
 * `length` bytes.
 */
coap_binary_t *coap_block_build_body(coap_binary_t *body_data,
                                     size_t length,
                                     const uint8_t *data,
                                     size_t offset,
                                     size_t total);

/**
 * Answers `request` with a body of `length` bytes: all of it where that fits, else the block that
 * the request asks for, or the first one. The application is called for each block, and gives the
 * same body each time. `response` gets ETag, Content-Format, Max-Age (unless `maxage` is negative)
 * and, where it has a block, Block2 and Size2.
 *
 * A block behind the end makes it a 4.00, a response without room a 5.00.
 *
 * @pre `request` and `response` are NULL or live messages; `data` has `length` bytes.
 */
void coap_add_data_blocked_response(const coap_pdu_t *request,
                                    coap_pdu_t *response,
                                    uint16_t media_type,
                                    int maxage,
                                    size_t length,
                                    const uint8_t *data);

/**
 * Gives a request a body of `length` bytes: all of it where it fits. Where the session leaves
 * block-wise transfers to the library (`coap_context_set_block_mode()`), a larger body is sent in
 * blocks, of which the first is put into `pdu` with Block1, Size1 and Request-Tag; the others
 * follow when `coap_send()` has sent it. Options cannot be added to `pdu` afterwards.
 *
 * The library reads `data` until it calls `release_func`, if that is not NULL, with `session` and
 * `app_ptr`: once, also if this fails, and also when `pdu` is deleted instead of sent.
 *
 * Returns 1, or 0 if the body does not fit or there is one already.
 *
 * @pre `session` is NULL or live, `pdu` is NULL or a live message; `data` has `length` bytes until they
 * are released.
 */
int coap_add_data_large_request(coap_session_t *session,
                                coap_pdu_t *pdu,
                                size_t length,
                                const uint8_t *data,
                                coap_release_large_data_t release_func,
                                void *app_ptr);

/**
 * Gives the response to `request` a body of `length` bytes: all of it where it fits and the client
 * did not ask for blocks. Where the session leaves block-wise transfers to the library
 * (`coap_context_set_block_mode()`), a larger body is sent in blocks: `response` gets the first,
 * and the library answers the client's requests for the others without calling the handler. It is
 * meant to be called in the handler of `resource`, with what that was called with.
 *
 * `response` gets the Content-Format `media_type`, Max-Age unless `maxage` is -1, and Block2, Size2
 * and ETag if it has a block; with `etag` 0 the library finds an ETag. Options cannot be added
 * afterwards.
 *
 * The library reads `data` until it calls `release_func`, if that is not NULL, with `session` and
 * `app_ptr`: once, also if this fails.
 *
 * Returns 1, or 0 if it fails: then `response` is an error response, 4.00 if the client asked for a
 * block behind the end, 5.00 if the body does not fit.
 *
 * @pre `session` is NULL or live, `request` and `response` are NULL or live messages; `data` has
 * `length` bytes until they are released.
 */
int coap_add_data_large_response(coap_resource_t *_resource,
                                 coap_session_t *session,
                                 const coap_pdu_t *request,
                                 coap_pdu_t *response,
                                 const coap_string_t *_query,
                                 uint16_t media_type,
                                 int maxage,
                                 uint64_t etag,
                                 size_t length,
                                 const uint8_t *data,
                                 coap_release_large_data_t release_func,
                                 void *app_ptr);

/**
 * Says who does what in block-wise transfers of the sessions to come: a set of `COAP_BLOCK_*`. At
 * first, and without `COAP_BLOCK_USE_LIBCOAP`, the application does all. With `COAP_BLOCK_TRY_Q_BLOCK`
 * bodies go in Q-Blocks (RFC 9177) where the peer knows them, and are always shown whole.
 *
 * @pre `context` is NULL or live.
 */
void coap_context_set_block_mode(coap_context_t *context,
                                 uint32_t block_mode);

/**
 * Sets the largest block that sessions to come use: 16, 32, 64, 128, 256, 512 or 1024 bytes, or 0
 * for the largest that fits.
 *
 * Returns 1, or 0 if it is another number.
 *
 * @pre `context` is NULL or live.
 */
int coap_context_set_max_block_size(coap_context_t *context, size_t max_block_size);

/**
 * Whether a body has more blocks than the first num + 1.
 *
 * @param data_len The length of the body.
 * @param num The number of a block.
 * @param szx The exponent of the block size.
 * @return 1 if a block follows block num, else 0.
 */
COAP_STATIC_INLINE int
coap_more_blocks(size_t data_len, unsigned int num, uint16_t szx) {
  return data_len > ((size_t)num + 1) << (szx + 4);
}

#ifdef __cplusplus
}
#endif

#endif /* COAP_BLOCK_H_ */
