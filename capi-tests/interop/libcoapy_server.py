"""A server written with libcoapy: libcoapy_server.py URI"""

import asyncio
import sys

from libcoapy import *

store = {"body": b"nothing yet"}
ctx = CoapContext()


def get(resource, session, request, query, response):
    response.payload = store["body"]


def put(resource, session, request, query, response):
    store["body"] = bytes(request.payload)
    response.code = coap_pdu_code_t.COAP_RESPONSE_CODE_CHANGED
    # The answer to the change goes first.
    loop.call_later(0.05, changed)


def echo(resource, session, request, query, response):
    response.payload = request.payload


def changed():
    try:
        coap_resource_notify_observers(body.lcoap_rs, None)
    except OSError:
        pass  # nobody observes


ctx.addEndpoint(sys.argv[1])
body = CoapResource(ctx, "body")
body.addHandler(get)
body.addHandler(put, coap_request_t.COAP_REQUEST_PUT)
ctx.addResource(body)
echoing = CoapResource(ctx, "echo", observable=False)
for method in (coap_request_t.COAP_REQUEST_GET, coap_request_t.COAP_REQUEST_POST):
    echoing.addHandler(echo, method)
ctx.addResource(echoing)
loop = asyncio.new_event_loop()
ctx.setEventLoop(loop)
loop.run_forever()
