@overridable: COAP_MAX_BLOCK_SZX
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

@DECLS@

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
