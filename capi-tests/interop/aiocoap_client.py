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


async def observe(context, uri):
    """What is told of three changes, one at a time, and of one after the observation has ended."""
    told = asyncio.Queue()
    request = context.request(aiocoap.Message(code=aiocoap.GET, uri=uri + "/count", observe=0))
    request.observation.register_callback(told.put_nowait)
    seen = [(await asyncio.wait_for(request.response, 15)).payload]

    async def change():
        await context.request(aiocoap.Message(code=aiocoap.PUT, uri=uri + "/count")).response

    try:
        for _ in range(3):
            await change()
            seen.append((await asyncio.wait_for(told.get(), 15)).payload)
        request.observation.cancel()
        # The next notification is rejected; the one after that must not come.
        await change()
        await change()
    except asyncio.TimeoutError:
        seen.append("nothing")
    return f"{b' '.join(seen)!r}, then {told.qsize()}" if "nothing" not in seen else repr(seen)


async def main(uri):
    context = await aiocoap.Context.create_client_context(transports=["udp6"])
    for name, *rest in STEPS:
        print(f"{name} | {await step(context, uri, *rest)}", flush=True)
    print(f"observe | {await observe(context, uri)}", flush=True)
    # Sixteen at once on one socket, and requests on several sockets: tokens must find their way back.
    paths = ["/separate?200", "/hello", "/large", "/nowhere"] * 4
    got = await asyncio.gather(*(step(context, uri, "GET", path, b"", NON) for path in paths))
    print(f"sixteen outstanding | {sorted({g.split()[0] for g in got})} of {len(got)}", flush=True)
    await context.shutdown()


asyncio.run(main(sys.argv[1]))
