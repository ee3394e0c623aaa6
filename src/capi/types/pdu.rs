//! `coap_pdu.h`: message types, codes, options and content formats.

use super::option::coap_option_num_t;
use core::ffi::{CStr, c_int, c_uint};

/// The port of CoAP over DTLS and TLS.
pub const COAPS_DEFAULT_PORT: u16 = 5684;
/// The size of a PDU from which BERT makes sense, RFC 8323 §6.
pub const COAP_BERT_BASE: usize = 1152;
/// The URI scheme of CoAP over UDP.
///
/// cbindgen:ignore
pub const COAP_DEFAULT_SCHEME: &CStr = c"coap";
/// The path of the list of resources, RFC 7252 §7.2.
///
/// cbindgen:ignore
pub const COAP_DEFAULT_URI_WELLKNOWN: &CStr = c".well-known/core";
/// The value of Hop-Limit that a proxy puts in, RFC 8768 §3.
pub const COAP_DEFAULT_HOP_LIMIT: u8 = 16;
/// How long a response is fresh if it has no Max-Age, in seconds.
pub const COAP_DEFAULT_MAX_AGE: u32 = 60;
/// The size of a message over UDP unless set otherwise, RFC 7252 §4.6.
pub const COAP_DEFAULT_MTU: usize = 1152;
/// The port of CoAP over UDP and TCP.
pub const COAP_DEFAULT_PORT: u16 = 5683;
/// The room for a reason phrase.
pub const COAP_ERROR_PHRASE_LENGTH: usize = 32;
/// Not a message ID: sending failed.
pub const COAP_INVALID_MID: coap_mid_t = -1;
/// The older name of `COAP_INVALID_MID`.
pub const COAP_INVALID_TID: coap_mid_t = COAP_INVALID_MID;
/// The highest option number.
pub const COAP_MAX_OPT: u16 = 65535;
/// Content-Format text/plain; charset=utf-8.
pub const COAP_MEDIATYPE_TEXT_PLAIN: u16 = 0;
/// Content-Format application/cose; cose-type="cose-encrypt0".
pub const COAP_MEDIATYPE_APPLICATION_COSE_ENCRYPT0: u16 = 16;
/// Content-Format application/cose; cose-type="cose-mac0".
pub const COAP_MEDIATYPE_APPLICATION_COSE_MAC0: u16 = 17;
/// Content-Format application/cose; cose-type="cose-sign1".
pub const COAP_MEDIATYPE_APPLICATION_COSE_SIGN1: u16 = 18;
/// Content-Format application/ace+cbor.
pub const COAP_MEDIATYPE_APPLICATION_ACE_CBOR: u16 = 19;
/// Content-Format application/link-format.
pub const COAP_MEDIATYPE_APPLICATION_LINK_FORMAT: u16 = 40;
/// Content-Format application/xml.
pub const COAP_MEDIATYPE_APPLICATION_XML: u16 = 41;
/// Content-Format application/octet-stream.
pub const COAP_MEDIATYPE_APPLICATION_OCTET_STREAM: u16 = 42;
/// Content-Format application/rdf+xml.
pub const COAP_MEDIATYPE_APPLICATION_RDF_XML: u16 = 43;
/// Content-Format application/exi.
pub const COAP_MEDIATYPE_APPLICATION_EXI: u16 = 47;
/// Content-Format application/json.
pub const COAP_MEDIATYPE_APPLICATION_JSON: u16 = 50;
/// Content-Format application/cbor.
pub const COAP_MEDIATYPE_APPLICATION_CBOR: u16 = 60;
/// Content-Format application/cwt.
pub const COAP_MEDIATYPE_APPLICATION_CWT: u16 = 61;
/// Content-Format application/cose; cose-type="cose-encrypt".
pub const COAP_MEDIATYPE_APPLICATION_COSE_ENCRYPT: u16 = 96;
/// Content-Format application/cose; cose-type="cose-mac".
pub const COAP_MEDIATYPE_APPLICATION_COSE_MAC: u16 = 97;
/// Content-Format application/cose; cose-type="cose-sign".
pub const COAP_MEDIATYPE_APPLICATION_COSE_SIGN: u16 = 98;
/// Content-Format application/cose-key.
pub const COAP_MEDIATYPE_APPLICATION_COSE_KEY: u16 = 101;
/// Content-Format application/cose-key-set.
pub const COAP_MEDIATYPE_APPLICATION_COSE_KEY_SET: u16 = 102;
/// Content-Format application/senml+json.
pub const COAP_MEDIATYPE_APPLICATION_SENML_JSON: u16 = 110;
/// Content-Format application/sensml+json.
pub const COAP_MEDIATYPE_APPLICATION_SENSML_JSON: u16 = 111;
/// Content-Format application/senml+cbor.
pub const COAP_MEDIATYPE_APPLICATION_SENML_CBOR: u16 = 112;
/// Content-Format application/sensml+cbor.
pub const COAP_MEDIATYPE_APPLICATION_SENSML_CBOR: u16 = 113;
/// Content-Format application/senml-exi.
pub const COAP_MEDIATYPE_APPLICATION_SENML_EXI: u16 = 114;
/// Content-Format application/sensml-exi.
pub const COAP_MEDIATYPE_APPLICATION_SENSML_EXI: u16 = 115;
/// Content-Format application/coap-group+json.
pub const COAP_MEDIATYPE_APPLICATION_COAP_GROUP_JSON: u16 = 256;
/// Content-Format application/dots+cbor.
pub const COAP_MEDIATYPE_APPLICATION_DOTS_CBOR: u16 = 271;
/// Content-Format application/missing-blocks+cbor-seq.
pub const COAP_MEDIATYPE_APPLICATION_MB_CBOR_SEQ: u16 = 272;
/// Content-Format application/senml+xml.
pub const COAP_MEDIATYPE_APPLICATION_SENML_XML: u16 = 310;
/// Content-Format application/sensml+xml.
pub const COAP_MEDIATYPE_APPLICATION_SENSML_XML: u16 = 311;
/// Content-Format application/oscore, as the reference numbers it.
pub const COAP_MEDIATYPE_APPLICATION_OSCORE: u16 = 10001;
/// Option If-Match, RFC 7252 §5.10.
pub const COAP_OPTION_IF_MATCH: coap_option_num_t = 1;
/// Option Uri-Host, RFC 7252 §5.10.
pub const COAP_OPTION_URI_HOST: coap_option_num_t = 3;
/// Option ETag, RFC 7252 §5.10.
pub const COAP_OPTION_ETAG: coap_option_num_t = 4;
/// Option If-None-Match, RFC 7252 §5.10.
pub const COAP_OPTION_IF_NONE_MATCH: coap_option_num_t = 5;
/// Option Observe, RFC 7641 §2.
pub const COAP_OPTION_OBSERVE: coap_option_num_t = 6;
/// Option Uri-Port, RFC 7252 §5.10.
pub const COAP_OPTION_URI_PORT: coap_option_num_t = 7;
/// Option Location-Path, RFC 7252 §5.10.
pub const COAP_OPTION_LOCATION_PATH: coap_option_num_t = 8;
/// Option OSCORE, RFC 8613 §2.
pub const COAP_OPTION_OSCORE: coap_option_num_t = 9;
/// Option Uri-Path, RFC 7252 §5.10.
pub const COAP_OPTION_URI_PATH: coap_option_num_t = 11;
/// Option Content-Format, RFC 7252 §5.10.
pub const COAP_OPTION_CONTENT_FORMAT: coap_option_num_t = 12;
/// Option Content-Format, by its older name, RFC 7252 §5.10.
pub const COAP_OPTION_CONTENT_TYPE: coap_option_num_t = COAP_OPTION_CONTENT_FORMAT;
/// Option Max-Age, RFC 7252 §5.10.
pub const COAP_OPTION_MAXAGE: coap_option_num_t = 14;
/// Option Uri-Query, RFC 7252 §5.10.
pub const COAP_OPTION_URI_QUERY: coap_option_num_t = 15;
/// Option Hop-Limit, RFC 8768 §3.
pub const COAP_OPTION_HOP_LIMIT: coap_option_num_t = 16;
/// Option Accept, RFC 7252 §5.10.
pub const COAP_OPTION_ACCEPT: coap_option_num_t = 17;
/// Option Q-Block1, RFC 9177 §4.1.
pub const COAP_OPTION_Q_BLOCK1: coap_option_num_t = 19;
/// Option Location-Query, RFC 7252 §5.10.
pub const COAP_OPTION_LOCATION_QUERY: coap_option_num_t = 20;
/// Option Block2, RFC 7959 §2.1.
pub const COAP_OPTION_BLOCK2: coap_option_num_t = 23;
/// Option Block1, RFC 7959 §2.1.
pub const COAP_OPTION_BLOCK1: coap_option_num_t = 27;
/// Option Size2, RFC 7959 §4.
pub const COAP_OPTION_SIZE2: coap_option_num_t = 28;
/// Option Q-Block2, RFC 9177 §4.1.
pub const COAP_OPTION_Q_BLOCK2: coap_option_num_t = 31;
/// Option Proxy-Uri, RFC 7252 §5.10.
pub const COAP_OPTION_PROXY_URI: coap_option_num_t = 35;
/// Option Proxy-Scheme, RFC 7252 §5.10.
pub const COAP_OPTION_PROXY_SCHEME: coap_option_num_t = 39;
/// Option Size1, RFC 7252 §5.10.
pub const COAP_OPTION_SIZE1: coap_option_num_t = 60;
/// Option Echo, RFC 9175 §2.2.
pub const COAP_OPTION_ECHO: coap_option_num_t = 252;
/// Option No-Response, RFC 7967 §2.
pub const COAP_OPTION_NORESPONSE: coap_option_num_t = 258;
/// Option Request-Tag, RFC 9175 §3.2.
pub const COAP_OPTION_RTAG: coap_option_num_t = 292;
/// Release: where to connect instead, RFC 8323 §5.5.
pub const COAP_SIGNALING_OPTION_ALTERNATIVE_ADDRESS: coap_option_num_t = 2;
/// Abort: the CSM option that was not understood, RFC 8323 §5.6.
pub const COAP_SIGNALING_OPTION_BAD_CSM_OPTION: coap_option_num_t = 2;
/// Ping and Pong: Custody, RFC 8323 §5.4.1.
pub const COAP_SIGNALING_OPTION_CUSTODY: coap_option_num_t = 2;
/// CSM: the greatest message the sender takes, RFC 8323 §5.3.1.
pub const COAP_SIGNALING_OPTION_MAX_MESSAGE_SIZE: coap_option_num_t = 2;
/// CSM: the sender knows BERT, RFC 8323 §5.3.2.
pub const COAP_SIGNALING_OPTION_BLOCK_WISE_TRANSFER: coap_option_num_t = 4;
/// Release: seconds to wait before connecting again, RFC 8323 §5.5.
pub const COAP_SIGNALING_OPTION_HOLD_OFF: coap_option_num_t = 4;
/// CSM: the longest token the sender takes, RFC 8974 §2.2.2.
pub const COAP_SIGNALING_OPTION_EXTENDED_TOKEN_LENGTH: coap_option_num_t = 6;
/// The length of a token without RFC 8974.
pub const COAP_TOKEN_DEFAULT_MAX: usize = 8;
/// The greatest length of a token, RFC 8974 §2.1.
pub const COAP_TOKEN_EXT_MAX: usize = 65804;

c_enum! {
    /// The code of a message: a method, a response code or a signal.
    pub enum coap_pdu_code_t {
        /// 0.00: an empty message.
        COAP_EMPTY_CODE = 0,
        /// 0.01 GET.
        COAP_REQUEST_CODE_GET = 1,
        /// 0.02 POST.
        COAP_REQUEST_CODE_POST = 2,
        /// 0.03 PUT.
        COAP_REQUEST_CODE_PUT = 3,
        /// 0.04 DELETE.
        COAP_REQUEST_CODE_DELETE = 4,
        /// 0.05 FETCH, RFC 8132.
        COAP_REQUEST_CODE_FETCH = 5,
        /// 0.06 PATCH, RFC 8132.
        COAP_REQUEST_CODE_PATCH = 6,
        /// 0.07 iPATCH, RFC 8132.
        COAP_REQUEST_CODE_IPATCH = 7,
        /// 2.01 Created.
        COAP_RESPONSE_CODE_CREATED = 65,
        /// 2.02 Deleted.
        COAP_RESPONSE_CODE_DELETED = 66,
        /// 2.03 Valid.
        COAP_RESPONSE_CODE_VALID = 67,
        /// 2.04 Changed.
        COAP_RESPONSE_CODE_CHANGED = 68,
        /// 2.05 Content.
        COAP_RESPONSE_CODE_CONTENT = 69,
        /// 2.31 Continue, RFC 7959.
        COAP_RESPONSE_CODE_CONTINUE = 95,
        /// 4.00 Bad Request.
        COAP_RESPONSE_CODE_BAD_REQUEST = 128,
        /// 4.01 Unauthorized.
        COAP_RESPONSE_CODE_UNAUTHORIZED = 129,
        /// 4.02 Bad Option.
        COAP_RESPONSE_CODE_BAD_OPTION = 130,
        /// 4.03 Forbidden.
        COAP_RESPONSE_CODE_FORBIDDEN = 131,
        /// 4.04 Not Found.
        COAP_RESPONSE_CODE_NOT_FOUND = 132,
        /// 4.05 Method Not Allowed.
        COAP_RESPONSE_CODE_NOT_ALLOWED = 133,
        /// 4.06 Not Acceptable.
        COAP_RESPONSE_CODE_NOT_ACCEPTABLE = 134,
        /// 4.08 Request Entity Incomplete, RFC 7959.
        COAP_RESPONSE_CODE_INCOMPLETE = 136,
        /// 4.09 Conflict, RFC 8132.
        COAP_RESPONSE_CODE_CONFLICT = 137,
        /// 4.12 Precondition Failed.
        COAP_RESPONSE_CODE_PRECONDITION_FAILED = 140,
        /// 4.13 Request Entity Too Large.
        COAP_RESPONSE_CODE_REQUEST_TOO_LARGE = 141,
        /// 4.15 Unsupported Content-Format.
        COAP_RESPONSE_CODE_UNSUPPORTED_CONTENT_FORMAT = 143,
        /// 4.22 Unprocessable Entity, RFC 8132.
        COAP_RESPONSE_CODE_UNPROCESSABLE = 150,
        /// 4.29 Too Many Requests, RFC 8516.
        COAP_RESPONSE_CODE_TOO_MANY_REQUESTS = 157,
        /// 5.00 Internal Server Error.
        COAP_RESPONSE_CODE_INTERNAL_ERROR = 160,
        /// 5.01 Not Implemented.
        COAP_RESPONSE_CODE_NOT_IMPLEMENTED = 161,
        /// 5.02 Bad Gateway.
        COAP_RESPONSE_CODE_BAD_GATEWAY = 162,
        /// 5.03 Service Unavailable.
        COAP_RESPONSE_CODE_SERVICE_UNAVAILABLE = 163,
        /// 5.04 Gateway Timeout.
        COAP_RESPONSE_CODE_GATEWAY_TIMEOUT = 164,
        /// 5.05 Proxying Not Supported.
        COAP_RESPONSE_CODE_PROXYING_NOT_SUPPORTED = 165,
        /// 5.08 Hop Limit Reached, RFC 8768.
        COAP_RESPONSE_CODE_HOP_LIMIT_REACHED = 168,
        /// 7.01 Capabilities and Settings, RFC 8323.
        COAP_SIGNALING_CODE_CSM = 225,
        /// 7.02 Ping, RFC 8323.
        COAP_SIGNALING_CODE_PING = 226,
        /// 7.03 Pong, RFC 8323.
        COAP_SIGNALING_CODE_PONG = 227,
        /// 7.04 Release, RFC 8323.
        COAP_SIGNALING_CODE_RELEASE = 228,
        /// 7.05 Abort, RFC 8323.
        COAP_SIGNALING_CODE_ABORT = 229,
    }
}

c_enum! {
    /// The signals of reliable transports, RFC 8323 §5.
    pub enum coap_pdu_signaling_proto_t {
        /// 7.01 Capabilities and Settings.
        COAP_SIGNALING_CSM = 225,
        /// 7.02 Ping.
        COAP_SIGNALING_PING = 226,
        /// 7.03 Pong.
        COAP_SIGNALING_PONG = 227,
        /// 7.04 Release.
        COAP_SIGNALING_RELEASE = 228,
        /// 7.05 Abort.
        COAP_SIGNALING_ABORT = 229,
    }
}

c_enum! {
    /// The type of a message, RFC 7252 §4.
    pub enum coap_pdu_type_t {
        /// Confirmable.
        COAP_MESSAGE_CON = 0,
        /// Non-confirmable.
        COAP_MESSAGE_NON = 1,
        /// Acknowledgement.
        COAP_MESSAGE_ACK = 2,
        /// Reset.
        COAP_MESSAGE_RST = 3,
    }
}

c_enum! {
    /// The transport of a session.
    pub enum coap_proto_t {
        /// None.
        COAP_PROTO_NONE = 0,
        /// UDP.
        COAP_PROTO_UDP = 1,
        /// DTLS over UDP.
        COAP_PROTO_DTLS = 2,
        /// TCP.
        COAP_PROTO_TCP = 3,
        /// TLS over TCP.
        COAP_PROTO_TLS = 4,
        /// WebSocket over TCP.
        COAP_PROTO_WS = 5,
        /// WebSocket over TLS.
        COAP_PROTO_WSS = 6,
        /// Not a transport: one more than the last.
        COAP_PROTO_LAST = 7,
    }
}

c_enum! {
    /// The request methods.
    pub enum coap_request_t {
        /// GET.
        COAP_REQUEST_GET = 1,
        /// POST.
        COAP_REQUEST_POST = 2,
        /// PUT.
        COAP_REQUEST_PUT = 3,
        /// DELETE.
        COAP_REQUEST_DELETE = 4,
        /// FETCH, RFC 8132.
        COAP_REQUEST_FETCH = 5,
        /// PATCH, RFC 8132.
        COAP_REQUEST_PATCH = 6,
        /// iPATCH, RFC 8132.
        COAP_REQUEST_IPATCH = 7,
    }
}

/// A message ID, or `COAP_INVALID_MID`.
pub type coap_mid_t = c_int;

/// The number and length of an option; its value follows in memory.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct coap_option {
    /// The number of the option.
    pub key: u16,
    /// The length of its value.
    pub length: c_uint,
}
layout!(coap_option: 8, 4; key: 0, length: 4);
