/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_debug.h
 * Logging, and simulation of lost packets.
 */
#ifndef COAP_DEBUG_H_
#define COAP_DEBUG_H_

#include <stdio.h>
#include "libcoap.h"
#include "coap_forward_decls.h"
#include "coap_pdu.h"
#include "coap_address.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Where log lines from COAP_LOG_ERR on go unless a handler is set. */
#ifndef COAP_DEBUG_FD
#define COAP_DEBUG_FD stdout
#endif

/** Where log lines up to COAP_LOG_CRIT go unless a handler is set. */
#ifndef COAP_ERR_FD
#define COAP_ERR_FD stderr
#endif

/** The highest level that the macros below compile in. */
#ifndef COAP_MAX_LOGGING_LEVEL
#define COAP_MAX_LOGGING_LEVEL 8
#endif

/* The levels as numbers, for use in #if. */
#define _COAP_LOG_EMERG 0
#define _COAP_LOG_ALERT 1
#define _COAP_LOG_CRIT 2
#define _COAP_LOG_ERR 3
#define _COAP_LOG_WARN 4
#define _COAP_LOG_NOTICE 5
#define _COAP_LOG_INFO 6
#define _COAP_LOG_DEBUG 7
#define _COAP_LOG_OSCORE 8

/** The older name of COAP_LOG_DTLS_BASE. */
#define COAP_LOG_CIPHERS COAP_LOG_DTLS_BASE

/* The levels by the names of syslog, for programs that do not include <syslog.h>. */
#ifndef LOG_EMERG
#define LOG_EMERG COAP_LOG_EMERG
#endif
#ifndef LOG_ALERT
#define LOG_ALERT COAP_LOG_ALERT
#endif
#ifndef LOG_CRIT
#define LOG_CRIT COAP_LOG_CRIT
#endif
#ifndef LOG_ERR
#define LOG_ERR COAP_LOG_ERR
#endif
#ifndef LOG_WARNING
#define LOG_WARNING COAP_LOG_WARN
#endif
#ifndef LOG_NOTICE
#define LOG_NOTICE COAP_LOG_NOTICE
#endif
#ifndef LOG_INFO
#define LOG_INFO COAP_LOG_INFO
#endif
#ifndef LOG_DEBUG
#define LOG_DEBUG COAP_LOG_DEBUG
#endif

/**
 * The level of a log line. A line is written if its level is at most the level set by
 * `coap_set_log_level()`.
 */
typedef enum coap_log_t {
  /** Unusable; never used by the library. */
  COAP_LOG_EMERG = 0,
  /** Must be acted on at once. */
  COAP_LOG_ALERT = 1,
  /** A fault inside the library. */
  COAP_LOG_CRIT = 2,
  /** Something failed. */
  COAP_LOG_ERR = 3,
  /** Something is not as it should be; the library carries on. */
  COAP_LOG_WARN = 4,
  /** Normal, but worth knowing. */
  COAP_LOG_NOTICE = 5,
  /** What happens at large. */
  COAP_LOG_INFO = 6,
  /** Every PDU and many steps. */
  COAP_LOG_DEBUG = 7,
  /** The steps of OSCORE. */
  COAP_LOG_OSCORE = 8,
  /** The first level of the (D)TLS library's own lines; higher numbers give more of them. */
  COAP_LOG_DTLS_BASE = 9,
} coap_log_t;

/** Takes a log line in place of the default output. `message` lives until the handler returns. */
typedef void (*coap_log_handler_t)(coap_log_t level, const char *message);

/** Returns the log level in force. It is `COAP_LOG_WARN` at start. */
coap_log_t coap_get_log_level(void);

/**
 * Sets the log level: lines up to `level` are written. What is above `COAP_LOG_OSCORE` counts as
 * that.
 */
void coap_set_log_level(coap_log_t level);

/** Sets the level up to which lines of the (D)TLS library itself are written. */
void coap_dtls_set_log_level(coap_log_t level);

/**
 * Returns the level up to which lines of the (D)TLS library itself are written. It is
 * `COAP_LOG_EMERG` at start.
 */
coap_log_t coap_dtls_get_log_level(void);

/**
 * Returns the four letters that stand for `level` in a log line, as in "WARN" or "ERR ". Those of
 * the (D)TLS library's levels are in lower case. A level without a name gives its number; that text
 * lives until the calling thread asks again.
 */
const char *coap_log_level_desc(coap_log_t level);

/**
 * Sends all log lines to `handler` instead of the standard streams. A line comes as it would be
 * printed, without time and level, with its newline. NULL gives the standard streams back.
 *
 * The handler may be called from any thread that uses the library, and may call it.
 *
 * @pre `handler` is NULL or callable for as long as it is set.
 */
void coap_set_log_handler(coap_log_handler_t handler);

/** Returns the name of the interface, "libcoap": what programs print to say what they run on. */
const char *coap_package_name(void);

/** Returns name and version of the interface, as in "libcoap 4.3.5". */
const char *coap_package_version(void);

/**
 * Returns which build of the library this is: the version of the interface, and behind a plus
 * sign that of this implementation, as in "4.3.5+rust-0.1.0".
 */
const char *coap_package_build(void);

/**
 * Sets how `coap_show_pdu()` prints: 0 through the log, with time and level in front and to the
 * log handler if there is one; anything else (at start) plainly to `stdout`.
 */
void coap_set_show_pdu_output(int use_fprintf);

/**
 * Prints `pdu` if `level` is at most the level in force, in the form of
 * `v:1 t:CON c:GET i:aa92 {01} [ Uri-Path:time ] :: 'text'`. Where it goes is set by
 * `coap_set_show_pdu_output()`. NULL prints nothing.
 *
 * @pre `pdu` is NULL or a live PDU.
 */
void coap_show_pdu(coap_log_t level, const coap_pdu_t *pdu);

/** Logs the (D)TLS library in use and its versions, if lines of this level are wanted. */
void coap_show_tls_version(coap_log_t level);

/**
 * Writes the name of the (D)TLS library and its versions into `buffer`, at most `bufsize` bytes
 * with the zero at the end. Returns `buffer`.
 *
 * @pre `buffer` is NULL or has room for `bufsize` bytes.
 */
char *coap_string_tls_version(char *buffer, size_t bufsize);

/**
 * Writes what the (D)TLS library supports into `buffer`, at most `bufsize` bytes with the zero at
 * the end. Returns `buffer`.
 *
 * @pre `buffer` is NULL or has room for `bufsize` bytes.
 */
char *coap_string_tls_support(char *buffer, size_t bufsize);

/**
 * Writes `address` with its port into `buffer`, at most `size` bytes with the zero at the end:
 * `127.0.0.1:5683`, `[::1]:5683`, or the path of a Unix socket. Returns the number of bytes written
 * without the zero; 0 if there is no room.
 *
 * @pre `address` is NULL or valid; `buffer` is NULL or has room for `size` bytes.
 */
size_t coap_print_addr(const coap_address_t *address, uint8_t *buffer, size_t size);

/**
 * Writes `address` without its port into `buffer`, as much as fits into `size` bytes with the zero
 * at the end. Returns `buffer`.
 *
 * @pre `address` is NULL or valid; `buffer` is NULL or has room for `size` bytes.
 */
const char *coap_print_ip_addr(const coap_address_t *address, char *buffer, size_t size);

/**
 * Loses packets on purpose from now on, to test how a program copes: those with the numbers of a
 * list like "1,3,5-7", counted from the next one on, or each with a probability like "25%". "0%"
 * and NULL lose none. Returns 1, or 0 if the text is neither; what was set before then stays.
 *
 * @pre `loss_level` is NULL or a C string.
 */
int coap_debug_set_packet_loss(const char *loss_level);

/** Does nothing: what a level beyond COAP_MAX_LOGGING_LEVEL becomes. */
COAP_STATIC_INLINE void
coap_no_log(void) {
}

/**
 * Writes a log line, whatever the log level. Use coap_log() and its relatives.
 *
 * @param level The level of the line.
 * @param format As for printf().
 */
void coap_log_impl(coap_log_t level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/**
 * Writes a log line if the log level lets it pass.
 *
 * @param level The level of the line.
 * @param ... Format and arguments as for printf().
 */
#ifndef coap_log
#define coap_log(level, ...) \
  do { \
    if ((int)(level) <= (int)coap_get_log_level()) \
      coap_log_impl((level), __VA_ARGS__); \
  } while (0)
#endif

/**
 * Writes a log line of the (D)TLS library if its log level lets it pass.
 *
 * @param level The level of the line, counted from COAP_LOG_DTLS_BASE.
 * @param ... Format and arguments as for printf().
 */
#ifndef coap_dtls_log
#define coap_dtls_log(level, ...) \
  do { \
    if ((int)(level) <= (int)coap_dtls_get_log_level()) \
      coap_log_impl((coap_log_t)((int)(level) + COAP_LOG_DTLS_BASE), __VA_ARGS__); \
  } while (0)
#endif

/** Logs at COAP_LOG_EMERG. */
#define coap_log_emerg(...) coap_log(COAP_LOG_EMERG, __VA_ARGS__)

/** Logs at COAP_LOG_ALERT. */
#if COAP_MAX_LOGGING_LEVEL >= _COAP_LOG_ALERT
#define coap_log_alert(...) coap_log(COAP_LOG_ALERT, __VA_ARGS__)
#else
#define coap_log_alert(...) coap_no_log()
#endif

/** Logs at COAP_LOG_CRIT. */
#if COAP_MAX_LOGGING_LEVEL >= _COAP_LOG_CRIT
#define coap_log_crit(...) coap_log(COAP_LOG_CRIT, __VA_ARGS__)
#else
#define coap_log_crit(...) coap_no_log()
#endif

/** Logs at COAP_LOG_ERR. */
#if COAP_MAX_LOGGING_LEVEL >= _COAP_LOG_ERR
#define coap_log_err(...) coap_log(COAP_LOG_ERR, __VA_ARGS__)
#else
#define coap_log_err(...) coap_no_log()
#endif

/** Logs at COAP_LOG_WARN. */
#if COAP_MAX_LOGGING_LEVEL >= _COAP_LOG_WARN
#define coap_log_warn(...) coap_log(COAP_LOG_WARN, __VA_ARGS__)
#else
#define coap_log_warn(...) coap_no_log()
#endif

/** Logs at COAP_LOG_NOTICE. */
#if COAP_MAX_LOGGING_LEVEL >= _COAP_LOG_NOTICE
#define coap_log_notice(...) coap_log(COAP_LOG_NOTICE, __VA_ARGS__)
#else
#define coap_log_notice(...) coap_no_log()
#endif

/** Logs at COAP_LOG_INFO. */
#if COAP_MAX_LOGGING_LEVEL >= _COAP_LOG_INFO
#define coap_log_info(...) coap_log(COAP_LOG_INFO, __VA_ARGS__)
#else
#define coap_log_info(...) coap_no_log()
#endif

/** Logs at COAP_LOG_DEBUG. */
#if COAP_MAX_LOGGING_LEVEL >= _COAP_LOG_DEBUG
#define coap_log_debug(...) coap_log(COAP_LOG_DEBUG, __VA_ARGS__)
#else
#define coap_log_debug(...) coap_no_log()
#endif

/** Logs at COAP_LOG_OSCORE. */
#if COAP_MAX_LOGGING_LEVEL >= _COAP_LOG_OSCORE
#define coap_log_oscore(...) coap_log(COAP_LOG_OSCORE, __VA_ARGS__)
#else
#define coap_log_oscore(...) coap_no_log()
#endif

#ifdef __cplusplus
}
#endif

#endif /* COAP_DEBUG_H_ */
