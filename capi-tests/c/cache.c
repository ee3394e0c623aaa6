/* coap_cache.h: keys, entries, idle times and the end of a session. */

#include "peer.h"

static coap_context_t *context;
static coap_session_t *one, *two;

static void
freed(void *data) {
  show("freed %s", data ? (const char *)data : "NULL");
}

static void
set_data(coap_cache_entry_t *entry, const char *data) {
  union {
    const char *in;
    void *out;
  } pointer = {data};
  coap_cache_set_app_data(entry, pointer.out, freed);
}

static void
begin(void) {
  coap_address_t address = loopback(free_port());
  context = coap_new_context(NULL);
  one = coap_new_client_session(context, NULL, &address, COAP_PROTO_UDP);
  address = loopback(free_port());
  two = coap_new_client_session(context, NULL, &address, COAP_PROTO_UDP);
  NEED(context && one && two);
}

static void
end(void) {
  if (one)
    coap_session_release(one);
  if (two)
    coap_session_release(two);
  coap_free_context(context);
}

/* A PDU with up to two options and a payload. */
static coap_pdu_t *
pdu(unsigned int code, uint16_t first, const char *first_value, uint16_t second, const char *second_value,
    const char *payload) {
  coap_pdu_t *made = coap_pdu_init(COAP_MESSAGE_CON, (coap_pdu_code_t)code, 77, 1000);
  NEED(made && coap_add_token(made, 3, (const uint8_t *)"tok"));
  if (first)
    NEED(coap_add_option(made, first, strlen(first_value), (const uint8_t *)first_value));
  if (second)
    NEED(coap_add_option(made, second, strlen(second_value), (const uint8_t *)second_value));
  if (payload)
    NEED(coap_add_data(made, strlen(payload), (const uint8_t *)payload));
  return made;
}

static coap_pdu_t *
get(const char *path) {
  return pdu(COAP_REQUEST_CODE_GET, COAP_OPTION_URI_PATH, path, 0, NULL, NULL);
}

static coap_cache_key_t *
key_of(coap_pdu_t *from, coap_cache_session_based_t session_based) {
  coap_cache_key_t *key = coap_cache_derive_key(one, from, session_based);
  coap_delete_pdu(from);
  return key;
}

static coap_cache_entry_t *
add(coap_session_t *session, const char *path, coap_cache_record_pdu_t record,
    coap_cache_session_based_t session_based, unsigned int idle) {
  coap_pdu_t *from = get(path);
  coap_cache_entry_t *entry = coap_new_cache_entry(session, from, record, session_based, idle);
  coap_delete_pdu(from);
  NEED(entry);
  return entry;
}

static coap_cache_entry_t *
find(coap_session_t *session, const char *path, coap_cache_session_based_t session_based) {
  coap_pdu_t *by = get(path);
  coap_cache_entry_t *entry = coap_cache_get_by_pdu(session, by, session_based);
  coap_delete_pdu(by);
  return entry;
}

/* Whether two PDUs have the same key. Frees both. */
static void
compare(const char *label, coap_pdu_t *a, coap_pdu_t *b) {
  coap_cache_key_t *ka = key_of(a, COAP_CACHE_NOT_SESSION_BASED);
  coap_cache_key_t *kb = key_of(b, COAP_CACHE_NOT_SESSION_BASED);
  show("%s: %s", label, !ka || !kb ? "no key" : memcmp(ka, kb, 32) ? "differ" : "same");
  coap_delete_cache_key(ka);
  coap_delete_cache_key(kb);
}

/* mend digest: the reference digests with SHA-256 only where its (D)TLS library brings that; without one it
 * mixes the bytes in a way that anybody can make collide. Ours is SHA-256 in every build. The digests here
 * are those of the reference with OpenSSL. */
static void
digest(const char *wanted, coap_pdu_t *from) {
  char hex[65];
  coap_cache_key_t *key = key_of(from, COAP_CACHE_NOT_SESSION_BASED);
  NEED(key);
  for (size_t i = 0; i < 32; i++)
    snprintf(hex + 2 * i, 3, "%02x", ((const uint8_t *)(const void *)key)[i]);
  mend("digest", wanted, "%s", hex);
  coap_delete_cache_key(key);
}

static void
keys(void) {
  static const uint16_t ignored[] = {COAP_OPTION_CONTENT_TYPE, COAP_OPTION_BLOCK2};
  begin();
  digest("603843c6bb5777de78b5eefba9e6d4e0acc29cfd7f2441b9c3026b6deaea21c2", get("a"));
  digest("66d07fb28c96c55e9cca4ec7d8c947d9ee3662c6a7c962a68a0d9329bf271d9b", pdu(1, 11, "a", 11, "bc", NULL));
  digest("7473de7b812a75de2771d97b7eb1d50c8e9c9317e54df7e6853335d46252332b", pdu(1, 300, "a", 0, NULL, NULL));
  digest("88837df68fb2dc5e1a7eeb78c9e26d9a5e2f225c94c128718b943268de446ecb", pdu(5, 11, "a", 0, NULL, "xyz"));
  digest("3608bca1e44ea6c4d268eb6db02260269892c0b42b86bbf1e77a6fa16c3c9282", pdu(5, 0, NULL, 0, NULL, "xyz"));

  compare("the same", get("a"), get("a"));
  compare("another path", get("a"), get("b"));
  compare("another method", get("a"), pdu(3, 11, "a", 0, NULL, NULL));
  compare("PUT and its payload", pdu(3, 11, "a", 0, NULL, "x"), pdu(3, 11, "a", 0, NULL, "y"));
  compare("FETCH and its payload", pdu(5, 11, "a", 0, NULL, "x"), pdu(5, 11, "a", 0, NULL, "y"));
  compare("Observe", get("a"), pdu(1, 11, "a", 6, "1", NULL));
  compare("Size1", get("a"), pdu(1, 11, "a", 60, "1", NULL));
  compare("Max-Age", get("a"), pdu(1, 11, "a", 14, "1", NULL));
  compare("an unknown option", get("a"), pdu(1, 11, "a", 290, "1", NULL));
  compare("an unknown one without key", get("a"), pdu(1, 11, "a", 284, "1", NULL));
  compare("nothing at all", pdu(1, 0, NULL, 0, NULL, NULL), get("a"));
  compare("payload and no option", pdu(1, 0, NULL, 0, NULL, "x"), pdu(1, 6, "", 0, NULL, NULL));

  coap_pdu_t *request = pdu(1, 11, "a", 23, "b", NULL);
  coap_cache_key_t *session_one = coap_cache_derive_key(one, request, COAP_CACHE_IS_SESSION_BASED);
  coap_cache_key_t *session_two = coap_cache_derive_key(two, request, COAP_CACHE_IS_SESSION_BASED);
  coap_cache_key_t *no_session = coap_cache_derive_key(one, request, COAP_CACHE_NOT_SESSION_BASED);
  show("sessions: %d %d", memcmp(session_one, session_two, 32) != 0, memcmp(session_one, no_session, 32) != 0);
  coap_cache_key_t *plain = key_of(get("a"), COAP_CACHE_NOT_SESSION_BASED);
  coap_cache_key_t *with = coap_cache_derive_key_w_ignore(one, request, COAP_CACHE_NOT_SESSION_BASED, ignored, 2);
  coap_cache_key_t *empty = coap_cache_derive_key_w_ignore(one, request, COAP_CACHE_NOT_SESSION_BASED, NULL, 0);
  show("a list of its own: %d, an empty one: %d", memcmp(with, plain, 32) == 0,
       memcmp(empty, no_session, 32) == 0);
  SHOW(coap_cache_ignore_options(context, ignored, 2));
  coap_cache_key_t *after = coap_cache_derive_key(one, request, COAP_CACHE_NOT_SESSION_BASED);
  coap_cache_key_t *own = coap_cache_derive_key_w_ignore(one, request, COAP_CACHE_NOT_SESSION_BASED, ignored, 1);
  show("the context's list: %d, not with a list of its own: %d", memcmp(after, plain, 32) == 0,
       memcmp(own, no_session, 32) == 0);
  coap_delete_cache_key(after);
  SHOW(coap_cache_ignore_options(context, NULL, 0));
  after = coap_cache_derive_key(one, request, COAP_CACHE_NOT_SESSION_BASED);
  show("reset: %d", memcmp(after, no_session, 32) == 0);
  coap_delete_cache_key(session_one);
  coap_delete_cache_key(session_two);
  coap_delete_cache_key(no_session);
  coap_delete_cache_key(plain);
  coap_delete_cache_key(with);
  coap_delete_cache_key(empty);
  coap_delete_cache_key(after);
  coap_delete_cache_key(own);
  coap_delete_cache_key(NULL);
  coap_delete_pdu(request);
  end();
}

/* mend kept-token: on the reference the token of the copy is in the freed memory of the PDU it is made from. */
/* mend delete: the reference ends with an assertion where coap_delete_cache_entry is to free the
 * application's data. */
static void
entries(void) {
  size_t length;
  const uint8_t *data;
  begin();
  coap_pdu_t *request = pdu(COAP_REQUEST_CODE_PUT, 11, "a", 12, "", "data");
  coap_cache_entry_t *a =
      coap_new_cache_entry(one, request, COAP_CACHE_RECORD_PDU, COAP_CACHE_NOT_SESSION_BASED, 0);
  coap_delete_pdu(request);
  const coap_pdu_t *kept = coap_cache_get_pdu(a);
  NEED(kept);
  coap_bin_const_t token = coap_pdu_get_token(kept);
  show("kept: type %d code %d mid %d and a token of %zu", (int)coap_pdu_get_type(kept),
       (int)coap_pdu_get_code(kept), (int)coap_pdu_get_mid(kept), token.length);
  if (!on_reference())
    mend("kept-token", "tok", "%.*s", (int)token.length, (const char *)token.s);
  if (coap_get_data(kept, &length, &data))
    show("its payload: %.*s", (int)length, (const char *)data);
  coap_cache_entry_t *b = add(one, "b", COAP_CACHE_NOT_RECORD_PDU, COAP_CACHE_IS_SESSION_BASED, 0);
  SHOW_PTR(coap_cache_get_pdu(b));
  SHOW_PTR(coap_cache_get_app_data(b));
  coap_cache_entry_t *c = add(one, "c", COAP_CACHE_RECORD_PDU, COAP_CACHE_NOT_SESSION_BASED, 0);
  length = 9;
  SHOW(coap_get_data(coap_cache_get_pdu(c), &length, &data));
  SHOW(length);

  show("b by its session: %d, by another: %d, without: %d", find(one, "b", COAP_CACHE_IS_SESSION_BASED) == b,
       find(two, "b", COAP_CACHE_IS_SESSION_BASED) == b, find(one, "b", COAP_CACHE_NOT_SESSION_BASED) == b);
  show("c by its session: %d, by another: %d, as based on it: %d",
       find(one, "c", COAP_CACHE_NOT_SESSION_BASED) == c, find(two, "c", COAP_CACHE_NOT_SESSION_BASED) == c,
       find(one, "c", COAP_CACHE_IS_SESSION_BASED) == c);
  coap_cache_key_t *key = key_of(get("c"), COAP_CACHE_NOT_SESSION_BASED);
  show("c by key: %d", coap_cache_get_by_key(context, key) == c);
  coap_delete_cache_entry(context, c);
  SHOW_PTR(coap_cache_get_by_key(context, key));
  coap_delete_cache_key(key);

  set_data(b, "first");
  SHOW_STR(coap_cache_get_app_data(b));
  set_data(b, "second");
  SHOW_STR(coap_cache_get_app_data(b));
  coap_cache_set_app_data(b, NULL, freed);
  show("no data, nothing to free:");
  request = pdu(COAP_REQUEST_CODE_GET, 0, NULL, 0, NULL, NULL);
  SHOW_PTR(coap_new_cache_entry(one, request, COAP_CACHE_RECORD_PDU, COAP_CACHE_NOT_SESSION_BASED, 0));
  SHOW_PTR(coap_cache_get_by_pdu(one, request, COAP_CACHE_NOT_SESSION_BASED));
  coap_delete_pdu(request);
  if (!on_reference()) {
    coap_cache_entry_t *d = add(one, "d", COAP_CACHE_NOT_RECORD_PDU, COAP_CACHE_NOT_SESSION_BASED, 0);
    static int times;
    times = 0;
    coap_cache_set_app_data(d, &times, NULL);
    coap_delete_cache_entry(context, d);
    mend("delete", "0", "%d", times);
  }
  end();
}

static void
count(void *data) {
  ++*(int *)data;
}

static void
deleted_with_data(void) {
  if (on_reference())
    return;
  int times = 0;
  begin();
  coap_cache_entry_t *entry = add(one, "a", COAP_CACHE_RECORD_PDU, COAP_CACHE_IS_SESSION_BASED, 1);
  coap_cache_set_app_data(entry, &times, count);
  coap_delete_cache_entry(context, entry);
  mend("delete", "1", "%d", times);
  end();
  mend("delete", "1", "%d", times);
}

/* The context's list of options takes effect on entries that are there as on those that come. */
static void
ignoring(void) {
  static const uint16_t path[] = {COAP_OPTION_URI_PATH};
  begin();
  add(one, "a", COAP_CACHE_NOT_RECORD_PDU, COAP_CACHE_NOT_SESSION_BASED, 0);
  coap_cache_ignore_options(context, path, 1);
  SHOW_PTR(find(one, "a", COAP_CACHE_NOT_SESSION_BASED));
  coap_cache_entry_t *any = add(one, "b", COAP_CACHE_NOT_RECORD_PDU, COAP_CACHE_NOT_SESSION_BASED, 0);
  show("found by any path: %d", find(two, "c", COAP_CACHE_NOT_SESSION_BASED) == any);
  end();
}

static void
ends(void) {
  begin();
  coap_cache_entry_t *older = add(one, "a", COAP_CACHE_RECORD_PDU, COAP_CACHE_NOT_SESSION_BASED, 0);
  set_data(older, "older");
  coap_cache_entry_t *newer = add(one, "a", COAP_CACHE_RECORD_PDU, COAP_CACHE_NOT_SESSION_BASED, 0);
  set_data(newer, "newer");
  show("of two the newer is found: %d", find(one, "a", COAP_CACHE_NOT_SESSION_BASED) == newer);
  set_data(add(one, "s", COAP_CACHE_NOT_RECORD_PDU, COAP_CACHE_IS_SESSION_BASED, 0), "based on one");
  set_data(add(two, "t", COAP_CACHE_NOT_RECORD_PDU, COAP_CACHE_NOT_SESSION_BASED, 0), "of two");
  show("the first session ends:");
  coap_session_release(one);
  one = NULL;
  show("left: a %d t %d", find(two, "a", COAP_CACHE_NOT_SESSION_BASED) != NULL,
       find(two, "t", COAP_CACHE_NOT_SESSION_BASED) != NULL);
  show("the second session ends:");
  coap_session_release(two);
  two = NULL;
  end();
}

static int gone;

static void
note_gone(void *data) {
  show("freed %s", (const char *)data);
  gone = 1;
}

static void
idle(void) {
  static char entry[] = "the idle one", lasting[] = "the lasting one";
  begin();
  coap_cache_set_app_data(add(one, "a", COAP_CACHE_RECORD_PDU, COAP_CACHE_NOT_SESSION_BASED, 1), entry, note_gone);
  coap_cache_set_app_data(add(one, "b", COAP_CACHE_RECORD_PDU, COAP_CACHE_NOT_SESSION_BASED, 0), lasting, freed);
  int64_t start = now_ms();
  RUN_UNTIL(context, gone, 5000);
  int64_t took = now_ms() - start;
  show("gone: %d, in time: %d", gone, took >= 900 && took < 2500);
  SHOW_PTR(find(one, "a", COAP_CACHE_NOT_SESSION_BASED));
  SHOW_PTR(find(one, "b", COAP_CACHE_NOT_SESSION_BASED));

  gone = 0;
  coap_cache_set_app_data(add(one, "a", COAP_CACHE_RECORD_PDU, COAP_CACHE_NOT_SESSION_BASED, 1), entry, note_gone);
  for (start = now_ms(); now_ms() - start < 2500;) {
    find(one, "a", COAP_CACHE_NOT_SESSION_BASED);
    coap_io_process(context, 50);
  }
  show("gone while in use: %d", gone);
  RUN_UNTIL(context, gone, 5000);
  show("gone afterwards: %d", gone);
  end();
}

/* mend null: the reference crashes where a pointer is NULL. Ours answers NULL or 0. */
static void
nulls(void) {
  if (on_reference())
    return;
  static const uint16_t none[] = {1};
  begin();
  coap_pdu_t *request = get("a");
  coap_set_log_level(COAP_LOG_EMERG);
  mend("null", "1", "%d", coap_cache_derive_key(one, NULL, COAP_CACHE_NOT_SESSION_BASED) == NULL);
  mend("null", "1", "%d", coap_cache_derive_key(NULL, request, COAP_CACHE_NOT_SESSION_BASED) == NULL);
  mend("null", "1", "%d",
       coap_cache_derive_key_w_ignore(one, request, COAP_CACHE_NOT_SESSION_BASED, NULL, 3) == NULL);
  mend("null", "0", "%d", coap_cache_ignore_options(NULL, none, 1));
  mend("null", "0", "%d", coap_cache_ignore_options(context, NULL, 3));
  mend("null", "1", "%d", coap_new_cache_entry(NULL, request, COAP_CACHE_RECORD_PDU, COAP_CACHE_NOT_SESSION_BASED, 0) == NULL);
  mend("null", "1", "%d", coap_new_cache_entry(one, NULL, COAP_CACHE_RECORD_PDU, COAP_CACHE_NOT_SESSION_BASED, 0) == NULL);
  mend("null", "1", "%d", coap_cache_get_by_key(context, NULL) == NULL);
  mend("null", "1", "%d", coap_cache_get_by_pdu(NULL, request, COAP_CACHE_NOT_SESSION_BASED) == NULL);
  mend("null", "1", "%d", coap_cache_get_by_pdu(one, NULL, COAP_CACHE_NOT_SESSION_BASED) == NULL);
  mend("null", "1", "%d", coap_cache_get_pdu(NULL) == NULL);
  mend("null", "1", "%d", coap_cache_get_app_data(NULL) == NULL);
  coap_cache_set_app_data(NULL, NULL, NULL);
  coap_delete_cache_entry(context, NULL);
  coap_set_log_level(COAP_LOG_WARN);
  coap_delete_pdu(request);
  end();
}

int
main(void) {
  coap_startup();
  coap_set_log_level(COAP_LOG_EMERG);
  keys();
  entries();
  deleted_with_data();
  ignoring();
  ends();
  idle();
  nulls();
  coap_cleanup();
  return 0;
}
