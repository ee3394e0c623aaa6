"""aiocoap as the client. Run by the virtual environment's Python with a URI and what to do, `small` messages or `bodies`,
and the URI of a proxy if there is one; prints a line per step."""

import asyncio
import sys
import warnings

import aiocoap
import aiocoap.proxy.client

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


BODY = bytes((i ^ i >> 8) & 255 for i in range(102_400))


async def put(context, uri, body, tuning=CON, **options):
    return await exchange(context, uri, aiocoap.PUT, body, tuning, **options)


async def exchange(context, uri, code, body=b"", tuning=CON, **options):
    message = aiocoap.Message(code=code, uri=uri + "/body", payload=body, transport_tuning=tuning(), **options)
    return await asyncio.wait_for(context.request(message).response, 20)


def compare(response, body):
    return f"{response.code.dotted} {'equal' if response.payload == body else f'{len(response.payload)} other bytes'}"


async def up_and_down(context, uri, body, tuning=CON, size=None):
    """PUT, and GET of what was put; with `size` in blocks of 16 << size."""
    up, down = ({"block1": (0, False, size)}, {"block2": (0, False, size)}) if size is not None else ({}, {})
    stored = await put(context, uri, body, tuning, **up)
    return f"{stored.code.dotted} {compare(await exchange(context, uri, aiocoap.GET, b'', tuning, **down), body)}"


async def observe_bodies(context, uri, end):
    """What is told of bodies of all sizes, and of changes after the end."""
    told = asyncio.Queue()
    await put(context, uri, BODY[:10])
    request = context.request(aiocoap.Message(code=aiocoap.GET, uri=uri + "/body", observe=0))
    request.observation.register_callback(told.put_nowait)
    seen = [compare(await asyncio.wait_for(request.response, 15), BODY[:10])]
    for size in (3000, 20, 1024, 1025, 102_400):
        await put(context, uri, BODY[-size:])
        seen.append(compare(await asyncio.wait_for(told.get(), 15), BODY[-size:]))
    if end == "GET":
        seen.append((await exchange(context, uri, aiocoap.GET, observe=1)).code.dotted)
    else:
        request.observation.cancel()
        await put(context, uri, b"is rejected")
    await put(context, uri, b"nobody is told")
    await put(context, uri, b"nobody is told of this either")
    return f"{len(seen)} times {sorted(set(seen))}, then {told.qsize()}"


async def bodies(context, uri):
    for size in (0, 1, 15, 16, 17, 1023, 1024, 1025, 2047, 2048, 2049, 102_400):
        print(f"{size} bytes | {await up_and_down(context, uri, BODY[:size])}", flush=True)
    for size in (1025, 102_400):
        print(f"NON {size} bytes | {await up_and_down(context, uri, BODY[:size], NON)}", flush=True)
    for size in range(7):
        block = 16 << size
        for length in (3 * block - 1, 3 * block, 3 * block + 1):
            found = await up_and_down(context, uri, BODY[:length], CON, size)
            print(f"{length} bytes in blocks of {block} | {found}", flush=True)
    for size in (1024, 1025, 5000):
        print(f"POST of {size} bytes | {compare(await exchange(context, uri, aiocoap.POST, BODY[:size]), BODY[:size])}")
    await put(context, uri, BODY)
    four = await asyncio.gather(*(exchange(context, uri, aiocoap.GET) for _ in range(4)))
    print(f"four at the same time | {sorted({compare(r, BODY) for r in four})}", flush=True)
    for end in ("GET", "RST"):
        print(f"observe, ended by {end} | {await observe_bodies(context, uri, end)}", flush=True)


async def small(context, uri):
    for name, *rest in STEPS:
        print(f"{name} | {await step(context, uri, *rest)}", flush=True)
    print(f"observe | {await observe(context, uri)}", flush=True)
    # Sixteen at once on one socket, and requests on several sockets: tokens must find their way back.
    paths = ["/separate?200", "/hello", "/large", "/nowhere"] * 4
    got = await asyncio.gather(*(step(context, uri, "GET", path, b"", NON) for path in paths))
    print(f"sixteen outstanding | {sorted({g.split()[0] for g in got})} of {len(got)}", flush=True)


async def main(uri, what, proxy=None):
    warnings.simplefilter("ignore", DeprecationWarning)  # block sizes as options of the request
    transport = {"coap": "udp6", "coaps": "tinydtls", "coap+tcp": "tcpclient", "coap+ws": "ws"}[uri.partition(":")[0]]
    context = await aiocoap.Context.create_client_context(transports=[transport])
    if transport == "tinydtls":
        key = {"psk": {"ascii": "secret"}, "client-identity": {"ascii": "me"}}
        context.client_credentials.load_from_dict({f"{uri}/*": {"dtls": key}})
    requester = aiocoap.proxy.client.ProxyForwarder(proxy, context) if proxy else context
    await {"small": small, "bodies": bodies}[what](requester, uri)
    await context.shutdown()


asyncio.run(main(*sys.argv[1:]))
