"""aiocoap as the client. Run by the virtual environment's Python with a URI; prints a line per step."""

import asyncio
import sys

import aiocoap

CON, NON = aiocoap.Reliable, aiocoap.Unreliable

STEPS = [
    ("GET /hello", "GET", "/hello", b"", CON),
    ("PUT /hello", "PUT", "/hello", b"from aiocoap", CON),
    ("GET what was put", "GET", "/hello", b"", CON),
    ("NON GET", "GET", "/hello", b"", NON),
    ("NON PUT", "PUT", "/hello", b"non", NON),
    ("GET what NON put", "GET", "/hello", b"", CON),
    ("POST /echo", "POST", "/echo", bytes(range(200)), CON),
    ("separate response", "GET", "/separate", b"", CON),
    ("separate response to NON", "GET", "/separate", b"", NON),
    ("large", "GET", "/large", b"", CON),
    ("unknown path", "GET", "/nowhere", b"", CON),
    ("method not allowed", "POST", "/hello", b"", CON),
    ("DELETE", "DELETE", "/hello", b"", CON),
    ("GET after DELETE", "GET", "/hello", b"", CON),
    ("discovery", "GET", "/.well-known/core", b"", CON),
    ("discovery of one", "GET", "/.well-known/core?href=/echo", b"", CON),
]


def describe(response):
    payload = response.payload
    text = repr(payload) if len(payload) <= 64 else f"{len(payload)} bytes, {payload[:4]!r} to {payload[-4:]!r}"
    found = response.opt.content_format
    return f"{response.code.dotted} {'-' if found is None else int(found)} {text}"


async def step(context, uri, method, path, payload, tuning):
    message = aiocoap.Message(code=getattr(aiocoap, method), uri=uri + path, payload=payload, transport_tuning=tuning())
    try:
        return describe(await asyncio.wait_for(context.request(message).response, 15))
    except (aiocoap.error.Error, asyncio.TimeoutError) as error:
        return type(error).__name__


async def main(uri):
    context = await aiocoap.Context.create_client_context(transports=["udp6"])
    for name, *rest in STEPS:
        print(f"{name} | {await step(context, uri, *rest)}", flush=True)
    # Sixteen at once on one socket, and requests on several sockets: tokens must find their way back.
    paths = ["/separate?200", "/hello", "/large", "/nowhere"] * 4
    got = await asyncio.gather(*(step(context, uri, "GET", path, b"", NON) for path in paths))
    print(f"sixteen outstanding | {sorted({g.split()[0] for g in got})} of {len(got)}", flush=True)
    await context.shutdown()


asyncio.run(main(sys.argv[1]))
