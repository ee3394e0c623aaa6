/* What the programs share that put a proxy between scripted clients and scripted upstream servers: the library's proxy
 * in the middle, and on both sides bare sockets, so that all that it says is seen, message by message. */

#ifndef PROXY_H
#define PROXY_H

#include "stream.h"

enum { UPS = 3, CLIENTS = 4, CON = COAP_MESSAGE_CON, NON = COAP_MESSAGE_NON, ACK = COAP_MESSAGE_ACK };

static coap_context_t *px;
static uint16_t px_port;
static peer_t up[UPS], client[CLIENTS];
static coap_proxy_server_t entries[UPS];
static coap_proxy_server_list_t list;
static datagram_t asked[UPS];    /* the last request that an upstream server got */
static datagram_t told[CLIENTS]; /* the last that a client got */

static int show_handlers; /* handlers are shown, else only what is unusual about them */
static int quiet;         /* nothing is shown: `mend` tells what happened */
static int quiet_clients; /* what clients are told is not shown, for the same reason */
static uint32_t px_mode;  /* the proxy's block mode */
static int has_hop_limit; /* the last request of a client had one */
static char at_up[4000], at_client[4000]; /* what was said to each side since `say`: for `mend` */

/* ---- messages as text ---- */

typedef struct {
  const uint8_t *at, *end, *value;
  unsigned int number;
  size_t length;
} options_t;

static size_t
token_length(const datagram_t *d, size_t *at) {
  size_t length = d->bytes[0] & 15;
  *at = length == 13 ? 5 : 4;
  return length == 13 ? 13u + d->bytes[4] : length;
}

static options_t
options_of(const datagram_t *d) {
  size_t at, length = token_length(d, &at);
  return (options_t){.at = d->bytes + at + length, .end = d->bytes + d->length};
}

static unsigned int
extended(options_t *o, unsigned int nibble) {
  if (nibble < 13)
    return nibble;
  if (nibble == 13)
    return 13u + *o->at++;
  o->at += 2;
  return 269u + o->at[-2] * 256u + o->at[-1];
}

/* 0 at the end, where `at` is the payload's marker or the end. */
static int
next_option(options_t *o) {
  if (o->at >= o->end || *o->at == 0xff)
    return 0;
  unsigned int head = *o->at++;
  o->number += extended(o, head >> 4);
  o->length = extended(o, head & 15);
  o->value = o->at;
  o->at += o->length;
  return 1;
}

static unsigned int
option_uint(const options_t *o) {
  unsigned int value = 0;
  for (size_t i = 0; i < o->length; i++)
    value = value << 8 | o->value[i];
  return value;
}

/* An option of a message as a number; -1 without it. */
UNUSED static long
find_option(const datagram_t *d, unsigned int number) {
  options_t o = options_of(d);
  while (next_option(&o))
    if (o.number == number)
      return (long)option_uint(&o);
  return -1;
}

static const char *
option_name(unsigned int number) {
  static const struct {
    unsigned int number;
    const char *name;
  } names[] = {{1, "If-Match"},   {3, "Uri-Host"},      {4, "ETag"},         {5, "If-None-Match"},  {6, "Observe"},
               {7, "Uri-Port"},   {8, "Location-Path"}, {9, "OSCORE"},       {11, "Uri-Path"},      {12, "Content-Format"},
               {14, "Max-Age"},   {15, "Uri-Query"},    {16, "Hop-Limit"},   {17, "Accept"},        {20, "Location-Query"},
               {23, "Block2"},    {27, "Block1"},       {28, "Size2"},       {35, "Proxy-Uri"},     {39, "Proxy-Scheme"},
               {60, "Size1"},     {252, "Echo"},        {258, "No-Response"}, {292, "Request-Tag"}};
  static char text[12];
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    if (names[i].number == number)
      return names[i].name;
  snprintf(text, sizeof(text), "%u", number);
  return text;
}

static char line[2000]; /* the message that is made into text */

__attribute__((format(printf, 1, 2))) static void
add(const char *format, ...) {
  size_t at = strlen(line);
  va_list args;
  va_start(args, format);
  vsnprintf(line + at, sizeof(line) - at, format, args);
  va_end(args);
}

/* The name of a port, which differs from run to run: U0 of the first upstream server, P of the proxy. */
static const char *
port_name(unsigned int port) {
  static char text[8];
  for (int i = 0; i < UPS; i++)
    if (up[i].port == port) {
      snprintf(text, sizeof(text), "U%d", i);
      return text;
    }
  snprintf(text, sizeof(text), port == px_port ? "P" : "%u", port);
  return text;
}

/* Bytes as text, with names for ports in it; of long ones the beginning. */
static void
add_text(const uint8_t *bytes, size_t length) {
  size_t shown = length > 60 ? 60 : length;
  for (size_t i = 0; i < shown; i++) {
    if (bytes[i] >= '0' && bytes[i] <= '9' && (i == 0 || bytes[i - 1] == ':')) {
      char digits[6];
      size_t n = 0;
      while (n < 5 && i + n < shown && bytes[i + n] >= '0' && bytes[i + n] <= '9')
        digits[n] = (char)bytes[i + n], n++;
      digits[n] = 0;
      const char *name = port_name((unsigned int)strtoul(digits, NULL, 10));
      add("%s", *name == 'U' || *name == 'P' ? name : digits);
      i += n - 1;
    } else if (bytes[i] >= 32 && bytes[i] < 127)
      add("%c", bytes[i]);
    else
      add("\\x%02x", bytes[i]);
  }
  if (shown < length)
    add("..(%zu)", length);
}

static int
is_random_tag(const options_t *o) {
  return o->number == COAP_OPTION_RTAG && !(o->length == 4 && memcmp(o->value, "\1\2\3\4", 4) == 0);
}

static void
add_option(const options_t *o) {
  add(" %s:", option_name(o->number));
  switch (o->number) {
  case 3:
  case 8:
  case 11:
  case 15:
  case 20:
  case 35:
  case 39:
    add("\"");
    add_text(o->value, o->length);
    add("\"");
    break;
  case 7:
    add("%s", port_name(option_uint(o)));
    break;
  case 6:
  case 12:
  case 14:
  case 16:
  case 17:
  case 28:
  case 60:
    add("%u", option_uint(o));
    break;
  case 23:
  case 27:
    add("%u/%u/%u", option_uint(o) >> 4, option_uint(o) >> 3 & 1, 16u << (option_uint(o) & 7));
    break;
  case 292: /* random, unless it is the client's own */
    add(is_random_tag(o) ? "*" : "01020304");
    break;
  default:
    for (size_t i = 0; i < o->length && i < 16; i++)
      add("%02x", o->value[i]);
  }
}

/* What we add to requests on purpose and the reference does not, which has a mend line of its own: a Hop-Limit (proxy_modes),
 * and Request-Tags where the application handles the blocks (proxy_block). */
static int
is_added(const options_t *o) {
  return (o->number == COAP_OPTION_HOP_LIMIT && option_uint(o) == 16 && !has_hop_limit) ||
         (px_mode == 0 && is_random_tag(o));
}

/* Type and code, token if it is the client's, options, payload. Mids are random, except those that answer. */
static const char *
message_text(const datagram_t *d, int with_token) {
  unsigned int type = d->bytes[0] >> 4 & 3;
  size_t at, length = token_length(d, &at);
  options_t o = options_of(d);
  line[0] = 0;
  add("%s %s", type_text((coap_pdu_type_t)type), code_text((coap_pdu_code_t)d->bytes[1]));
  if (with_token && length) {
    add(" token ");
    for (size_t i = 0; i < length; i++)
      add("%02x", d->bytes[at + i]);
  }
  while (next_option(&o))
    if (with_token || !is_added(&o))
      add_option(&o);
  if (o.at < o.end) {
    add(" {");
    add_text(o.at + 1, (size_t)(o.end - o.at - 1));
    add("}");
  }
  return line;
}

/* ---- requests ---- */

static void
put_option(datagram_t *d, unsigned int delta, const uint8_t *value, size_t length) {
  uint8_t *b = d->bytes + d->length, *head = b++;
  NEED(d->length + length + 8 < sizeof(d->bytes));
  unsigned int numbers[2] = {delta, (unsigned int)length}, nibbles[2];
  for (int i = 0; i < 2; i++) {
    nibbles[i] = numbers[i] < 13 ? numbers[i] : numbers[i] < 269 ? 13 : 14;
    if (nibbles[i] == 13)
      *b++ = (uint8_t)(numbers[i] - 13);
    if (nibbles[i] == 14) {
      *b++ = (uint8_t)((numbers[i] - 269) >> 8);
      *b++ = (uint8_t)(numbers[i] - 269);
    }
  }
  *head = (uint8_t)(nibbles[0] << 4 | nibbles[1]);
  memcpy(b, value, length);
  d->length = (size_t)(b - d->bytes) + length;
}

/* Puts the port of an upstream server where a text says $0 to $2, the proxy's where it says $P. */
static size_t
with_ports(const char *text, uint8_t *out, size_t room) {
  size_t n = 0;
  for (; *text; text++) {
    NEED(n + 6 < room);
    if (*text == '$') {
      text++;
      n += (size_t)sprintf((char *)out + n, "%u", *text == 'P' ? px_port : up[*text - '0'].port);
    } else
      out[n++] = (uint8_t)*text;
  }
  return n;
}

/* A request. `options` are words in the order of their numbers: 11=temp is text, 12#32 hexadecimal, 7=$0 the port of
 * the first upstream server as a number. */
UNUSED static datagram_t
request(unsigned int type, unsigned int code, const char *token, const char *options, const char *payload) {
  static unsigned int mid = 0x100;
  datagram_t d = {0, {0}}, t = from_hex(token);
  char words[6000], *save = NULL;
  unsigned int last = 0;
  d.bytes[d.length++] = (uint8_t)(0x40 | type << 4 | (t.length < 13 ? t.length : 13));
  d.bytes[d.length++] = (uint8_t)code;
  d.bytes[d.length++] = (uint8_t)(++mid >> 8);
  d.bytes[d.length++] = (uint8_t)mid;
  if (t.length >= 13)
    d.bytes[d.length++] = (uint8_t)(t.length - 13);
  memcpy(d.bytes + d.length, t.bytes, t.length);
  d.length += t.length;
  has_hop_limit = 0;
  NEED(strlen(options) < sizeof(words));
  strcpy(words, options);
  for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
    char *value;
    unsigned int number = (unsigned int)strtoul(word, &value, 10);
    datagram_t v = {0, {0}};
    if (*value == '#')
      v = from_hex(value + 1);
    else if (number == COAP_OPTION_URI_PORT) {
      uint16_t port = value[2] == 'P' ? px_port : up[value[2] - '0'].port;
      v.bytes[0] = (uint8_t)(port >> 8);
      v.bytes[1] = (uint8_t)port;
      v.length = 2;
    } else
      v.length = with_ports(value + 1, v.bytes, sizeof(v.bytes));
    put_option(&d, number - last, v.bytes, v.length);
    has_hop_limit |= number == COAP_OPTION_HOP_LIMIT;
    last = number;
  }
  if (payload) {
    NEED(d.length + 1 + strlen(payload) <= sizeof(d.bytes));
    d.bytes[d.length++] = 0xff;
    memcpy(d.bytes + d.length, payload, strlen(payload));
    d.length += strlen(payload);
  }
  return d;
}

/* ---- upstream servers ---- */

typedef enum { HI, SILENT, RESET, EMPTY_ACK, GARBAGE, OBSERVE, SCRIPT } answering_t;

static answering_t up_does[UPS];
static void (*up_script)(int i); /* what SCRIPT does */

/* Answers what an upstream server was asked. */
UNUSED static void
up_answer(int i, const datagram_t *to, unsigned int type, unsigned int code, const char *options, const char *payload) {
  static unsigned int own = 0x7000;
  datagram_t d = *to, rest = from_hex(options);
  size_t at, length = token_length(to, &at);
  unsigned int mid = type == COAP_MESSAGE_ACK ? mid_of(to) : ++own;
  d.bytes[0] = (uint8_t)(0x40 | type << 4 | (d.bytes[0] & 15));
  d.bytes[1] = (uint8_t)code;
  d.bytes[2] = (uint8_t)(mid >> 8);
  d.bytes[3] = (uint8_t)mid;
  d.length = at + length;
  memcpy(d.bytes + d.length, rest.bytes, rest.length);
  d.length += rest.length;
  if (payload) {
    d.bytes[d.length++] = 0xff;
    memcpy(d.bytes + d.length, payload, strlen(payload));
    d.length += strlen(payload);
  }
  peer_send(&up[i], &d);
}

/* An empty message with the mid of another: an ACK or a RST. */
static void
send_empty(const peer_t *peer, unsigned int type, const datagram_t *to) {
  datagram_t d = {4, {(uint8_t)(0x40 | type << 4), 0, to->bytes[2], to->bytes[3]}};
  peer_send(peer, &d);
}

static void
up_act(int i) {
  unsigned int type = asked[i].bytes[0] >> 4 & 3;
  unsigned int reply = type == COAP_MESSAGE_CON ? COAP_MESSAGE_ACK : COAP_MESSAGE_NON;
  switch (up_does[i]) {
  case HI:
    up_answer(i, &asked[i], reply, 0x45, "c0", "hi");
    break;
  case RESET:
    send_empty(&up[i], COAP_MESSAGE_RST, &asked[i]);
    break;
  case EMPTY_ACK:
    if (type == COAP_MESSAGE_CON)
      send_empty(&up[i], COAP_MESSAGE_ACK, &asked[i]);
    break;
  case GARBAGE:
    peer_send_hex(&up[i], "487f ffff ffff");
    break;
  case OBSERVE:
    up_answer(i, &asked[i], reply, 0x45, "6102 60", "first");
    break;
  case SCRIPT:
    up_script(i);
    break;
  case SILENT:
    break;
  }
}

/* ---- handlers ---- */

UNUSED static const char *
who(const coap_session_t *session) {
  static char text[16];
  uint16_t port = ntohs(coap_session_get_addr_remote(session)->addr.sin.sin_port);
  for (int i = 0; i < CLIENTS; i++)
    if (client[i].port == port) {
      snprintf(text, sizeof(text), "client%d", i);
      return text;
    }
  snprintf(text, sizeof(text), "%s", port_name(port));
  return text[0] == 'U' ? text : "a stranger";
}

static int forwarded; /* what the last coap_proxy_forward_request gave */
static coap_pdu_code_t forwarded_code;
static unsigned int requests_handled;
static int with_key;
static unsigned int keys_made, keys_back, keys_freed;

UNUSED static void
px_request(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *pdu, const coap_string_t *query,
           coap_pdu_t *response) {
  coap_cache_key_t *key = with_key ? coap_cache_derive_key(session, pdu, COAP_CACHE_IS_SESSION_BASED) : NULL;
  requests_handled++;
  keys_made += key != NULL;
  if (show_handlers && !quiet)
    show("  request handler: %s of %s, query %s, response %s %s", code_text(coap_pdu_get_code(pdu)), who(session),
         query ? (const char *)query->s : "NULL", type_text(coap_pdu_get_type(response)),
         code_text(coap_pdu_get_code(response)));
  forwarded = coap_proxy_forward_request(session, pdu, response, resource, key, &list);
  forwarded_code = coap_pdu_get_code(response);
  if (!quiet && (show_handlers || forwarded != 1 || forwarded_code))
    show("  forward_request: %d, code %s", forwarded, code_text(forwarded_code));
  if (key && !forwarded) {
    coap_delete_cache_key(key);
    keys_freed++;
  }
}

UNUSED static coap_response_t
px_response(coap_session_t *session, const coap_pdu_t *sent, const coap_pdu_t *received, const coap_mid_t mid UNUSED) {
  static int untouched;
  coap_cache_key_t *key = (coap_cache_key_t *)&untouched;
  coap_opt_iterator_t walk;
  if (show_handlers && !quiet)
    show("  response handler: %s of %s, sent %s", code_text(coap_pdu_get_code(received)), who(session),
         sent ? code_text(coap_pdu_get_code(sent)) : "NULL");
  coap_response_t result = coap_proxy_forward_response(session, received, &key);
  if (!quiet && (show_handlers || result != COAP_RESPONSE_OK))
    show("  forward_response: %s, key %s", result == COAP_RESPONSE_OK ? "OK" : "FAIL",
         key == (coap_cache_key_t *)&untouched ? "untouched" : key ? "given back" : "NULL");
  if (key && key != (coap_cache_key_t *)&untouched) {
    keys_back++;
    if (!coap_check_option(received, COAP_OPTION_OBSERVE, &walk)) {
      coap_delete_cache_key(key);
      keys_freed++;
    }
  }
  return result;
}

UNUSED static int
px_event(coap_session_t *session, const coap_event_t event) {
  if (!quiet && show_handlers)
    show("  event %s of %s", event_text(event), who(session));
  return 0;
}

UNUSED static void
px_nack(coap_session_t *session, const coap_pdu_t *sent, const coap_nack_reason_t reason, const coap_mid_t mid UNUSED) {
  if (!quiet)
    show("  nack %s of %s, sent %s", nack_text(reason), who(session), sent ? code_text(coap_pdu_get_code(sent)) : "NULL");
}

/* ---- the proxy ---- */

UNUSED static coap_proxy_server_t
entry_for(uint16_t port, coap_uri_scheme_t scheme) {
  coap_proxy_server_t entry;
  memset(&entry, 0, sizeof(entry));
  entry.uri.host.s = (const uint8_t *)"127.0.0.1";
  entry.uri.host.length = 9;
  entry.uri.port = port;
  entry.uri.scheme = scheme;
  return entry;
}

/* The resource that passes requests on: for the reverse modes the one for all unknown paths, for the others the one for
 * all names but proxy.example. */
UNUSED static coap_resource_t *
px_resource(coap_proxy_t type, coap_method_handler_t handler) {
  const char *names[] = {"proxy.example"};
  return type == COAP_PROXY_REVERSE || type == COAP_PROXY_REVERSE_STRIP
             ? coap_resource_reverse_proxy_init(handler, 0)
             : coap_resource_proxy_uri_init2(handler, 1, names, 0);
}

/* Opens the proxy of a scene, and its clients and upstream servers. */
UNUSED static void
px_open(coap_proxy_t type, size_t entry_count, uint32_t block_mode) {
  px = coap_new_context(NULL);
  NEED(px);
  if (block_mode)
    coap_context_set_block_mode(px, block_mode);
  px_mode = block_mode;
  px_port = serve(px, NULL);
  for (int i = 0; i < UPS; i++) {
    up[i] = peer_open(0);
    entries[i] = entry_for(up[i].port, COAP_URI_SCHEME_COAP);
    up_does[i] = HI;
  }
  for (int i = 0; i < CLIENTS; i++)
    client[i] = peer_open(px_port);
  memset(&list, 0, sizeof(list));
  list.entry = entries;
  list.entry_count = entry_count;
  list.type = type;
  list.idle_timeout_secs = 300;
  coap_resource_t *resource = px_resource(type, px_request);
  NEED(resource);
  coap_add_resource(px, resource);
  coap_register_response_handler(px, px_response);
  coap_register_event_handler(px, px_event);
  coap_register_nack_handler(px, px_nack);
}

UNUSED static void
px_close(void) {
  coap_register_event_handler(px, NULL);
  coap_register_nack_handler(px, NULL);
  coap_free_context(px);
  for (int i = 0; i < CLIENTS; i++)
    peer_close(&client[i]);
  for (int i = 0; i < UPS; i++)
    if (up[i].fd >= 0)
      peer_close(&up[i]);
}

/* ---- time passes ---- */

static void
collect(char *text, size_t room, const char *label, const char *what) {
  size_t at = strlen(text);
  snprintf(text + at, room - at, "%s%s%s", at ? ", " : "", label, what);
}

static uint16_t session_ports[26]; /* the proxy's sessions to upstream servers, by their own ports */

static char
session_letter(uint16_t port) {
  int i = 0;
  while (i < 25 && session_ports[i] && session_ports[i] != port)
    i++;
  session_ports[i] = port;
  return (char)('A' + i);
}

static int clients_reset; /* clients answer what they are told with a Reset */
static int show_sessions; /* upstream messages show the session they came by: A, B, .. */

static int
turn(void) {
  int moved = 0;
  datagram_t d;
  char label[16];
  coap_io_process(px, 2);
  for (int i = 0; i < UPS; i++)
    while (up[i].fd >= 0 && peer_take(&up[i], &d)) {
      moved = 1;
      if (show_sessions)
        snprintf(label, sizeof(label), "%c up%d ", session_letter(ntohs(up[i].other.sin_port)), i);
      else
        snprintf(label, sizeof(label), "up%d ", i);
      if (!quiet)
        show("  %s%s", label, message_text(&d, 0));
      collect(at_up, sizeof(at_up), UPS == 1 ? "" : label, message_text(&d, 0));
      if ((d.bytes[0] >> 4 & 3) < 2 && d.bytes[1]) {
        asked[i] = d;
        up_act(i);
      }
    }
  for (int i = 0; i < CLIENTS; i++)
    while (peer_take(&client[i], &d)) {
      moved = 1;
      snprintf(label, sizeof(label), "client%d ", i);
      if (!quiet && !quiet_clients)
        show("  %s%s", label, message_text(&d, 1));
      if (d.bytes[1]) /* an empty ACK says nothing */
        collect(at_client, sizeof(at_client), label, message_text(&d, 1));
      told[i] = d;
      if (clients_reset && (d.bytes[0] >> 4 & 3) < 2)
        send_empty(&client[i], COAP_MESSAGE_RST, &d);
      else if ((d.bytes[0] >> 4 & 3) == CON)
        send_empty(&client[i], COAP_MESSAGE_ACK, &d);
    }
  return moved;
}

/* Runs until nothing has happened for `calm` ms. */
UNUSED static void
settle(int64_t calm) {
  int64_t end = now_ms() + calm;
  while (now_ms() < end)
    if (turn())
      end = now_ms() + calm;
}

/* Runs for `span` ms at most, until a client was told something. */
UNUSED static void
wait_for_client(int64_t span) {
  int64_t end = now_ms() + span;
  while (!*at_client && now_ms() < end)
    turn();
  settle(15);
}

UNUSED static void
forget(void) {
  at_up[0] = at_client[0] = 0;
}

/* A client asks, and all that follows is shown. */
UNUSED static void
say_datagram(int i, const char *label, const datagram_t *d) {
  if (!quiet)
    show("%s", label);
  forget();
  client[i].other.sin_port = htons(px_port);
  peer_send(&client[i], d);
  settle(15);
}

UNUSED static void
say(int i, unsigned int type, unsigned int code, const char *token, const char *options, const char *payload) {
  static const char *const methods[] = {"?", "GET", "POST", "PUT", "DELETE", "FETCH", "PATCH", "iPATCH"};
  datagram_t d = request(type, code, token, options, payload);
  char label[400];
  snprintf(label, sizeof(label), "client%d: %s %s %.300s%s%.40s%s", i, type_text((coap_pdu_type_t)type),
           code < 8 ? methods[code] : code_text((coap_pdu_code_t)code), options, payload ? " {" : "",
           payload ? payload : "", payload ? "}" : "");
  say_datagram(i, label, &d);
}

/* A confirmable GET with the token aa. */
UNUSED static void
get(int i, const char *options) {
  say(i, COAP_MESSAGE_CON, 1, "aa", options, NULL);
}

/* The answer of an upstream server, in the middle of a scene. */
UNUSED static void
later(int i, const datagram_t *to, unsigned int type, unsigned int code, const char *options, const char *payload) {
  if (!quiet)
    show("up%d answers %s %s %s%s%s%s", i, type_text((coap_pdu_type_t)type), code_text((coap_pdu_code_t)code), options,
         payload ? " {" : "", payload ? payload : "", payload ? "}" : "");
  forget();
  up_answer(i, to, type, code, options, payload);
  settle(15);
}

/* ---- differences that are meant ---- */

/* A request of client0 that does not go upstream, or goes as it should not, on the reference. */
UNUSED static void
mended(const char *topic, const char *wanted, unsigned int type, unsigned int code, const char *options,
       const char *payload) {
  quiet = 1;
  say(0, type, code, "aa", options, payload);
  quiet = 0;
  mend(topic, wanted, "%s", *at_up ? at_up : *at_client ? at_client : "silence");
}

/* What the clients were told since `forget`. */
UNUSED static void
mended_told(const char *topic, const char *wanted) {
  mend(topic, wanted, "%s", *at_client ? at_client : "silence");
}

/* What the upstream servers were told. */
UNUSED static void
mended_asked(const char *topic, const char *wanted) {
  mend(topic, wanted, "%s", *at_up ? at_up : "silence");
}

#endif
