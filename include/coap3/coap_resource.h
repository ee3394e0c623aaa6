/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file coap_resource.h
 * Resources and their handlers.
 */
#ifndef COAP_RESOURCE_H_
#define COAP_RESOURCE_H_

#include "libcoap.h"
#include "coap_forward_decls.h"
#include "coap_str.h"
#include "coap_pdu.h"
#include "coap_session.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The bits of a coap_print_status_t that are not the length. */
#define COAP_PRINT_STATUS_MASK 0xF0000000UL
/** The greatest length that a coap_print_status_t can hold. */
#define COAP_PRINT_STATUS_MAX 0x0FFFFFFFUL
/** Printing failed. */
#define COAP_PRINT_STATUS_ERROR 0x80000000UL
/** The buffer was too small. */
#define COAP_PRINT_STATUS_TRUNC 0x40000000UL
/** How many bytes were printed. */
#define COAP_PRINT_OUTPUT_LENGTH(v) ((v) & COAP_PRINT_STATUS_MAX)

/** The library releases the name together with the attribute. */
#define COAP_ATTR_FLAGS_RELEASE_NAME 1

/** The library releases the value together with the attribute. */
#define COAP_ATTR_FLAGS_RELEASE_VALUE 2

/** Notifications are non-confirmable, with a confirmable one now and then (RFC 7641 §4.5). */
#define COAP_RESOURCE_FLAGS_NOTIFY_NON 0

/** The library releases the path together with the resource. */
#define COAP_RESOURCE_FLAGS_RELEASE_URI 1

/** The seconds between two looks for observers to tell. */
#define COAP_RESOURCE_CHECK_TIME 2

/** Notifications are confirmable. */
#define COAP_RESOURCE_FLAGS_NOTIFY_CON 2

/** Notifications are non-confirmable without exception. */
#define COAP_RESOURCE_FLAGS_NOTIFY_NON_ALWAYS 4

/** The resource answers multicast requests. */
#define COAP_RESOURCE_FLAGS_HAS_MCAST_SUPPORT 8

/** Multicast requests are answered at once, without the leisure of RFC 7252 §8.2. */
#define COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_DELAYS 16

/** 2.05 responses without payload to multicast requests are not sent. */
#define COAP_RESOURCE_FLAGS_LIB_ENA_MCAST_SUPPRESS_2_05 32

/** 2.xx responses to multicast requests are not sent. */
#define COAP_RESOURCE_FLAGS_LIB_ENA_MCAST_SUPPRESS_2_XX 64

/** 4.xx responses to multicast requests are sent. */
#define COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_SUPPRESS_4_XX 128

/** 5.xx responses to multicast requests are sent. */
#define COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_SUPPRESS_5_XX 256

/** All flags that concern multicast. */
#define COAP_RESOURCE_FLAGS_MCAST_LIST (((((COAP_RESOURCE_FLAGS_HAS_MCAST_SUPPORT | COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_DELAYS) | COAP_RESOURCE_FLAGS_LIB_ENA_MCAST_SUPPRESS_2_05) | COAP_RESOURCE_FLAGS_LIB_ENA_MCAST_SUPPRESS_2_XX) | COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_SUPPRESS_4_XX) | COAP_RESOURCE_FLAGS_LIB_DIS_MCAST_SUPPRESS_5_XX)

/** The handler gets block-wise bodies as a whole, whatever the context says. */
#define COAP_RESOURCE_FLAGS_FORCE_SINGLE_BODY 512

/** Requests must be protected by OSCORE. */
#define COAP_RESOURCE_FLAGS_OSCORE_ONLY 1024

/** The handler for unknown resources also answers `/.well-known/core`. */
#define COAP_RESOURCE_HANDLE_WELLKNOWN_CORE 2048

/**
 * Answers a request for a resource: fills `response`, whose type, message ID and token are set.
 * `query` is the request's query or NULL. All pointers live until the handler returns.
 */
typedef void (*coap_method_handler_t)(coap_resource_t *resource,
                                      coap_session_t *session,
                                      const coap_pdu_t *request,
                                      const coap_string_t *query,
                                      coap_pdu_t *response);

/** Called with the user data of a resource when the resource goes. */
typedef void (*coap_resource_release_userdata_handler_t)(void *user_data);

/** How many bytes were printed, and the bits `COAP_PRINT_STATUS_...`. */
typedef uint32_t coap_print_status_t;

/**
 * Makes a resource for one path, given without a leading slash; NULL and an empty path are the
 * root. Bytes of the path that a URI cannot show are percent-encoded (RFC 3986 §2.1), with upper
 * case digits. `flags` is any of `COAP_RESOURCE_FLAGS_...`; with
 * `COAP_RESOURCE_FLAGS_RELEASE_URI` the library frees `uri_path`, which must have been made by
 * it, together with the resource; otherwise it is copied.
 *
 * Returns the resource, to be given handlers and then to `coap_add_resource`, or NULL if memory
 * runs out.
 *
 * @pre `uri_path` is NULL or a live string.
 */
coap_resource_t *coap_resource_init(coap_str_const_t *uri_path, int flags);

/** The same as `coap_resource_unknown_init2` without flags. */
coap_resource_t *coap_resource_unknown_init(coap_method_handler_t put_handler);

/**
 * Makes the resource that answers requests for paths no other resource has. It handles PUT;
 * `coap_register_request_handler` adds other methods. `flags` is any of the multicast flags and
 * `COAP_RESOURCE_HANDLE_WELLKNOWN_CORE`, with which it also answers `/.well-known/core`.
 *
 * A context has one such resource or one reverse proxy: adding another deletes the one before.
 * It cannot be observed. Returns NULL if memory runs out.
 */
coap_resource_t *coap_resource_unknown_init2(coap_method_handler_t put_handler, int flags);

/**
 * The same as `coap_resource_proxy_uri_init2` without flags.
 *
 * @pre As for `coap_resource_proxy_uri_init2`.
 */
coap_resource_t *coap_resource_proxy_uri_init(coap_method_handler_t handler,
                                              size_t host_name_count,
                                              const char **host_name_list);

/**
 * Makes the resource that answers requests with a Proxy-Uri or Proxy-Scheme option, whatever
 * their method. `host_name_list` has the `host_name_count` names of this server: a request that
 * names one of them is served here like any other. The names are copied. `flags` is any of the
 * multicast flags.
 *
 * A context has one such resource: adding another deletes the one before. Returns NULL if there
 * is no name, or memory runs out.
 *
 * @pre `host_name_list` has `host_name_count` strings, each ended by a zero byte.
 */
coap_resource_t *coap_resource_proxy_uri_init2(coap_method_handler_t handler,
                                               size_t host_name_count,
                                               const char **host_name_list,
                                               int flags);

/**
 * Makes the resource of a reverse proxy: it answers requests for paths no other resource has,
 * `/.well-known/core` included, whatever their method. `flags` is any of the multicast flags.
 *
 * A context has one such resource or one for unknown paths: adding another deletes the one
 * before. Returns NULL if memory runs out.
 */
coap_resource_t *coap_resource_reverse_proxy_init(coap_method_handler_t handler, int flags);

/**
 * Adds a resource to a context, which owns it from then on. A resource with the same path that
 * is there already is deleted first; for one of the special kinds, the one of that kind.
 *
 * @pre `context` is NULL or live; `resource` is NULL or a live resource.
 */
void coap_add_resource(coap_context_t *context, coap_resource_t *resource);

/**
 * Deletes a resource with its attributes; `context` is not looked at. Its user data is released.
 * A handler may delete the resource that it was called for: the memory stays until it returns.
 *
 * Returns 1, or 0 if `resource` is NULL or was deleted before in the same handler.
 *
 * @pre `resource` is NULL or a live resource, and is not used any more.
 */
int coap_delete_resource(coap_context_t *_context, coap_resource_t *resource);

/**
 * The resource of a context with this path, as it was registered, or NULL. Resources without a
 * path of their own are not found.
 *
 * @pre `context` is NULL or live; `uri_path` is NULL or a live string.
 */
coap_resource_t *coap_get_resource_from_uri_path(coap_context_t *context,
                                                 coap_str_const_t *uri_path);

/**
 * Sets what is called with the user data of a resource of this context, unless it is NULL, when
 * the resource is deleted. NULL, as it is at first, calls nothing.
 *
 * @pre `context` is NULL or live.
 */
void coap_resource_release_userdata_handler(coap_context_t *context,
                                            coap_resource_release_userdata_handler_t callback);

/**
 * The path of a resource, which lives as long as the resource; NULL for NULL.
 *
 * @pre `resource` is NULL or a live resource.
 */
coap_str_const_t *coap_resource_get_uri_path(coap_resource_t *resource);

/**
 * Sets how notifications of a resource are sent: `mode` is `COAP_RESOURCE_FLAGS_NOTIFY_NON`,
 * `COAP_RESOURCE_FLAGS_NOTIFY_NON_ALWAYS` or `COAP_RESOURCE_FLAGS_NOTIFY_CON`.
 *
 * @pre `resource` is NULL or a live resource.
 */
void coap_resource_set_mode(coap_resource_t *resource, int mode);

/**
 * Sets a pointer of the application's own to be kept with the resource. The pointer before is
 * forgotten, not released.
 *
 * @pre `resource` is NULL or a live resource.
 */
void coap_resource_set_userdata(coap_resource_t *resource, void *data);

/**
 * The pointer that `coap_resource_set_userdata` set, or NULL.
 *
 * @pre `resource` is NULL or a live resource.
 */
void *coap_resource_get_userdata(coap_resource_t *resource);

/**
 * Sets the handler of a resource for one method, `COAP_REQUEST_GET` to `COAP_REQUEST_IPATCH`.
 * NULL takes it away: such requests are then answered 4.05. Any other method is refused with a
 * warning in the log.
 *
 * @pre `resource` is NULL or a live resource.
 */
void coap_register_request_handler(coap_resource_t *resource,
                                   coap_request_t method,
                                   coap_method_handler_t handler);

/**
 * The same as `coap_register_request_handler`, under its old name.
 *
 * @pre `resource` is NULL or a live resource.
 */
void coap_register_handler(coap_resource_t *resource,
                           coap_request_t method,
                           coap_method_handler_t handler);

/**
 * The old name of `coap_resource_notify_observers()`.
 *
 * @pre `r` is NULL or a live resource.
 */
COAP_DEPRECATED int coap_resource_set_dirty(coap_resource_t *r, const coap_string_t *query);

/**
 * Adds an attribute, which the list of resources shows as `;name=value`, or `;name` if `value` is
 * NULL. A value that is to stand in quotes has them. With `COAP_ATTR_FLAGS_RELEASE_NAME` or
 * `COAP_ATTR_FLAGS_RELEASE_VALUE` the library frees that string, which must have been made by it,
 * together with the resource; otherwise it is copied. A name may be added more than once:
 * the list shows all, a filter sees the last.
 *
 * Returns the attribute, or NULL if there is no resource or name, or memory runs out.
 *
 * @pre `resource` is NULL or a live resource; `name` and `value` are NULL or live strings.
 */
coap_attr_t *coap_add_attr(coap_resource_t *resource,
                           coap_str_const_t *name,
                           coap_str_const_t *value,
                           int flags);

/**
 * The attribute with this name, the one added last if there are several, or NULL.
 *
 * @pre `resource` is NULL or a live resource; `name` is NULL or a live string.
 */
coap_attr_t *coap_find_attr(coap_resource_t *resource, coap_str_const_t *name);

/**
 * The value of an attribute, which lives as long as the resource; NULL if it has none.
 *
 * @pre `attribute` is NULL or an attribute of a live resource.
 */
coap_str_const_t *coap_attr_get_value(coap_attr_t *attribute);

/**
 * Prints a resource as the list of resources shows it: `</path>;name=value`. `*len` is the length
 * of `buf`, and `*offset` how many bytes to leave out. On return `*len` is the length of the
 * whole text, and `*offset` how many bytes were still to be left out at its end.
 *
 * Returns how many bytes are in `buf` (`COAP_PRINT_OUTPUT_LENGTH`), with
 * `COAP_PRINT_STATUS_TRUNC` set when text was left out at the end, or `COAP_PRINT_STATUS_ERROR`
 * when a pointer is NULL.
 *
 * @pre `resource` is NULL or a live resource; `len` and `offset` are NULL or may be written; `buf` has
 * `*len` bytes.
 */
coap_print_status_t coap_print_link(const coap_resource_t *resource,
                                    uint8_t *buf,
                                    size_t *len,
                                    size_t *offset);

/**
 * Prints the list of resources as `/.well-known/core` shows it (RFC 6690), from its byte number
 * `offset` on. `*buflen` is the length of `buf`, and on return the length of the whole list.
 * `query_filter` is NULL or the query of a request, `href=/path` or `name=value`, where a `*` at
 * the end stands for any rest; an empty one selects everything, one without `=` nothing.
 *
 * Returns how many bytes are in `buf` (`COAP_PRINT_OUTPUT_LENGTH`), with
 * `COAP_PRINT_STATUS_TRUNC` set when text was left out at the end, or `COAP_PRINT_STATUS_ERROR`
 * when a pointer is NULL.
 *
 * @pre `context` is NULL or live; `buflen` is NULL or may be written; `buf` has `*buflen` bytes;
 * `query_filter` is NULL or a live string.
 */
coap_print_status_t coap_print_wellknown(coap_context_t *context,
                                         uint8_t *buf,
                                         size_t *buflen,
                                         size_t offset,
                                         const coap_string_t *query_filter);

#ifdef __cplusplus
}
#endif

#endif /* COAP_RESOURCE_H_ */
