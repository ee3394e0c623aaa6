/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_option.h
 * Options inside a PDU, and lists of them.
 */
#ifndef COAP_OPTION_H_
#define COAP_OPTION_H_

#include "libcoap.h"
#include "coap_forward_decls.h"
#include "coap_str.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The bytes at an address as an option. */
#define PCHAR(p) ((coap_opt_t *)(p))

/** The filter that lets every option pass. */
#define COAP_OPT_ALL NULL

/** How many numbers from 256 fit into a filter. */
#define COAP_OPT_FILTER_LONG 2

/** How many numbers below 256 fit into a filter. */
#define COAP_OPT_FILTER_SHORT 6

/** The first byte of an option inside a PDU. */
typedef uint8_t coap_opt_t;

/** The number of an option. */
typedef uint16_t coap_option_num_t;

/**
 * A set of option numbers: up to `COAP_OPT_FILTER_SHORT` below 256 and up to `COAP_OPT_FILTER_LONG`
 * above. Use `coap_option_filter_...()` instead of its members.
 */
typedef struct coap_opt_filter_t {
  /** Which entries are in use. */
  uint16_t mask;
  /** The numbers from 256. */
  uint16_t long_opts[2];
  /** The numbers below 256. */
  uint8_t short_opts[6];
} coap_opt_filter_t;

/** A walk over the options of a PDU, begun by `coap_option_iterator_init()`. */
typedef struct coap_opt_iterator_t {
  /** How many bytes of the PDU are still ahead. */
  size_t length;
  /** The number of the option last returned. */
  coap_option_num_t number;
  /** 1 once the walk is over. */
  unsigned int bad : 1;
  /** 1 if `filter` is in use. */
  unsigned int filtered : 1;
  /** Where the next option begins. */
  coap_opt_t *next_option;
  /** Which options the walk returns. */
  struct coap_opt_filter_t filter;
} coap_opt_iterator_t;

/** An option taken apart by `coap_opt_parse()`. */
typedef struct coap_option_t {
  /** The difference of its number to that of the option before it. */
  uint16_t delta;
  /** The length of its value. */
  size_t length;
  /** Its value, inside the parsed bytes. */
  const uint8_t *value;
} coap_option_t;

/** A list of options, in any order, to be put into a PDU by `coap_add_optlist_pdu()`. */
typedef struct coap_optlist_t {
  /** The next option, or NULL. */
  struct coap_optlist_t *next;
  /** The number of the option. */
  uint16_t number;
  /** The length of its value. */
  size_t length;
  /** Its value. */
  uint8_t *data;
} coap_optlist_t;

#ifdef __cplusplus
}
#endif

#endif /* COAP_OPTION_H_ */
