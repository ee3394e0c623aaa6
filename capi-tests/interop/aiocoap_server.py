"""aiocoap as the server. Run by the virtual environment's Python with an address, a port and a scheme; ends at SIGINT."""

import asyncio
import signal
import sys

import aiocoap
import aiocoap.credentials
from aiocoap import resource


class Hello(resource.Resource):
    """Stored text."""

    text = b"hello from aiocoap"

    async def render_get(self, _request):
        return aiocoap.Message(payload=self.text, content_format=0)

    async def render_put(self, request):
        self.text = request.payload
        return aiocoap.Message(code=aiocoap.CHANGED)

    async def render_delete(self, _request):
        self.text = b""
        return aiocoap.Message(code=aiocoap.DELETED)


class Slow(resource.Resource):
    """Takes longer than the 100 ms after which aiocoap sends an empty ACK."""

    async def render_get(self, _request):
        await asyncio.sleep(0.35)
        return aiocoap.Message(payload=b"slow")


class Echo(resource.Resource):
    async def render_post(self, request):
        return aiocoap.Message(code=aiocoap.CHANGED, payload=request.payload)


class Large(resource.Resource):
    async def render_get(self, _request):
        return aiocoap.Message(payload=bytes(ord("a") + i % 26 for i in range(1000)))


class Body(resource.ObservableResource):
    """Stored bytes of any size, of which observers are told. POST answers what comes."""

    body = b""

    async def render_get(self, _request):
        return aiocoap.Message(payload=self.body)

    async def render_put(self, request):
        self.body = request.payload
        self.updated_state()
        return aiocoap.Message(code=aiocoap.CHANGED)

    async def render_post(self, request):
        return aiocoap.Message(code=aiocoap.CHANGED, payload=request.payload)


async def main(address, port, scheme):
    site = resource.Site()
    for path, found in (("hello", Hello()), ("slow", Slow()), ("echo", Echo()), ("large", Large()), ("body", Body())):
        site.add_resource([path], found)
    transport = {"coap": "udp6", "coaps": "tinydtls_server", "coap+tcp": "tcpserver", "coap+ws": "ws"}[scheme]
    if scheme == "coap+ws":
        port -= 3000  # aiocoap adds that to the port it is told
    if scheme == "coaps":
        port -= 1  # the same
    keys = aiocoap.credentials.CredentialsMap()
    keys.load_from_dict({":me": {"dtls": {"psk": {"ascii": "secret"}, "client-identity": {"ascii": "me"}}}})
    context = await aiocoap.Context.create_server_context(site, bind=(address, port), transports=[transport], server_credentials=keys)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    await stop.wait()
    await context.shutdown()


asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
