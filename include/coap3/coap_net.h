/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_net.h
 * Contexts: handlers, sending, and the event loop.
 */
#ifndef COAP_NET_H_
#define COAP_NET_H_

#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>
#include "coap_io.h"
#include "coap_dtls.h"
#include "coap_event.h"
#include "coap_pdu.h"
#include "coap_session.h"
#include "coap_debug.h"

#ifdef __cplusplus
extern "C" {
#endif

struct epoll_event;

/** Do not wait. */
#define COAP_IO_NO_WAIT ((uint32_t)-1)

/** Sends a message, block by block where it is large: the older name of coap_send(). */
#define coap_send_large(session, pdu) coap_send(session, pdu)

/** Joins a multicast group on the interface that the system picks. */
#define coap_join_mcast_group(ctx, groupname) (coap_join_mcast_group_intf(ctx, groupname, NULL))

/** @deprecated The older name of coap_io_process(). */
#define coap_run_once(ctx, timeout_ms) coap_io_process(ctx, timeout_ms)

/** @deprecated The older name of coap_io_prepare_io(). */
#define coap_write(ctx, sockets, max_sockets, num_sockets, now) \
  coap_io_prepare_io(ctx, sockets, max_sockets, num_sockets, now)

/** @deprecated The older name of coap_io_do_io(). */
#define coap_read(ctx, now) coap_io_do_io(ctx, now)

/* These were replaced by numbers with another meaning: the compiler names what to use. */
#define COAP_RUN_NONBLOCK COAP_RUN_NONBLOCK_deprecated_use_COAP_IO_NO_WAIT
#define COAP_RUN_BLOCK COAP_RUN_BLOCK_deprecated_use_COAP_IO_WAIT

/** Wait without a limit. */
#define COAP_IO_WAIT 0

/** What a response handler says of a response. */
typedef enum coap_response_t {
  /** It is not liked: it is answered with Reset, unless it came in an acknowledgement. */
  COAP_RESPONSE_FAIL = 0,
  /** It is accepted: a confirmable one is acknowledged. */
  COAP_RESPONSE_OK = 1,
} coap_response_t;

/**
 * Takes a response to a request of this session. `sent` is the request if the response came in its
 * acknowledgement, else NULL: the token tells which request it is for. `mid` is the message ID of
 * `received`. Both messages live until the handler returns.
 */
typedef coap_response_t (*coap_response_handler_t)(coap_session_t *session,
                                                        const coap_pdu_t *sent,
                                                        const coap_pdu_t *received,
                                                        coap_mid_t mid);

/**
 * Told why the confirmable message `sent` with message ID `mid` came to nothing; after
 * COAP_NACK_ICMP_ISSUE alone it is still sent again. `sent` may be NULL, and lives until the handler
 * returns.
 */
typedef void (*coap_nack_handler_t)(coap_session_t *session,
                                    const coap_pdu_t *sent,
                                    coap_nack_reason_t reason,
                                    coap_mid_t mid);

/**
 * Told that the peer sent a ping. The library answers it. `received` lives until the handler returns.
 */
typedef void (*coap_ping_handler_t)(coap_session_t *session,
                                    const coap_pdu_t *received,
                                    coap_mid_t mid);

/** Told that the peer answered a ping. `received` lives until the handler returns. */
typedef void (*coap_pong_handler_t)(coap_session_t *session,
                                    const coap_pdu_t *received,
                                    coap_mid_t mid);

/**
 * Makes a context; if `listen_addr` is not NULL, with a UDP endpoint there. Returns NULL if that
 * address cannot be used. Release it with `coap_free_context()`.
 *
 * @pre `listen_addr` is NULL or valid.
 */
coap_context_t *coap_new_context(const coap_address_t *listen_addr);

/**
 * Ends a context with its endpoints, sessions, resources, cache entries and all that waits in them.
 * That includes the sessions that the application references: none may be used any more, nor
 * released. The nack handler hears of messages that waited for their turn, the event handler of the
 * end of each session that a peer opened. A handler may end the context it runs in.
 *
 * @pre `context` is NULL or live, and is not used any more.
 */
void coap_free_context(coap_context_t *context);

/**
 * Keeps a pointer of the application's with the context. The library does not follow it.
 *
 * @pre `context` is NULL or live.
 */
void coap_context_set_app_data(coap_context_t *context, void *data);

/**
 * What `coap_context_set_app_data()` set; NULL before.
 *
 * @pre `context` is NULL or live.
 */
void *coap_context_get_app_data(const coap_context_t *context);

/**
 * The old name of `coap_context_set_app_data()`.
 *
 * @pre `context` is NULL or live.
 */
void coap_set_app_data(coap_context_t *context, void *data);

/**
 * The old name of `coap_context_get_app_data()`.
 *
 * @pre `context` is NULL or live.
 */
void *coap_get_app_data(const coap_context_t *context);

/**
 * Sets the handler that is called with each response to a request of this context's sessions.
 * Responses to nothing that was asked are rejected and do not reach it.
 *
 * @pre `context` is NULL or live; the handler may be called until another is set or the context ends.
 */
void coap_register_response_handler(coap_context_t *context,
                                    coap_response_handler_t handler);

/**
 * Sets the handler that is called with each confirmable message that was not delivered, and the
 * reason.
 *
 * @pre `context` is NULL or live; the handler may be called until another is set or the context ends.
 */
void coap_register_nack_handler(coap_context_t *context,
                                coap_nack_handler_t handler);

/**
 * Sets the handler that is called when a peer asks whether somebody is there (RFC 7252 §4.3). The
 * library has answered by then.
 *
 * @pre `context` is NULL or live; the handler may be called until another is set or the context ends.
 */
void coap_register_ping_handler(coap_context_t *context,
                                coap_ping_handler_t handler);

/**
 * Sets the handler that is called when a peer answers a ping over a stream (RFC 8323 §5.4)
 * or, over UDP, a keep-alive ping. The answer to `coap_session_send_ping()` over UDP is a Reset,
 * which reaches the nack handler.
 *
 * @pre `context` is NULL or live; the handler may be called until another is set or the context ends.
 */
void coap_register_pong_handler(coap_context_t *context,
                                coap_pong_handler_t handler);

/**
 * Hands an event to the handler of a context, and returns what that returns; 0 if there is none.
 *
 * @pre `context` and `session` are NULL or live.
 */
int coap_handle_event(coap_context_t *context, coap_event_t event, coap_session_t *session);

/**
 * Whether all that a program asked for is done: 1 if nothing waits to be acknowledged or sent,
 * else 0.
 *
 * @pre `context` is NULL or live.
 */
int coap_can_exit(coap_context_t *context);

/**
 * Joins a multicast group with all UDP endpoints of the address family; those on IPv6 join groups of
 * IPv4 too. `groupname` is an address or a host name, `ifname` the name or number of the interface,
 * or NULL for the one the system picks; if there is none of that name, the system picks too. Returns
 * 0, or -1 if no endpoint could join.
 *
 * @pre `ctx` is NULL or live; the names are NULL or C strings.
 */
int coap_join_mcast_group_intf(coap_context_t *ctx,
                               const char *groupname,
                               const char *ifname);

/**
 * Does one turn of the loop: what is due, then waiting for up to `timeout_ms` milliseconds until
 * something comes in, then what came in. COAP_IO_WAIT (0) waits for as long as it takes,
 * COAP_IO_NO_WAIT not at all. It also returns when something was due, or when another thread
 * gave it something to do.
 *
 * Returns the milliseconds it took, or -1 if waiting failed.
 *
 * @pre `ctx` is NULL or live.
 */
int coap_io_process(coap_context_t *ctx, uint32_t timeout_ms);

/**
 * As `coap_io_process()`, and also waits for descriptors of the application's, as select(2) does:
 * the sets hold those that are ready when it returns.
 *
 * Returns the milliseconds it took, or -1 if waiting failed; the sets are then as they were.
 *
 * @pre `ctx` is NULL or live; the sets are NULL or valid.
 */
int coap_io_process_with_fds(coap_context_t *ctx,
                             uint32_t timeout_ms,
                             int nfds,
                             fd_set *readfds,
                             fd_set *writefds,
                             fd_set *exceptfds);

/**
 * Does what is due by now, for programs that wait by themselves, and lists the sockets to wait
 * for: as many as `max_sockets` in `sockets`, and their number in `num_sockets`. Call
 * `coap_io_do_io()` when one is ready or the time is over.
 *
 * Returns the milliseconds until something is due; 0 if nothing is.
 *
 * @pre `ctx` is NULL or live; `sockets` has room for `max_sockets`; `num_sockets` is NULL or valid.
 */
unsigned int coap_io_prepare_io(coap_context_t *ctx,
                                coap_socket_t **sockets,
                                unsigned int max_sockets,
                                unsigned int *num_sockets,
                                coap_tick_t now);

/**
 * Takes in what has come to any socket of the context, and does what is due.
 *
 * @pre `ctx` is NULL or live.
 */
void coap_io_do_io(coap_context_t *ctx, coap_tick_t now);

/**
 * The descriptor of an epoll set that becomes readable when there is something to do: input, or
 * something that is due. To be watched with poll, select or an epoll set of the application's;
 * then call `coap_io_process()` with COAP_IO_NO_WAIT. Returns -1 if there is no context.
 *
 * @pre `context` is NULL or live.
 */
int coap_context_get_coap_fd(const coap_context_t *context);

/**
 * Does what is due by now, for programs that call epoll_wait(2) on `coap_context_get_coap_fd()`.
 * Returns the milliseconds until something is due; 0 if nothing is, which means to wait for input
 * alone. The descriptor also wakes when it is.
 *
 * @pre `ctx` is NULL or live.
 */
unsigned int coap_io_prepare_epoll(coap_context_t *ctx, coap_tick_t now);

/**
 * Takes in what epoll_wait(2) on `coap_context_get_coap_fd()` told of, and does what is due. All
 * that is ready is taken, whether it is among `events` or not.
 *
 * @pre `ctx` is NULL or live.
 */
void coap_io_do_epoll(coap_context_t *ctx, struct epoll_event *events, size_t nevents);

/**
 * Whether something is under way, for a client that ends when all is done: 1 if a message waits to
 * be sent or acknowledged, an acknowledged request for its response, or a request that was put
 * aside to be answered; and, with COAP_BLOCK_USE_LIBCOAP, if any request waits for its response, or
 * something is observed. Else 0. What is not answered within EXCHANGE_LIFETIME (247 seconds) does
 * not count any more. It looks at the sessions that have sent requests.
 *
 * @pre `context` is NULL or live.
 */
int coap_io_pending(coap_context_t *context);

/**
 * Sets the hint and the pre-shared key of a context's secured endpoints, also of those that are open.
 * `hint` is NULL or copied, and so is `key`. What was set before is replaced.
 *
 * Returns 1, or 0 if there is no key, or they have more than 255 or 512 bytes: then what was set before
 * stays. The variant without a (D)TLS library returns 0.
 *
 * @pre `context` is NULL or live; `hint` is NULL or a C string; `key` is NULL or has `key_len` bytes.
 */
int coap_context_set_psk(coap_context_t *context,
                         const char *hint,
                         const uint8_t *key,
                         size_t key_len);

/**
 * Sets how a context's secured endpoints use pre-shared keys, also those that are open. What
 * `setup_data` says is copied. What was set before is replaced.
 *
 * `setup_data->version` must be `COAP_DTLS_SPSK_SETUP_VERSION`; 0 counts as that. The key may be missing
 * if there is a callback to ask for it. `validate_sni_call_back` is called once for each name that
 * it has something for, of 1,024 names; "" stands for no name. `validate_id_call_back` is called in each
 * handshake, after that. Both may call any function of the library. Hints of more than 255 bytes and keys
 * of more than 512 are refused, here and from callbacks.
 *
 * Returns 1, or 0 if the set-up cannot be used: then what was set before stays. The variant without a
 * (D)TLS library returns 0.
 *
 * @pre `context` is NULL or live; `setup_data` is NULL or valid; its callbacks may be called until the context
 * ends.
 */
int coap_context_set_psk2(coap_context_t *context,
                          coap_dtls_spsk_t *setup_data);

/**
 * Sets how a context uses certificates or raw public keys: its secured endpoints, also those that are
 * open, and sessions that `coap_new_client_session()` opens. What `setup_data` says is copied, and files
 * are read during the call; those that change later are read anew. What was set before is replaced.
 *
 * `setup_data->version` must be `COAP_DTLS_PKI_SETUP_VERSION`. A set-up without certificate and private key
 * is good for sessions only, unless there is a `validate_sni_call_back`. That is called once for each
 * name that it has something for, of 1,024 names; "" stands for no name. All callbacks may call any
 * function of the library.
 *
 * Returns 1, or 0 if a file cannot be read, the private key is not that of the certificate, one of the two
 * is missing, or anything else cannot be used: then what was set before stays. The variant without a
 * (D)TLS library returns 0.
 *
 * @pre `context` is NULL or live; `setup_data` is NULL or valid; its callbacks may be called until the context
 * ends.
 */
int coap_context_set_pki(coap_context_t *context,
                         const coap_dtls_pki_t *setup_data);

/**
 * Adds the certificates in a file, in a directory or in both to those that a context trusts, in what is
 * set up before and after. The file may have lists of revoked ones too. In the directory, names are
 * hashes, as openssl-rehash(1) makes them.
 *
 * Returns 1, or 0 if they cannot be read. The variant without a (D)TLS library returns 0.
 *
 * @pre `context` is NULL or live; `ca_file` and `ca_dir` are each NULL or a C string.
 */
int coap_context_set_pki_root_cas(coap_context_t *context,
                                  const char *ca_file,
                                  const char *ca_dir);

/**
 * Makes clients of a context change their address after every `every` packets, to test connection
 * identifiers (RFC 9146). Returns 1, or 0 if that failed, as it does in variants without them.
 *
 * @pre `context` is NULL or live.
 */
int coap_context_set_cid_tuple_change(coap_context_t *context, uint8_t every);

/**
 * A message ID for the next message of a session. Returns 0 if there is no session.
 *
 * @pre `session` is NULL or live.
 */
uint16_t coap_new_message_id(coap_session_t *session);

/**
 * Sends a message, which belongs to the library from now on, also if it fails. Confirmable ones
 * are sent again until they are acknowledged; NSTART of them are under way at a time, the others
 * wait. May be called from any thread, also while another waits in the loop.
 *
 * Returns the message ID, which is another than the message had if one with that is still under
 * way; or COAP_INVALID_MID if the message cannot be sent: the session has ended or was given up, the
 * message or its token is too long, UDP has no such code, or it is confirmable and the session sends
 * to a group. A request with Observe 1 and the token of an observation is sent by
 * `coap_cancel_observe()`, whose 1 is returned then.
 *
 * @pre `session` is NULL or live; `pdu` is NULL or a live message, and is not used any more.
 */
coap_mid_t coap_send(coap_session_t *session,
                     coap_pdu_t *pdu);

/**
 * Acknowledges a confirmable message (RFC 7252 §4.2). Returns its message ID, or
 * COAP_INVALID_MID if it is not confirmable, or came over a stream, where nothing is acknowledged.
 *
 * @pre `session` is NULL or live, `request` is NULL or a live message.
 */
coap_mid_t coap_send_ack(coap_session_t *session, const coap_pdu_t *request);

/**
 * Rejects a message with a Reset (RFC 7252 §4.2). Returns its message ID, or COAP_INVALID_MID if
 * that fails, or over a stream, where nothing is rejected.
 *
 * @pre `session` is NULL or live, `request` is NULL or a live message.
 */
coap_mid_t coap_send_rst(coap_session_t *session, const coap_pdu_t *request);

/**
 * Sends an empty message of this type with the message ID of `request`. Returns that, or
 * COAP_INVALID_MID if it fails.
 *
 * @pre `session` is NULL or live, `request` is NULL or a live message.
 */
coap_mid_t coap_send_message_type(coap_session_t *session,
                                  const coap_pdu_t *request,
                                  coap_pdu_type_t type);

/**
 * Makes an error response to `request`: its token and message ID, the code, the options of the
 * request that `opts` names, and the text of the code as payload. It is an acknowledgement if the
 * request is confirmable. Returns NULL if that fails; else a message for `coap_send()`.
 *
 * @pre `request` is NULL or a live message; `opts` is NULL or valid.
 */
coap_pdu_t *coap_new_error_response(const coap_pdu_t *request,
                                    coap_pdu_code_t code,
                                    coap_opt_filter_t *opts);

/**
 * Sends what `coap_new_error_response()` makes. Returns the message ID, or COAP_INVALID_MID if
 * it fails.
 *
 * @pre `session` is NULL or live, `request` is NULL or a live message; `opts` is NULL or valid.
 */
coap_mid_t coap_send_error(coap_session_t *session,
                           const coap_pdu_t *request,
                           coap_pdu_code_t code,
                           coap_opt_filter_t *opts);

/**
 * Sets how many networks a multicast request of this session may cross: 0 to 255, or `(size_t)-1`
 * for the one of the start. Returns 1, or 0 if that cannot be set, as for a session that sends to no
 * group.
 *
 * @pre `session` is NULL or live.
 */
int coap_mcast_set_hops(coap_session_t *session,
                        size_t hops);

/**
 * Sets how many idle sessions a server keeps; a new one then ends the one that was idle for
 * longest. 0, the default, stands for any number. A session that the application references does
 * not count as idle.
 *
 * @pre `context` is NULL or live.
 */
void coap_context_set_max_idle_sessions(coap_context_t *context, unsigned int max_idle_sessions);

/**
 * What `coap_context_set_max_idle_sessions()` set.
 *
 * @pre `context` is NULL or live.
 */
unsigned int coap_context_get_max_idle_sessions(const coap_context_t *context);

/**
 * Sets for how many seconds a server keeps an idle session; 0 stands for the default of 300.
 *
 * @pre `context` is NULL or live.
 */
void coap_context_set_session_timeout(coap_context_t *context, unsigned int session_timeout);

/**
 * What `coap_context_set_session_timeout()` set, in seconds.
 *
 * @pre `context` is NULL or live.
 */
unsigned int coap_context_get_session_timeout(const coap_context_t *context);

/**
 * Has each session that this side opened, now or later, ask its peer whether it is there when
 * nothing went over it for `seconds`; 0, as it is at first, does not. Over UDP the question is an
 * empty confirmable message (RFC 7252 §4.3). The answer reaches the pong handler; if there is
 * none, the nack handler is called and then the event handler with COAP_EVENT_KEEPALIVE_FAILURE.
 * Retransmissions are no further apart than `seconds`.
 *
 * @pre `context` is NULL or live.
 */
void coap_context_set_keepalive(coap_context_t *context, unsigned int seconds);

/**
 * Sets how many connections a server has whose peers have not come to a session yet: over TCP and
 * WebSockets they wait for the peer's CSM (RFC 8323 §5.3) or the HTTP request before it. One more ends
 * the oldest of them, so that nobody is locked out. 0, as at first, stands for 4,096.
 *
 * @pre `context` is NULL or live.
 */
void coap_context_set_max_handshake_sessions(coap_context_t *context,
                                             unsigned int max_handshake_sessions);

/**
 * What `coap_context_set_max_handshake_sessions()` set.
 *
 * @pre `context` is NULL or live.
 */
unsigned int coap_context_get_max_handshake_sessions(const coap_context_t *context);

/**
 * Sets for how many seconds a session over a stream waits for the peer's CSM (RFC 8323 §5.3).
 *
 * @pre `context` is NULL or live.
 */
COAP_DEPRECATED
void coap_context_set_csm_timeout(coap_context_t *context,
                                  unsigned int csm_timeout);

/**
 * What `coap_context_set_csm_timeout()` set, in seconds; 30 before.
 *
 * @pre `context` is NULL or live.
 */
COAP_DEPRECATED unsigned int coap_context_get_csm_timeout(const coap_context_t *context);

/**
 * Sets for how many milliseconds a session over a stream waits for the peer's CSM (RFC 8323
 * §5.3): 10 to 10,000; what is less or more counts as that.
 *
 * @pre `context` is NULL or live.
 */
void coap_context_set_csm_timeout_ms(coap_context_t *context, unsigned int csm_timeout_ms);

/**
 * For how many milliseconds a session over a stream waits for the peer's CSM; 1000 at first.
 *
 * @pre `context` is NULL or live.
 */
unsigned int coap_context_get_csm_timeout_ms(const coap_context_t *context);

/**
 * Sets the largest message, in bytes, that is announced to peers of sessions over a stream
 * (RFC 8323 §5.3.1). Less than 64 is refused.
 *
 * @pre `context` is NULL or live.
 */
void coap_context_set_csm_max_message_size(coap_context_t *context, uint32_t csm_max_message_size);

/**
 * What `coap_context_set_csm_max_message_size()` set, in bytes.
 *
 * @pre `context` is NULL or live.
 */
uint32_t coap_context_get_csm_max_message_size(const coap_context_t *context);

/**
 * Sets the longest token, in bytes, that requests may have: 8, as at first, to 65,804 (RFC 8974);
 * another number changes nothing. What is received is held against it at once, what is sent in
 * sessions that are opened from then on. Peers need not know tokens of more than 8 bytes; they
 * are not asked whether they do.
 *
 * @pre `context` is NULL or live.
 */
void coap_context_set_max_token_size(coap_context_t *context, size_t max_token_size);

/**
 * Makes a critical option known: requests with it reach the handlers, which look at it.
 *
 * @pre `ctx` is NULL or live.
 */
void coap_register_option(coap_context_t *ctx, uint16_t type);

/**
 * Has requests to a multicast group reach only those resources whose flags say
 * COAP_RESOURCE_FLAGS_HAS_MCAST_SUPPORT, and be answered as their other multicast flags say. At first
 * they reach all, are answered after a random time, and errors are not sent (RFC 7252 §8.2).
 *
 * @pre `context` is NULL or live.
 */
void coap_mcast_per_resource(coap_context_t *context);

/**
 * Has client sessions over TCP, WebSockets, DTLS and TLS connect again when their connection is lost or
 * could not be made: for the first time `reconnect_time` seconds later, then after waits that double up to
 * 32 times that, with up to half of each more by chance; 0, as at first, for never. The events are
 * those of any connection. When the session is ready again, what it observes is asked for anew with
 * the same tokens. Requests that had no answer are not repeated: the nack handler has been called for
 * them. A session over DTLS is lost too when its peer leaves a message unacknowledged. A session that is
 * released or was given up by `coap_session_disconnected()` stays closed.
 *
 * An addition to what libcoap 4.3.5 has.
 *
 * @pre `context` is NULL or live.
 */
void coap_context_set_session_reconnect_time(coap_context_t *context,
                                             unsigned int reconnect_time);

/**
 * Stores the present time in `t`, in ticks. The count begins when the library is first used, goes
 * on steadily whatever happens to the time of day, and is never 0.
 *
 * @pre `t` is NULL or points to a tick count.
 */
void coap_ticks(coap_tick_t *t);

#ifdef __cplusplus
}
#endif

#endif /* COAP_NET_H_ */
