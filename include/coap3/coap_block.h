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

/**
 * Called once when the library no longer needs the data given to one of the
 * `coap_add_data_large_...()` functions. `app_ptr` is what was given there.
 */
typedef void (*coap_release_large_data_t)(coap_session_t *session, void *app_ptr);

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

/** The value of a Block1 or Block2 option, RFC 7959 §2.2. */
typedef struct coap_block_t {
  /** The number of the block. */
  unsigned int num;
  /** 1 if more blocks follow. */
  unsigned int m : 1;
  /** The exponent of the block size: a block holds 2^(szx + 4) bytes. */
  unsigned int szx : 3;
} coap_block_t;

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
