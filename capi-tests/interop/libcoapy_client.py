"""A client written with libcoapy: libcoapy_client.py URI. It prints a line for each case: `name | what came of it`."""

import asyncio
import hashlib
import sys

from libcoapy import *

GET, PUT, POST = (getattr(coap_pdu_code_t, f"COAP_REQUEST_CODE_{name}") for name in ("GET", "PUT", "POST"))
LARGE = bytes(n * 7 % 251 for n in range(20_000))


def shown(pdu):
    payload = bytes(pdu.payload or b"")
    text = payload.decode(errors="backslashreplace") if len(payload) < 40 else hashlib.sha256(payload).hexdigest()[:16]
    return f"{pdu.code.name.removeprefix('COAP_RESPONSE_CODE_')} {len(payload)} {text}"


async def main(session):
    async def ask(name, **what):
        try:
            answer = await asyncio.wait_for(session.query(**what), 10)
            print(f"{name} | {shown(answer)}", flush=True)
        except (OSError, TimeoutError, asyncio.TimeoutError) as error:
            print(f"{name} | {type(error).__name__}", flush=True)

    await ask("GET", path="body")
    await ask("PUT", path="body", code=PUT, payload=b"small")
    await ask("GET of what was put", path="body")
    await ask("POST of 20,000 bytes", path="echo", code=POST, payload=LARGE)
    await ask("GET with 20,000 bytes", path="echo", payload=LARGE)
    await ask("PUT of 20,000 bytes", path="body", code=PUT, payload=LARGE)
    await ask("GET of 20,000 bytes", path="body")
    await ask("unknown path", path="nowhere")
    await ask("method that is not allowed", path="echo", code=PUT, payload=b"x")
    await ask("discovery", path=".well-known/core")
    observer = await session.query(path="body", observe=True)
    for number, change in enumerate((b"one", LARGE[:5000], b"three", None)):
        told = await asyncio.wait_for(anext(observer), 10)
        print(f"observe, {number} | {shown(told)}", flush=True)
        if change is not None:
            await ask(f"change {number}", path="body", code=PUT, payload=change)
    observer.stop()
    await ask("GET at the end", path="body")


context = CoapContext()
loop = asyncio.new_event_loop()
context.setEventLoop(loop)
loop.run_until_complete(main(context.newSession(sys.argv[1])))
