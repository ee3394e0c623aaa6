/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_pdu.h
 * Messages: types, codes, options and content formats.
 */
#ifndef COAP_PDU_H_
#define COAP_PDU_H_

#include "libcoap.h"
#include "coap_forward_decls.h"
#include "coap_option.h"
#include "coap_uri.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The URI scheme of CoAP over UDP. */
#define COAP_DEFAULT_SCHEME "coap"

/** The path of the list of resources, RFC 7252 section 7.2. */
#define COAP_DEFAULT_URI_WELLKNOWN ".well-known/core"

/** The code that is written N = 404 for 4.04. */
#define COAP_RESPONSE_CODE(N) (((N) / 100 << 5) | ((N) % 100))

/** The class of a code: 4 for 4.04. */
#define COAP_RESPONSE_CLASS(C) (((C) >> 5) & 0xFF)

/** The signal that is written N = 701 for 7.01. */
#define COAP_SIGNALING_CODE(N) COAP_RESPONSE_CODE(N)

/** The number of a coap_option. */
#define COAP_OPTION_KEY(option) (option).key

/** The length of a coap_option's value. */
#define COAP_OPTION_LENGTH(option) (option).length

/** The value of a coap_option. */
#define COAP_OPTION_DATA(option) ((unsigned char *)(&(option) + 1))

/** The port of CoAP over DTLS and TLS. */
#define COAPS_DEFAULT_PORT 5684

/** The size of a PDU from which BERT makes sense, RFC 8323 §6. */
#define COAP_BERT_BASE 1152

/** The value of Hop-Limit that a proxy puts in, RFC 8768 §3. */
#ifndef COAP_DEFAULT_HOP_LIMIT
#define COAP_DEFAULT_HOP_LIMIT 16
#endif

/** How long a response is fresh if it has no Max-Age, in seconds. */
#define COAP_DEFAULT_MAX_AGE 60

/** The size of a message over UDP unless set otherwise, RFC 7252 §4.6. */
#ifndef COAP_DEFAULT_MTU
#define COAP_DEFAULT_MTU 1152
#endif

/** The port of CoAP over UDP and TCP. */
#define COAP_DEFAULT_PORT 5683

/** The room for a reason phrase. */
#define COAP_ERROR_PHRASE_LENGTH 32

/** The highest option number. */
#define COAP_MAX_OPT 65535

/** Content-Format text/plain; charset=utf-8. */
#define COAP_MEDIATYPE_TEXT_PLAIN 0

/** Content-Format application/cose; cose-type="cose-encrypt0". */
#define COAP_MEDIATYPE_APPLICATION_COSE_ENCRYPT0 16

/** Content-Format application/cose; cose-type="cose-mac0". */
#define COAP_MEDIATYPE_APPLICATION_COSE_MAC0 17

/** Content-Format application/cose; cose-type="cose-sign1". */
#define COAP_MEDIATYPE_APPLICATION_COSE_SIGN1 18

/** Content-Format application/ace+cbor. */
#define COAP_MEDIATYPE_APPLICATION_ACE_CBOR 19

/** Content-Format application/link-format. */
#define COAP_MEDIATYPE_APPLICATION_LINK_FORMAT 40

/** Content-Format application/xml. */
#define COAP_MEDIATYPE_APPLICATION_XML 41

/** Content-Format application/octet-stream. */
#define COAP_MEDIATYPE_APPLICATION_OCTET_STREAM 42

/** Content-Format application/rdf+xml. */
#define COAP_MEDIATYPE_APPLICATION_RDF_XML 43

/** Content-Format application/exi. */
#define COAP_MEDIATYPE_APPLICATION_EXI 47

/** Content-Format application/json. */
#define COAP_MEDIATYPE_APPLICATION_JSON 50

/** Content-Format application/cbor. */
#define COAP_MEDIATYPE_APPLICATION_CBOR 60

/** Content-Format application/cwt. */
#define COAP_MEDIATYPE_APPLICATION_CWT 61

/** Content-Format application/cose; cose-type="cose-encrypt". */
#define COAP_MEDIATYPE_APPLICATION_COSE_ENCRYPT 96

/** Content-Format application/cose; cose-type="cose-mac". */
#define COAP_MEDIATYPE_APPLICATION_COSE_MAC 97

/** Content-Format application/cose; cose-type="cose-sign". */
#define COAP_MEDIATYPE_APPLICATION_COSE_SIGN 98

/** Content-Format application/cose-key. */
#define COAP_MEDIATYPE_APPLICATION_COSE_KEY 101

/** Content-Format application/cose-key-set. */
#define COAP_MEDIATYPE_APPLICATION_COSE_KEY_SET 102

/** Content-Format application/senml+json. */
#define COAP_MEDIATYPE_APPLICATION_SENML_JSON 110

/** Content-Format application/sensml+json. */
#define COAP_MEDIATYPE_APPLICATION_SENSML_JSON 111

/** Content-Format application/senml+cbor. */
#define COAP_MEDIATYPE_APPLICATION_SENML_CBOR 112

/** Content-Format application/sensml+cbor. */
#define COAP_MEDIATYPE_APPLICATION_SENSML_CBOR 113

/** Content-Format application/senml-exi. */
#define COAP_MEDIATYPE_APPLICATION_SENML_EXI 114

/** Content-Format application/sensml-exi. */
#define COAP_MEDIATYPE_APPLICATION_SENSML_EXI 115

/** Content-Format application/coap-group+json. */
#define COAP_MEDIATYPE_APPLICATION_COAP_GROUP_JSON 256

/** Content-Format application/dots+cbor. */
#define COAP_MEDIATYPE_APPLICATION_DOTS_CBOR 271

/** Content-Format application/missing-blocks+cbor-seq. */
#define COAP_MEDIATYPE_APPLICATION_MB_CBOR_SEQ 272

/** Content-Format application/senml+xml. */
#define COAP_MEDIATYPE_APPLICATION_SENML_XML 310

/** Content-Format application/sensml+xml. */
#define COAP_MEDIATYPE_APPLICATION_SENSML_XML 311

/** Content-Format application/oscore, as the reference numbers it. */
#define COAP_MEDIATYPE_APPLICATION_OSCORE 10001

/** The length of a token without RFC 8974. */
#define COAP_TOKEN_DEFAULT_MAX 8

/** The greatest length of a token, RFC 8974 §2.1. */
#define COAP_TOKEN_EXT_MAX 65804

/** The type of a message, RFC 7252 §4. */
typedef enum coap_pdu_type_t {
  /** Confirmable. */
  COAP_MESSAGE_CON = 0,
  /** Non-confirmable. */
  COAP_MESSAGE_NON = 1,
  /** Acknowledgement. */
  COAP_MESSAGE_ACK = 2,
  /** Reset. */
  COAP_MESSAGE_RST = 3,
} coap_pdu_type_t;

/** The code of a message: a method, a response code or a signal. */
typedef enum coap_pdu_code_t {
  /** 0.00: an empty message. */
  COAP_EMPTY_CODE = 0,
  /** 0.01 GET. */
  COAP_REQUEST_CODE_GET = 1,
  /** 0.02 POST. */
  COAP_REQUEST_CODE_POST = 2,
  /** 0.03 PUT. */
  COAP_REQUEST_CODE_PUT = 3,
  /** 0.04 DELETE. */
  COAP_REQUEST_CODE_DELETE = 4,
  /** 0.05 FETCH, RFC 8132. */
  COAP_REQUEST_CODE_FETCH = 5,
  /** 0.06 PATCH, RFC 8132. */
  COAP_REQUEST_CODE_PATCH = 6,
  /** 0.07 iPATCH, RFC 8132. */
  COAP_REQUEST_CODE_IPATCH = 7,
  /** 2.01 Created. */
  COAP_RESPONSE_CODE_CREATED = 65,
  /** 2.02 Deleted. */
  COAP_RESPONSE_CODE_DELETED = 66,
  /** 2.03 Valid. */
  COAP_RESPONSE_CODE_VALID = 67,
  /** 2.04 Changed. */
  COAP_RESPONSE_CODE_CHANGED = 68,
  /** 2.05 Content. */
  COAP_RESPONSE_CODE_CONTENT = 69,
  /** 2.31 Continue, RFC 7959. */
  COAP_RESPONSE_CODE_CONTINUE = 95,
  /** 4.00 Bad Request. */
  COAP_RESPONSE_CODE_BAD_REQUEST = 128,
  /** 4.01 Unauthorized. */
  COAP_RESPONSE_CODE_UNAUTHORIZED = 129,
  /** 4.02 Bad Option. */
  COAP_RESPONSE_CODE_BAD_OPTION = 130,
  /** 4.03 Forbidden. */
  COAP_RESPONSE_CODE_FORBIDDEN = 131,
  /** 4.04 Not Found. */
  COAP_RESPONSE_CODE_NOT_FOUND = 132,
  /** 4.05 Method Not Allowed. */
  COAP_RESPONSE_CODE_NOT_ALLOWED = 133,
  /** 4.06 Not Acceptable. */
  COAP_RESPONSE_CODE_NOT_ACCEPTABLE = 134,
  /** 4.08 Request Entity Incomplete, RFC 7959. */
  COAP_RESPONSE_CODE_INCOMPLETE = 136,
  /** 4.09 Conflict, RFC 8132. */
  COAP_RESPONSE_CODE_CONFLICT = 137,
  /** 4.12 Precondition Failed. */
  COAP_RESPONSE_CODE_PRECONDITION_FAILED = 140,
  /** 4.13 Request Entity Too Large. */
  COAP_RESPONSE_CODE_REQUEST_TOO_LARGE = 141,
  /** 4.15 Unsupported Content-Format. */
  COAP_RESPONSE_CODE_UNSUPPORTED_CONTENT_FORMAT = 143,
  /** 4.22 Unprocessable Entity, RFC 8132. */
  COAP_RESPONSE_CODE_UNPROCESSABLE = 150,
  /** 4.29 Too Many Requests, RFC 8516. */
  COAP_RESPONSE_CODE_TOO_MANY_REQUESTS = 157,
  /** 5.00 Internal Server Error. */
  COAP_RESPONSE_CODE_INTERNAL_ERROR = 160,
  /** 5.01 Not Implemented. */
  COAP_RESPONSE_CODE_NOT_IMPLEMENTED = 161,
  /** 5.02 Bad Gateway. */
  COAP_RESPONSE_CODE_BAD_GATEWAY = 162,
  /** 5.03 Service Unavailable. */
  COAP_RESPONSE_CODE_SERVICE_UNAVAILABLE = 163,
  /** 5.04 Gateway Timeout. */
  COAP_RESPONSE_CODE_GATEWAY_TIMEOUT = 164,
  /** 5.05 Proxying Not Supported. */
  COAP_RESPONSE_CODE_PROXYING_NOT_SUPPORTED = 165,
  /** 5.08 Hop Limit Reached, RFC 8768. */
  COAP_RESPONSE_CODE_HOP_LIMIT_REACHED = 168,
  /** 7.01 Capabilities and Settings, RFC 8323. */
  COAP_SIGNALING_CODE_CSM = 225,
  /** 7.02 Ping, RFC 8323. */
  COAP_SIGNALING_CODE_PING = 226,
  /** 7.03 Pong, RFC 8323. */
  COAP_SIGNALING_CODE_PONG = 227,
  /** 7.04 Release, RFC 8323. */
  COAP_SIGNALING_CODE_RELEASE = 228,
  /** 7.05 Abort, RFC 8323. */
  COAP_SIGNALING_CODE_ABORT = 229,
} coap_pdu_code_t;

/** The transport of a session. */
typedef enum coap_proto_t {
  /** None. */
  COAP_PROTO_NONE = 0,
  /** UDP. */
  COAP_PROTO_UDP = 1,
  /** DTLS over UDP. */
  COAP_PROTO_DTLS = 2,
  /** TCP. */
  COAP_PROTO_TCP = 3,
  /** TLS over TCP. */
  COAP_PROTO_TLS = 4,
  /** WebSocket over TCP. */
  COAP_PROTO_WS = 5,
  /** WebSocket over TLS. */
  COAP_PROTO_WSS = 6,
  /** Not a transport: one more than the last. */
  COAP_PROTO_LAST = 7,
} coap_proto_t;

/** The signals of reliable transports, RFC 8323 §5. */
typedef enum coap_pdu_signaling_proto_t {
  /** 7.01 Capabilities and Settings. */
  COAP_SIGNALING_CSM = 225,
  /** 7.02 Ping. */
  COAP_SIGNALING_PING = 226,
  /** 7.03 Pong. */
  COAP_SIGNALING_PONG = 227,
  /** 7.04 Release. */
  COAP_SIGNALING_RELEASE = 228,
  /** 7.05 Abort. */
  COAP_SIGNALING_ABORT = 229,
} coap_pdu_signaling_proto_t;

/** The request methods. */
typedef enum coap_request_t {
  /** GET. */
  COAP_REQUEST_GET = 1,
  /** POST. */
  COAP_REQUEST_POST = 2,
  /** PUT. */
  COAP_REQUEST_PUT = 3,
  /** DELETE. */
  COAP_REQUEST_DELETE = 4,
  /** FETCH, RFC 8132. */
  COAP_REQUEST_FETCH = 5,
  /** PATCH, RFC 8132. */
  COAP_REQUEST_PATCH = 6,
  /** iPATCH, RFC 8132. */
  COAP_REQUEST_IPATCH = 7,
} coap_request_t;

/** A message ID, or `COAP_INVALID_MID`. */
typedef int coap_mid_t;

/** The number and length of an option; its value follows in memory. */
typedef struct coap_option {
  /** The number of the option. */
  uint16_t key;
  /** The length of its value. */
  unsigned int length;
} coap_option;

/** Not a message ID: sending failed. */
#define COAP_INVALID_MID -1

/** The older name of `COAP_INVALID_MID`. */
#define COAP_INVALID_TID COAP_INVALID_MID

/** Option If-Match, RFC 7252 §5.10. */
#define COAP_OPTION_IF_MATCH 1

/** Option Uri-Host, RFC 7252 §5.10. */
#define COAP_OPTION_URI_HOST 3

/** Option ETag, RFC 7252 §5.10. */
#define COAP_OPTION_ETAG 4

/** Option If-None-Match, RFC 7252 §5.10. */
#define COAP_OPTION_IF_NONE_MATCH 5

/** Option Observe, RFC 7641 §2. */
#define COAP_OPTION_OBSERVE 6

/** Option Uri-Port, RFC 7252 §5.10. */
#define COAP_OPTION_URI_PORT 7

/** Option Location-Path, RFC 7252 §5.10. */
#define COAP_OPTION_LOCATION_PATH 8

/** Option OSCORE, RFC 8613 §2. */
#define COAP_OPTION_OSCORE 9

/** Option Uri-Path, RFC 7252 §5.10. */
#define COAP_OPTION_URI_PATH 11

/** Option Content-Format, RFC 7252 §5.10. */
#define COAP_OPTION_CONTENT_FORMAT 12

/** Option Content-Format, by its older name, RFC 7252 §5.10. */
#define COAP_OPTION_CONTENT_TYPE COAP_OPTION_CONTENT_FORMAT

/** Option Max-Age, RFC 7252 §5.10. */
#define COAP_OPTION_MAXAGE 14

/** Option Uri-Query, RFC 7252 §5.10. */
#define COAP_OPTION_URI_QUERY 15

/** Option Hop-Limit, RFC 8768 §3. */
#define COAP_OPTION_HOP_LIMIT 16

/** Option Accept, RFC 7252 §5.10. */
#define COAP_OPTION_ACCEPT 17

/** Option Q-Block1, RFC 9177 §4.1. */
#define COAP_OPTION_Q_BLOCK1 19

/** Option Location-Query, RFC 7252 §5.10. */
#define COAP_OPTION_LOCATION_QUERY 20

/** Option Block2, RFC 7959 §2.1. */
#define COAP_OPTION_BLOCK2 23

/** Option Block1, RFC 7959 §2.1. */
#define COAP_OPTION_BLOCK1 27

/** Option Size2, RFC 7959 §4. */
#define COAP_OPTION_SIZE2 28

/** Option Q-Block2, RFC 9177 §4.1. */
#define COAP_OPTION_Q_BLOCK2 31

/** Option Proxy-Uri, RFC 7252 §5.10. */
#define COAP_OPTION_PROXY_URI 35

/** Option Proxy-Scheme, RFC 7252 §5.10. */
#define COAP_OPTION_PROXY_SCHEME 39

/** Option Size1, RFC 7252 §5.10. */
#define COAP_OPTION_SIZE1 60

/** Option Echo, RFC 9175 §2.2. */
#define COAP_OPTION_ECHO 252

/** Option No-Response, RFC 7967 §2. */
#define COAP_OPTION_NORESPONSE 258

/** Option Request-Tag, RFC 9175 §3.2. */
#define COAP_OPTION_RTAG 292

/** Release: where to connect instead, RFC 8323 §5.5. */
#define COAP_SIGNALING_OPTION_ALTERNATIVE_ADDRESS 2

/** Abort: the CSM option that was not understood, RFC 8323 §5.6. */
#define COAP_SIGNALING_OPTION_BAD_CSM_OPTION 2

/** Ping and Pong: Custody, RFC 8323 §5.4.1. */
#define COAP_SIGNALING_OPTION_CUSTODY 2

/** CSM: the greatest message the sender takes, RFC 8323 §5.3.1. */
#define COAP_SIGNALING_OPTION_MAX_MESSAGE_SIZE 2

/** CSM: the sender knows BERT, RFC 8323 §5.3.2. */
#define COAP_SIGNALING_OPTION_BLOCK_WISE_TRANSFER 4

/** Release: seconds to wait before connecting again, RFC 8323 §5.5. */
#define COAP_SIGNALING_OPTION_HOLD_OFF 4

/** CSM: the longest token the sender takes, RFC 8974 §2.2.2. */
#define COAP_SIGNALING_OPTION_EXTENDED_TOKEN_LENGTH 6

/**
 * Makes a message that may hold up to `size` bytes of token, options and payload; 0 sets no
 * limit. Give `mid` 0 where no message ID applies. Prefer `coap_new_pdu`, which takes the
 * message ID and the size from the session.
 *
 * Returns the message, which `coap_send` takes over and `coap_delete_pdu` frees, or NULL if the
 * type, code or message ID is out of range.
 */
coap_pdu_t *coap_pdu_init(coap_pdu_type_t type_,
                          coap_pdu_code_t code,
                          coap_mid_t mid,
                          size_t size);

/**
 * Frees a message that was not given to `coap_send`. NULL is allowed.
 *
 * @pre `pdu` is NULL or a message that the caller owns; it must not be used afterwards.
 */
void coap_delete_pdu(coap_pdu_t *pdu);

/**
 * Reads the `length` bytes at `data` as one message with the header of `proto` and puts it into
 * `pdu`, whose own content is lost. The message must fit the maximum size of `pdu`.
 *
 * Returns 1, or 0 when the bytes are not a message, and then `pdu` has no token, options or
 * payload. Reserved codes and unknown critical options are not errors here.
 *
 * @pre `data` points to `length` bytes; `pdu` is NULL or a live message.
 */
int coap_pdu_parse(coap_proto_t proto, const uint8_t *data, size_t length, coap_pdu_t *pdu);

/**
 * Sets the token. To be called once, before any option and before the payload.
 *
 * Returns 1, or 0 if something has been added already, if the token is longer than 65804 bytes
 * or if the message has no room for it.
 *
 * @pre `pdu` is NULL or a live message; `data` points to `len` bytes.
 */
int coap_add_token(coap_pdu_t *pdu, size_t len, const uint8_t *data);

/**
 * Adds an option, where its number belongs among the others. A request with Proxy-Uri or
 * Proxy-Scheme gets a Hop-Limit of 16 too, unless it has one. With `data` NULL the value is
 * `len` zero bytes.
 *
 * Returns how many bytes the option takes in the message, or 0 if the message has a payload
 * already or no room, if the value is longer than 65804 bytes, or if an option that may stand
 * there once only would be appended a second time.
 *
 * @pre `pdu` is NULL or a live message; `data` is NULL or points to `len` bytes.
 */
size_t coap_add_option(coap_pdu_t *pdu, coap_option_num_t number, size_t len, const uint8_t *data);

/**
 * Adds the payload, which is copied. `len` 0 adds nothing and is no error.
 *
 * Returns 1, or 0 if there is a payload already or no room for this one.
 *
 * @pre `pdu` is NULL or a live message; `data` points to `len` bytes.
 */
int coap_add_data(coap_pdu_t *pdu, size_t len, const uint8_t *data);

/**
 * Adds a payload of `len` zero bytes, to be filled by the caller before the message is sent.
 *
 * Returns where to write it, or NULL if `len` is 0, there is a payload already or no room for
 * this one.
 *
 * @pre `pdu` is NULL or a live message.
 */
uint8_t *coap_add_data_after(coap_pdu_t *pdu, size_t len);

/**
 * Shows the payload: its length in `*len`, and in `*data` where it stands, as long as the message
 * lives. If the library has put a body together from several messages, that is shown.
 *
 * Returns 1, or 0 if there is none, with `*len` 0 and `*data` NULL.
 *
 * @pre `pdu` is NULL or a live message; `len` and `data` are NULL or point to where to write.
 */
int coap_get_data(const coap_pdu_t *pdu, size_t *len, const uint8_t **data);

/**
 * The same, with the place of the data in the whole body: it begins `*offset` bytes into a body
 * of `*total` bytes. More is to come if `*offset + *len` is less than `*total`.
 *
 * Returns 1, or 0 if there is no payload, with all four 0 or NULL.
 *
 * @pre `pdu` is NULL or a live message; the others are NULL or point to where to write.
 */
int coap_get_data_large(const coap_pdu_t *pdu,
                        size_t *len,
                        const uint8_t **data,
                        size_t *offset,
                        size_t *total);

/**
 * The code; 0 for NULL.
 *
 * @pre `pdu` is NULL or a live message.
 */
coap_pdu_code_t coap_pdu_get_code(const coap_pdu_t *pdu);

/**
 * Sets the code. In a request handler this is what makes the library send the response. A number
 * over 255 is ignored.
 *
 * @pre `pdu` is NULL or a live message.
 */
void coap_pdu_set_code(coap_pdu_t *pdu, coap_pdu_code_t code);

/**
 * The type; `COAP_MESSAGE_CON` for NULL and for messages that came over TCP or WebSockets.
 *
 * @pre `pdu` is NULL or a live message.
 */
coap_pdu_type_t coap_pdu_get_type(const coap_pdu_t *pdu);

/**
 * Sets the type. A number over 3 is ignored.
 *
 * @pre `pdu` is NULL or a live message.
 */
void coap_pdu_set_type(coap_pdu_t *pdu, coap_pdu_type_t type_);

/**
 * The token. It stands in the message: it is valid as long as the message lives and gets no other
 * one. Length 0 is a token too.
 *
 * @pre `pdu` is NULL or a live message.
 */
coap_bin_const_t coap_pdu_get_token(const coap_pdu_t *pdu);

/**
 * The message ID; 0 for messages over TCP or WebSockets, which have none, and
 * `COAP_INVALID_MID` for NULL.
 *
 * @pre `pdu` is NULL or a live message.
 */
coap_mid_t coap_pdu_get_mid(const coap_pdu_t *pdu);

/**
 * Sets the message ID. A number below 0 or over 65535 is ignored.
 *
 * @pre `pdu` is NULL or a live message.
 */
void coap_pdu_set_mid(coap_pdu_t *pdu, coap_mid_t mid);

/**
 * The name of a response code, such as "Not Found" for 4.04: a constant string, or NULL for a
 * code without a name.
 */
const char *coap_response_phrase(uint8_t code);

/**
 * A new message for a session, with a new message ID and as large as the session allows. Returns
 * NULL if there is no session or no such type.
 *
 * @pre `session` is NULL or live.
 */
coap_pdu_t *coap_new_pdu(coap_pdu_type_t type,
                         coap_pdu_code_t code,
                         coap_session_t *session);

/**
 * Copies a message for a session: type, code and those options that `drop_options` does not name,
 * with a new message ID and this token; not the payload. Returns NULL if that fails.
 *
 * @pre `old_pdu` is NULL or a live message, `session` is NULL or live, `token` has `token_length`
 * bytes, `drop_options` is NULL or valid.
 */
coap_pdu_t *coap_pdu_duplicate(const coap_pdu_t *old_pdu,
                               coap_session_t *session,
                               size_t token_length,
                               const uint8_t *token,
                               coap_opt_filter_t *drop_options);

#ifdef __cplusplus
}
#endif

#endif /* COAP_PDU_H_ */
