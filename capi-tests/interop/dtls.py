"""Just enough of DTLS 1.2 (RFC 6347) to say what was recorded again, with another cookie, in other pieces, or spoiled."""

import dataclasses
import socket
import threading

import processes
from openssl_tools import Tool

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE = 20, 21, 22
HELLO_VERIFY_REQUEST = 3
RECORD_HEADER, MESSAGE_HEADER = 13, 12
FAILURE = bytes([2, 40])


def record(kind, sequence, body, epoch=0):
    """A record that nothing protects."""
    return bytes([kind]) + b"\xfe\xfd" + epoch.to_bytes(2, "big") + sequence.to_bytes(6, "big") + len(body).to_bytes(2, "big") + body


def records(datagram):
    """(kind, epoch, body) of each record."""
    while len(datagram) >= RECORD_HEADER:
        end = RECORD_HEADER + int.from_bytes(datagram[11:13], "big")
        yield datagram[0], int.from_bytes(datagram[3:5], "big"), datagram[RECORD_HEADER:end]
        datagram = datagram[end:]


def fragment(message, begin, end):
    """A part of a handshake message, which is whole itself."""
    body = message[MESSAGE_HEADER:]
    return message[:6] + begin.to_bytes(3, "big") + (end - begin).to_bytes(3, "big") + body[begin:end]


def in_pieces(message, rng):
    """Parts of a handshake message that make the whole, in any order, some of them twice or overlapping."""
    length = len(message) - MESSAGE_HEADER
    bounds = sorted({0, length, *(rng.randrange(length + 1) for _ in range(rng.randrange(4)))})
    pieces = [fragment(message, max(0, begin - rng.randrange(3)), end) for begin, end in zip(bounds, bounds[1:])] or [message]
    pieces += [rng.choice(pieces) for _ in range(rng.randrange(2))]
    rng.shuffle(pieces)
    return pieces


def cookie_of(datagram):
    """The cookie that a server asks for, or None."""
    for kind, _, body in records(datagram or b""):
        if kind == HANDSHAKE and body[:1] == bytes([HELLO_VERIFY_REQUEST]) and len(body) > MESSAGE_HEADER + 3:
            return body[MESSAGE_HEADER + 3:MESSAGE_HEADER + 3 + body[MESSAGE_HEADER + 2]]
    return None


def with_cookie(hello, cookie):
    """The second ClientHello that belongs to the first one."""
    body = hello[RECORD_HEADER + MESSAGE_HEADER:]
    at = 34 + 1 + body[34]
    body = body[:at] + bytes([len(cookie)]) + cookie + body[at + 1:]
    length = len(body).to_bytes(3, "big")
    return record(HANDSHAKE, 1, b"\x01" + length + b"\0\x01" + bytes(3) + length + body)


@dataclasses.dataclass
class Conversation:
    """What two honest ends said, datagram by datagram."""

    by_client: list
    by_server: list

    @property
    def hello(self):
        """The first one, without a cookie."""
        return self.by_client[0]

    @property
    def finish(self):
        """What the client says after its second hello."""
        return self.by_client[2:]

    @property
    def answer(self):
        """What the server says to the second hello."""
        return self.by_server[1:]


def recorded(address, options, request, answer):
    """A conversation of OpenSSL's client with a server, from the handshake to the closing."""
    host = processes.loopback_address()
    said = Conversation([], [])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as front, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as back:
        front.bind((host, address[1]))
        back.connect(address)
        client = []

        def forth():
            while True:
                data, client[:] = front.recvfrom(65535)
                if not data:
                    return
                said.by_client.append(data)
                back.send(data)

        def back_again():
            while data := back.recv(65535):
                said.by_server.append(data)
                front.sendto(data, tuple(client))

        threads = [threading.Thread(target=way, daemon=True) for way in (forth, back_again)]
        for thread in threads:
            thread.start()
        with Tool(["openssl", "s_client", "-dtls1_2", "-quiet", "-connect", f"{host}:{address[1]}", *options.split()]) as tool:
            tool.say(request)
            if not tool.prints(answer):
                raise RuntimeError(f"nothing to record: {tool.printed}")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", (host, address[1]))
        threads[0].join()
        back.shutdown(socket.SHUT_RD)
        threads[1].join(1)
    return said
