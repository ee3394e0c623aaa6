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

@DECLS@

/** Does nothing: what a level beyond COAP_MAX_LOGGING_LEVEL becomes. */
COAP_STATIC_INLINE void
coap_no_log(void) {
}

@if coap_log_impl
/**
 * Writes a log line, whatever the log level. Use coap_log() and its relatives.
 *
 * @param level The level of the line.
 * @param format As for printf().
 */
void coap_log_impl(coap_log_t level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

@end
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
