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

/** An option taken apart by `coap_opt_parse()`. */
typedef struct coap_option_t {
  /** The difference of its number to that of the option before it. */
  uint16_t delta;
  /** The length of its value. */
  size_t length;
  /** Its value, inside the parsed bytes. */
  const uint8_t *value;
} coap_option_t;

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

/** The number of an option. */
typedef uint16_t coap_option_num_t;

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
  coap_opt_filter_t filter;
} coap_opt_iterator_t;

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

/**
 * Takes the option at `opt` apart, which ends within `length` bytes.
 *
 * Returns how many bytes it takes and fills `result`, or 0 if it is cut short, has a reserved
 * length or a delta over 65535, or is the payload marker.
 *
 * @pre `opt` is NULL or points to `length` bytes; `result` is NULL or may be written.
 */
size_t coap_opt_parse(const coap_opt_t *opt, size_t length, coap_option_t *result);

/**
 * How many bytes the option at `opt` takes; 0 if it is none.
 *
 * @pre `opt` is NULL or points to the beginning of an option.
 */
size_t coap_opt_size(const coap_opt_t *opt);

/**
 * How many bytes the value of the option at `opt` has; 0 if it is none.
 *
 * @pre `opt` is NULL or points to the beginning of an option.
 */
uint32_t coap_opt_length(const coap_opt_t *opt);

/**
 * Where the value of the option at `opt` begins; NULL if it is none.
 *
 * @pre `opt` is NULL or points to the beginning of an option.
 */
const uint8_t *coap_opt_value(const coap_opt_t *opt);

/**
 * Writes the head of an option, with the difference `delta` to the number before it and a value
 * of `length` bytes, into the `maxlen` bytes at `opt`.
 *
 * Returns how many bytes it takes, or 0 if there is no room or the length is over 65804.
 *
 * @pre `opt` is NULL or points to `maxlen` bytes that may be written.
 */
size_t coap_opt_setheader(coap_opt_t *opt, size_t maxlen, uint16_t delta, size_t length);

/** How many bytes an option takes; 0 if its length is over 65804. */
size_t coap_opt_encode_size(uint16_t delta, size_t length);

/**
 * Writes an option, with the difference `delta` to the number before it and the `length` bytes at
 * `val`, into the `n` bytes at `opt`. With `val` NULL the room for the value is left as it is.
 *
 * Returns how many bytes it takes, or 0 if there is no room or the length is over 65804.
 *
 * @pre `opt` is NULL or points to `n` bytes that may be written; `val` is NULL or points to `length`
 * bytes.
 */
size_t coap_opt_encode(coap_opt_t *opt,
                       size_t n,
                       uint16_t delta,
                       const uint8_t *val,
                       size_t length);

/**
 * Takes all numbers out of a filter. A new filter has to be cleared before use.
 *
 * @pre `filter` is NULL or may be written.
 */
void coap_option_filter_clear(coap_opt_filter_t *filter);

/**
 * Puts a number into a filter. There is room for six numbers up to 255 and two above.
 *
 * Returns 1, also if it was there already, or 0 if there is no room.
 *
 * @pre `filter` is NULL or a cleared filter.
 */
int coap_option_filter_set(coap_opt_filter_t *filter, coap_option_num_t number);

/**
 * Takes a number out of a filter.
 *
 * Returns 1, or 0 if it was not there.
 *
 * @pre `filter` is NULL or a cleared filter.
 */
int coap_option_filter_unset(coap_opt_filter_t *filter, coap_option_num_t number);

/**
 * Returns 1 if a filter has this number, else 0.
 *
 * @pre `filter` is NULL or a cleared filter.
 */
int coap_option_filter_get(coap_opt_filter_t *filter, coap_option_num_t number);

/**
 * Begins a walk over the options of a message: all of them, or with a filter those that it names.
 * The walk is good until the message changes.
 *
 * Returns `oi`, or NULL if the message has neither options nor payload.
 *
 * @pre `pdu` is NULL or a live message; `oi` is NULL or may be written; `filter` is NULL or a filter.
 */
coap_opt_iterator_t *coap_option_iterator_init(const coap_pdu_t *pdu,
                                                      coap_opt_iterator_t *oi,
                                                      const coap_opt_filter_t *filter);

/**
 * Goes to the next option; its number is in `oi->number`.
 *
 * Returns the option, for `coap_opt_value` and `coap_opt_length`, or NULL at the end.
 *
 * @pre `oi` is NULL or a walk over a live message that has not changed.
 */
coap_opt_t *coap_option_next(coap_opt_iterator_t *oi);

/**
 * Finds the first option with this number. `oi` needs no preparation; `coap_option_next` goes on
 * to the next one with the number.
 *
 * Returns the option, or NULL if there is none.
 *
 * @pre `pdu` is NULL or a live message; `oi` is NULL or may be written.
 */
coap_opt_t *coap_check_option(const coap_pdu_t *pdu,
                              coap_option_num_t number,
                              coap_opt_iterator_t *oi);

/**
 * Makes an entry of an option list with a copy of the `length` bytes at `data`.
 *
 * Returns the entry, for `coap_insert_optlist`, or NULL if there is no memory, or no data although
 * `length` is not 0.
 *
 * @pre `data` is NULL or points to `length` bytes.
 */
coap_optlist_t *coap_new_optlist(uint16_t number, size_t length, const uint8_t *data);

/**
 * Puts an entry at the end of a list. `*optlist_chain` is NULL for a list that has none yet.
 *
 * Returns 1, or 0 if there is no entry or no list; then the entry still is the caller's.
 *
 * @pre `optlist_chain` is NULL or holds NULL or a list; `optlist` is NULL or an entry in no list.
 */
int coap_insert_optlist(coap_optlist_t **optlist_chain, coap_optlist_t *optlist);

/**
 * Sorts a list by option number, keeping the order of equal ones, and adds its options to a
 * message as `coap_add_option` does. The list stays the caller's.
 *
 * Returns 1, or 0 if an option could not be added; those before it have been.
 *
 * @pre `pdu` is NULL or a live message; `optlist_chain` is NULL or holds NULL or a list.
 */
int coap_add_optlist_pdu(coap_pdu_t *pdu, coap_optlist_t **optlist_chain);

/**
 * Frees a list. NULL is allowed.
 *
 * @pre `optlist_chain` is NULL or a list that is not used any more.
 */
void coap_delete_optlist(coap_optlist_t *optlist_chain);

/**
 * Adds an option number to a filter.
 *
 * @deprecated Use coap_option_filter_set().
 * @return 1, or -1 if the filter is full.
 */
COAP_STATIC_INLINE COAP_DEPRECATED int
coap_option_setb(coap_opt_filter_t *filter, uint16_t type) {
  return coap_option_filter_set(filter, type) == 0 ? -1 : 1;
}

/**
 * Takes an option number out of a filter.
 *
 * @deprecated Use coap_option_filter_unset().
 * @return 1, or -1 if it was not in it.
 */
COAP_STATIC_INLINE COAP_DEPRECATED int
coap_option_clrb(coap_opt_filter_t *filter, uint16_t type) {
  return coap_option_filter_unset(filter, type) == 0 ? -1 : 1;
}

/**
 * Whether an option number is in a filter.
 *
 * @deprecated Use coap_option_filter_get().
 * @return 1 if it is, else 0.
 */
COAP_STATIC_INLINE COAP_DEPRECATED int
coap_option_getb(coap_opt_filter_t *filter, uint16_t type) {
  return coap_option_filter_get(filter, type);
}

#ifdef __cplusplus
}
#endif

#endif /* COAP_OPTION_H_ */
