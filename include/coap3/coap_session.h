/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_session.h
 * Sessions and their parameters.
 */
#ifndef COAP_SESSION_H_
#define COAP_SESSION_H_

#include "libcoap.h"
#include "coap_forward_decls.h"
#include "coap_address.h"
#include "coap_dtls.h"
#include "coap_io.h"
#include "coap_pdu.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Whether a transport may lose or reorder messages. */
#define COAP_PROTO_NOT_RELIABLE(p) ((p) == COAP_PROTO_UDP || (p) == COAP_PROTO_DTLS)

/** Whether a transport delivers messages in order and once. */
#define COAP_PROTO_RELIABLE(p) \
  ((p) == COAP_PROTO_TCP || (p) == COAP_PROTO_TLS || (p) == COAP_PROTO_WS || (p) == COAP_PROTO_WSS)

/* A coap_fixed_point_t as a value, in C and in C++. */
#ifdef __cplusplus
#define COAP_FIXED_POINT_(integer, thousandths) (coap_fixed_point_t{integer, thousandths})
#else
#define COAP_FIXED_POINT_(integer, thousandths) ((coap_fixed_point_t){integer, thousandths})
#endif

/** ACK_TIMEOUT, RFC 7252 section 4.8: 2 seconds. */
#define COAP_DEFAULT_ACK_TIMEOUT COAP_FIXED_POINT_(2, 0)

/** ACK_RANDOM_FACTOR, RFC 7252 section 4.8: 1.5. */
#define COAP_DEFAULT_ACK_RANDOM_FACTOR COAP_FIXED_POINT_(1, 500)

/** DEFAULT_LEISURE, RFC 7252 section 4.8: 5 seconds. */
#define COAP_DEFAULT_DEFAULT_LEISURE COAP_FIXED_POINT_(5, 0)

/** NON_TIMEOUT, RFC 9177 section 7.2: 2 seconds. */
#define COAP_DEFAULT_NON_TIMEOUT COAP_FIXED_POINT_(2, 0)

/** NON_RECEIVE_TIMEOUT, RFC 9177 section 7.2: 4 seconds. */
#define COAP_DEFAULT_NON_RECEIVE_TIMEOUT COAP_FIXED_POINT_(4, 0)

/** NSTART, RFC 7252 §4.7. */
#define COAP_DEFAULT_NSTART 1

/** PROBING_RATE, RFC 7252 §4.7, in bytes per second. */
#define COAP_DEFAULT_PROBING_RATE 1

/** MAX_RETRANSMIT, RFC 7252 §4.8. */
#define COAP_DEFAULT_MAX_RETRANSMIT 4

/** NON_MAX_RETRANSMIT, RFC 9177 §7.2. */
#define COAP_DEFAULT_NON_MAX_RETRANSMIT 4

/** MAX_PAYLOADS, RFC 9177 §7.2. */
#define COAP_DEFAULT_MAX_PAYLOADS 10

/** MAX_LATENCY, RFC 7252 §4.8.2, in seconds. */
#define COAP_DEFAULT_MAX_LATENCY 100

/** Which side of a session this end is. */
typedef enum coap_session_type_t {
  /** Not known. */
  COAP_SESSION_TYPE_NONE = 0,
  /** The side that opened it. */
  COAP_SESSION_TYPE_CLIENT = 1,
  /** The side that accepted it. */
  COAP_SESSION_TYPE_SERVER = 2,
  /** A server side that has not seen the DTLS cookie yet. */
  COAP_SESSION_TYPE_HELLO = 3,
} coap_session_type_t;

/** How far a session has come. */
typedef enum coap_session_state_t {
  /** Not begun or closed. */
  COAP_SESSION_STATE_NONE = 0,
  /** The connection is being made. */
  COAP_SESSION_STATE_CONNECTING = 1,
  /** The (D)TLS handshake runs. */
  COAP_SESSION_STATE_HANDSHAKE = 2,
  /** Waiting for the peer's CSM. */
  COAP_SESSION_STATE_CSM = 3,
  /** Ready. */
  COAP_SESSION_STATE_ESTABLISHED = 4,
} coap_session_state_t;

/** A number with three decimal places. */
typedef struct coap_fixed_point_t {
  /** The part before the point. */
  uint16_t integer_part;
  /** The thousandths, 0 to 999. */
  uint16_t fractional_part;
} coap_fixed_point_t;

/**
 * Closes an endpoint and ends the sessions that peers opened to it.
 *
 * @pre `endpoint` is NULL or live, and is not used any more.
 */
void coap_free_endpoint(coap_endpoint_t *endpoint);

/**
 * Sets the most bytes of one message of the sessions that peers will open to this endpoint,
 * header included; 1152 at first.
 *
 * @pre `endpoint` is NULL or live.
 */
void coap_endpoint_set_default_mtu(coap_endpoint_t *endpoint, unsigned int mtu);

/**
 * An endpoint as a text: its address and transport. It is good until the next text of an endpoint
 * or a session is asked for in this thread.
 *
 * @pre `endpoint` is NULL or live.
 */
const char *coap_endpoint_str(const coap_endpoint_t *endpoint);

/**
 * Takes a reference to a session: it neither ends by itself nor by eviction until it is released.
 * Returns the session.
 *
 * @pre `session` is NULL or live.
 */
coap_session_t *coap_session_reference(coap_session_t *session);

/**
 * Gives a reference to a session back. With the last one, a session that this side opened ends as
 * soon as its confirmable messages are acknowledged or given up; the handlers hear of them until
 * then. One that a peer opened goes on until it is idle for long enough.
 *
 * @pre `session` is NULL or live; with the last reference it is not used any more.
 */
void coap_session_release(coap_session_t *session);

/**
 * Gives a session up. Before this returns, the nack handler is called with `reason` for each
 * confirmable message that was under way or waited for its turn; if there was none, once without a
 * message. Nothing more can be sent, but a session that a peer opened goes on when the peer sends
 * again. The references stay. COAP_NACK_ICMP_ISSUE gives nothing up: the handler is called for what
 * is under way, and the session goes on.
 *
 * @pre `session` is NULL or live.
 */
void coap_session_disconnected(coap_session_t *session, coap_nack_reason_t reason);

/**
 * Keeps a pointer of the application's with the session. The library does not follow it.
 *
 * @pre `session` is NULL or live.
 */
void coap_session_set_app_data(coap_session_t *session, void *data);

/**
 * What `coap_session_set_app_data()` set; NULL before.
 *
 * @pre `session` is NULL or live.
 */
void *coap_session_get_app_data(const coap_session_t *session);

/**
 * The address on this side. It lives as long as the session.
 *
 * @pre `session` is NULL or live.
 */
const coap_address_t *coap_session_get_addr_local(const coap_session_t *session);

/**
 * The address of the peer. It lives as long as the session. If the session sends to a group, it is
 * that of the group, and from a response handler on, until the next request is sent, that of who
 * answered last.
 *
 * @pre `session` is NULL or live.
 */
const coap_address_t *coap_session_get_addr_remote(const coap_session_t *session);

/**
 * The multicast group, or the broadcast address, that a session of this side sends to; NULL if it sends to one peer.
 *
 * @pre `session` is NULL or live.
 */
const coap_address_t *coap_session_get_addr_mcast(const coap_session_t *session);

/**
 * The context of a session.
 *
 * @pre `session` is NULL or live.
 */
coap_context_t *coap_session_get_context(const coap_session_t *session);

/**
 * The transport of a session.
 *
 * @pre `session` is NULL or live.
 */
coap_proto_t coap_session_get_proto(const coap_session_t *session);

/**
 * Who opened a session.
 *
 * @pre `session` is NULL or live.
 */
coap_session_type_t coap_session_get_type(const coap_session_t *session);

/**
 * How far a session is.
 *
 * @pre `session` is NULL or live.
 */
coap_session_state_t coap_session_get_state(const coap_session_t *session);

/**
 * The index of the interface that the peer's messages come in on; 0 if it is not known.
 *
 * @pre `session` is NULL or live.
 */
int coap_session_get_ifindex(const coap_session_t *session);

/**
 * The session with this peer whose messages come in on this interface, or NULL.
 *
 * @pre `session` is NULL or live.
 */
coap_session_t *coap_session_get_by_peer(const coap_context_t *context,
                                         const coap_address_t *remote_addr,
                                         int ifindex);

/**
 * A session as a text: both ends and the transport. It is good until the next text of an endpoint
 * or a session is asked for in this thread.
 *
 * @pre `session` is NULL or live.
 */
const char *coap_session_str(const coap_session_t *session);

/**
 * Sets the most bytes of one message of this session, header included; over DTLS also what secures it.
 * It is 64 at least.
 *
 * @pre `session` is NULL or live.
 */
void coap_session_set_mtu(coap_session_t *session,
                          unsigned int mtu);

/**
 * The most bytes that token, options and payload of a message of this session may take.
 *
 * @pre `session` is NULL or live.
 */
size_t coap_session_max_pdu_size(const coap_session_t *session);

/**
 * Makes a session that a peer opened one of this side: it sends requests, and ends when the
 * reference that the application gets by this is released. Returns 1, or 0 if this side opened
 * it.
 *
 * @pre `session` is NULL or live.
 */
int coap_session_set_type_client(coap_session_t *session);

/**
 * Makes a token that this session has not used before: 0 to 8 bytes at `token`, and their number in
 * `*length`, whatever that was. Tokens count up from a random number, or from what
 * `coap_session_init_token()` set.
 *
 * @pre `session` is NULL or live; `length` is NULL or valid; `token` is NULL or has room for 8 bytes.
 */
void coap_session_new_token(coap_session_t *session,
                            size_t *length,
                            uint8_t *token);

/**
 * Sets the token that `coap_session_new_token()` gives next; later ones count on from there. Of
 * more than 8 bytes the first 8 count.
 *
 * @pre `session` is NULL or live; `token` has `length` bytes.
 */
void coap_session_init_token(coap_session_t *session, size_t length, const uint8_t *token);

/**
 * Asks the peer whether it is there (RFC 7252 §4.3). Its Reset reaches the nack handler. Returns
 * the message ID, or COAP_INVALID_MID if that fails.
 *
 * @pre `session` is NULL or live.
 */
coap_mid_t coap_session_send_ping(coap_session_t *session);

/**
 * Has the observations of this side go on when the session ends. At first they are cancelled
 * then, each by a non-confirmable request. `coap_cancel_observe()` works all the same.
 *
 * @pre `session` is NULL or live.
 */
void coap_session_set_no_observe_cancel(coap_session_t *session);

/**
 * Opens an endpoint: peers may send to `listen_addr`. It lives until it is freed or its context is; so
 * does the file of a Unix domain socket. One of a secured protocol answers by what
 * `coap_context_set_psk2()` and `coap_context_set_pki()` have set, also after it is opened.
 *
 * Returns NULL if the address cannot be used, the library has no such transport, or neither of these
 * functions was called for a secured one.
 *
 * @pre `context` is NULL or live; `listen_addr` is NULL or valid.
 */
coap_endpoint_t *coap_new_endpoint(coap_context_t *context,
                                   const coap_address_t *listen_addr,
                                   coap_proto_t proto);

/**
 * Opens a session to `server`, from `local_if` or, if that is NULL, from where the system says. In the
 * Unix domain `local_if` is needed: its path becomes a socket, which goes with the session.
 * The application holds a reference to it: `coap_session_release()` ends it.
 *
 * If `proto` is secured, this is by what `coap_context_set_pki()` has set. If nothing has, the session
 * shows no certificate, and the server's is verified only if `coap_context_set_pki_root_cas()` has set
 * what by. A context with nothing but pre-shared keys has no identity to use them with.
 *
 * Returns NULL if the library has no such transport, the addresses cannot be used, there is a
 * session between them already, or it cannot be secured so.
 *
 * @pre `ctx` is NULL or live; the addresses are NULL or valid.
 */
coap_session_t *coap_new_client_session(coap_context_t *ctx,
                                        const coap_address_t *local_if,
                                        const coap_address_t *server,
                                        coap_proto_t proto);

/**
 * Sets the first time-out of a confirmable message, in seconds (ACK_TIMEOUT, RFC 7252 §4.8). Values below 1, and such with more than 999 thousandths, are refused.
 *
 * @pre `session` is NULL or live.
 */
void coap_session_set_ack_timeout(coap_session_t *session,
                                  coap_fixed_point_t value);

/**
 * The first time-out of a confirmable message, in seconds (ACK_TIMEOUT, RFC 7252 §4.8).
 *
 * @pre `session` is NULL or live.
 */
coap_fixed_point_t coap_session_get_ack_timeout(const coap_session_t *session);

/**
 * Sets by how much that time-out is varied (ACK_RANDOM_FACTOR, RFC 7252 §4.8). Values below 1, and such with more than 999 thousandths, are refused.
 *
 * @pre `session` is NULL or live.
 */
void coap_session_set_ack_random_factor(coap_session_t *session,
                                        coap_fixed_point_t value);

/**
 * By how much that time-out is varied (ACK_RANDOM_FACTOR, RFC 7252 §4.8).
 *
 * @pre `session` is NULL or live.
 */
coap_fixed_point_t coap_session_get_ack_random_factor(const coap_session_t *session);

/**
 * Sets over how many seconds responses to a group are spread (DEFAULT_LEISURE, RFC 7252 §8.2). Values below 1, and such with more than 999 thousandths, are refused.
 *
 * @pre `session` is NULL or live.
 */
void coap_session_set_default_leisure(coap_session_t *session,
                                      coap_fixed_point_t value);

/**
 * Over how many seconds responses to a group are spread (DEFAULT_LEISURE, RFC 7252 §8.2).
 *
 * @pre `session` is NULL or live.
 */
coap_fixed_point_t coap_session_get_default_leisure(const coap_session_t *session);

/**
 * Sets after how many seconds the next set of non-confirmable blocks may go (NON_TIMEOUT, RFC 9177 §7.2). Values below 1, and such with more than 999 thousandths, are refused.
 *
 * @pre `session` is NULL or live.
 */
void coap_session_set_non_timeout(coap_session_t *session,
                                  coap_fixed_point_t value);

/**
 * After how many seconds the next set of non-confirmable blocks may go (NON_TIMEOUT, RFC 9177 §7.2).
 *
 * @pre `session` is NULL or live.
 */
coap_fixed_point_t coap_session_get_non_timeout(const coap_session_t *session);

/**
 * Sets for how many seconds missing non-confirmable blocks are waited for (NON_RECEIVE_TIMEOUT, RFC 9177 §7.2). Values below 1, and such with more than 999 thousandths, are refused.
 *
 * @pre `session` is NULL or live.
 */
void coap_session_set_non_receive_timeout(coap_session_t *session,
                                          coap_fixed_point_t value);

/**
 * For how many seconds missing non-confirmable blocks are waited for (NON_RECEIVE_TIMEOUT, RFC 9177 §7.2).
 *
 * @pre `session` is NULL or live.
 */
coap_fixed_point_t coap_session_get_non_receive_timeout(const coap_session_t *session);

/**
 * Sets how often a confirmable message is sent again (MAX_RETRANSMIT, RFC 7252 §4.8). 0 is refused.
 *
 * @pre `session` is NULL or live.
 */
void coap_session_set_max_retransmit(coap_session_t *session,
                                     uint16_t value);

/**
 * How often a confirmable message is sent again (MAX_RETRANSMIT, RFC 7252 §4.8).
 *
 * @pre `session` is NULL or live.
 */
uint16_t coap_session_get_max_retransmit(const coap_session_t *session);

/**
 * Sets how many confirmable messages are under way at a time (NSTART, RFC 7252 §4.7). 0 is refused.
 *
 * @pre `session` is NULL or live.
 */
void coap_session_set_nstart(coap_session_t *session,
                             uint16_t value);

/**
 * How many confirmable messages are under way at a time (NSTART, RFC 7252 §4.7).
 *
 * @pre `session` is NULL or live.
 */
uint16_t coap_session_get_nstart(const coap_session_t *session);

/**
 * Sets how many bytes a second may go to a peer that does not answer (PROBING_RATE, RFC 7252 §4.7). The library keeps the number for the application; it paces nothing by it. 0 is refused.
 *
 * @pre `session` is NULL or live.
 */
void coap_session_set_probing_rate(coap_session_t *session,
                                   uint32_t value);

/**
 * How many bytes a second may go to a peer that does not answer (PROBING_RATE, RFC 7252 §4.7). The library keeps the number for the application; it paces nothing by it.
 *
 * @pre `session` is NULL or live.
 */
uint32_t coap_session_get_probing_rate(const coap_session_t *session);

/**
 * Sets how many blocks go at a time (MAX_PAYLOADS, RFC 9177 §7.2). 0 is refused.
 *
 * @pre `session` is NULL or live.
 */
void coap_session_set_max_payloads(coap_session_t *session, uint16_t value);

/**
 * How many blocks go at a time (MAX_PAYLOADS, RFC 9177 §7.2).
 *
 * @pre `session` is NULL or live.
 */
uint16_t coap_session_get_max_payloads(const coap_session_t *session);

/**
 * Sets how often missing non-confirmable blocks are asked for (NON_MAX_RETRANSMIT, RFC 9177 §7.2). 0 is refused.
 *
 * @pre `session` is NULL or live.
 */
void coap_session_set_non_max_retransmit(coap_session_t *session,
                                         uint16_t value);

/**
 * How often missing non-confirmable blocks are asked for (NON_MAX_RETRANSMIT, RFC 9177 §7.2).
 *
 * @pre `session` is NULL or live.
 */
uint16_t coap_session_get_non_max_retransmit(const coap_session_t *session);

/**
 * Opens a session as `coap_new_client_session()` does, secured by a pre-shared key if `proto` is secured.
 * `identity` is copied, and so is `key`, which has `key_len` bytes. Returns NULL also if one of them is
 * missing, empty, or of more than 255 or 512 bytes. The variant without a (D)TLS library refuses secured
 * protocols.
 *
 * @pre `ctx` is NULL or live; the addresses are NULL or valid; `identity` is NULL or a C string; `key` is
 * NULL or has `key_len` bytes.
 */
coap_session_t *coap_new_client_session_psk(coap_context_t *ctx,
                                            const coap_address_t *local_if,
                                            const coap_address_t *server,
                                            coap_proto_t proto,
                                            const char *identity,
                                            const uint8_t *key,
                                            unsigned int key_len);

/**
 * Opens a session as `coap_new_client_session()` does, secured by a pre-shared key if `proto` is secured.
 * What `setup_data` says is copied.
 *
 * `setup_data->version` must be `COAP_DTLS_CPSK_SETUP_VERSION`; 0 counts as that. Identity and key must
 * be there, and have at most 255 and 512 bytes; the identity may be empty if there is a
 * `validate_ih_call_back` to choose another. Zeros at its end are not sent. With that callback TLS 1.3
 * is not used, which has no hints. The callback may call any function of the library. Returns NULL
 * if the session cannot be secured so. The variant without a (D)TLS library refuses secured protocols.
 *
 * @pre `ctx` is NULL or live; the addresses are NULL or valid; `setup_data` is NULL or valid; its callback
 * may be called as long as the session lives.
 */
coap_session_t *coap_new_client_session_psk2(coap_context_t *ctx,
                                             const coap_address_t *local_if,
                                             const coap_address_t *server,
                                             coap_proto_t proto,
                                             coap_dtls_cpsk_t *setup_data);

/**
 * Opens a session as `coap_new_client_session()` does, secured by certificates or raw public keys if
 * `proto` is secured. What `setup_data` says is copied, and files are read during the call.
 *
 * `setup_data->version` must be `COAP_DTLS_PKI_SETUP_VERSION`. Returns NULL also if a file cannot be read,
 * the private key is not that of the certificate, one of the two is missing, or anything else cannot
 * be used. The callbacks may call any function of the library. The variant without a (D)TLS library
 * refuses secured protocols.
 *
 * @pre `ctx` is NULL or live; the addresses are NULL or valid; `setup_data` is NULL or valid; its callbacks
 * may be called as long as the session lives.
 */
coap_session_t *coap_new_client_session_pki(coap_context_t *ctx,
                                            const coap_address_t *local_if,
                                            const coap_address_t *server,
                                            coap_proto_t proto,
                                            coap_dtls_pki_t *setup_data);

/**
 * Returns the hint of the pre-shared key that a session uses: on a client the one that the server gave,
 * which may be empty; on a server the one of `validate_sni_call_back`. NULL if there is none so far.
 * Belongs to the session.
 *
 * @pre `session` is NULL or live.
 */
const coap_bin_const_t *coap_session_get_psk_hint(const coap_session_t *session);

/**
 * Returns the identity of the pre-shared key that a session uses: on a client the one that it was opened
 * with, or that `validate_ih_call_back` chose; on a server the client's. One of no bytes if there is
 * none so far. Returns NULL if `session` is. Belongs to the session.
 *
 * @pre `session` is NULL or live.
 */
const coap_bin_const_t *coap_session_get_psk_identity(const coap_session_t *session);

/**
 * Returns the pre-shared key that a session uses: on a client the one that it was opened with, or that
 * `validate_ih_call_back` chose; on a server the one that a callback gave. NULL if there is none. Belongs
 * to the session.
 *
 * @pre `session` is NULL or live.
 */
const coap_bin_const_t *coap_session_get_psk_key(const coap_session_t *session);

/**
 * Returns the (D)TLS library's own object of a session, such as an `SSL *`, or NULL if it is not
 * secured, or not connected yet over TLS; and in `tls_lib`, unless that is NULL, which library it is.
 * The object belongs to the session, and goes with its connection.
 *
 * @pre `session` is NULL or live; `tls_lib` is NULL or can be written to.
 */
void *coap_session_get_tls(const coap_session_t *session,
                           coap_tls_library_t *tls_lib);

#ifdef __cplusplus
}
#endif

#endif /* COAP_SESSION_H_ */
