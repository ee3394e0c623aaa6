"""Just enough CoAP (RFC 7252 section 3) to build a datagram by hand and to read an answer.

Nothing here knows the library under test: a probe that shared its code would share its mistakes.
"""

import dataclasses
import socket
import time

CON, NON, ACK, RST = range(4)
TYPE_NAMES = ("CON", "NON", "ACK", "RST")

EMPTY = 0x00
GET, POST, PUT, DELETE = 0x01, 0x02, 0x03, 0x04

URI_PATH = 11
PAYLOAD_MARKER = 0xFF


def code_name(code):
    """0x84 as 4.04."""
    return f"{code >> 5}.{code & 0x1F:02}"


def _nibble(value):
    """An option delta or length as its nibble and its extended bytes (RFC 7252 section 3.1)."""
    if value < 13:
        return value, b""
    if value < 269:
        return 13, bytes([value - 13])
    return 14, (value - 269).to_bytes(2, "big")


def encode(kind, code, mid, token=b"", options=(), payload=b""):
    """A message; `options` holds (number, value) pairs in rising order."""
    out = bytearray([0x40 | kind << 4 | len(token), code]) + mid.to_bytes(2, "big") + token
    last = 0
    for number, value in options:
        delta, delta_bytes = _nibble(number - last)
        length, length_bytes = _nibble(len(value))
        out += bytes([delta << 4 | length]) + delta_bytes + length_bytes + value
        last = number
    if payload:
        out += bytes([PAYLOAD_MARKER]) + payload
    return bytes(out)


def get(path, mid, token=b"", kind=CON):
    """A GET of an absolute path."""
    segments = [(URI_PATH, s.encode()) for s in path.split("/") if s]
    return encode(kind, GET, mid, token, segments)


@dataclasses.dataclass
class Message:
    """The parts of a received datagram that the tests look at."""

    kind: int
    code: int
    mid: int
    token: bytes
    options: list
    payload: bytes

    def __str__(self):
        return f"{TYPE_NAMES[self.kind]} {code_name(self.code)} mid {self.mid:04x} token {self.token.hex()}"


def decode(data):
    """The message in `data`; ValueError where it is none."""
    if len(data) < 4 or data[0] >> 6 != 1 or data[0] & 15 > 8:
        raise ValueError(f"not a CoAP message: {data.hex()}")
    token_end = 4 + (data[0] & 15)
    at, number, options, payload = token_end, 0, [], b""
    while at < len(data):
        if data[at] == PAYLOAD_MARKER:
            payload = data[at + 1:]
            break
        fields, at = [data[at] >> 4, data[at] & 15], at + 1
        for i, nibble in enumerate(fields):
            if nibble == 13:
                fields[i], at = data[at] + 13, at + 1
            elif nibble == 14:
                fields[i], at = int.from_bytes(data[at:at + 2], "big") + 269, at + 2
        number += fields[0]
        options.append((number, data[at:at + fields[1]]))
        at += fields[1]
    return Message(data[0] >> 4 & 3, data[1], int.from_bytes(data[2:4], "big"), data[4:token_end], options, payload)


class Peer:
    """A UDP socket that speaks to one address and waits with a deadline, never by sleeping."""

    def __init__(self, address, source=None):
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        if source:
            self.socket.bind(source)
        self.socket.connect(address)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        # An ICMP error of an earlier datagram is reported by the next call: it is no failure of this one.
        try:
            self.socket.send(data)
        except ConnectionRefusedError:
            self.socket.send(data)

    def receive(self, within):
        """The next datagram, or None after `within` seconds or when nobody listens."""
        self.socket.settimeout(max(within, 0.0001))
        try:
            return self.socket.recv(65535)
        except (socket.timeout, ConnectionRefusedError):
            return None

    def receive_for(self, mid, within):
        """The answer that carries `mid`; whatever else arrives meanwhile is dropped."""
        end = time.monotonic() + within
        while (left := end - time.monotonic()) > 0:
            data = self.receive(left)
            if data is not None and len(data) >= 4 and int.from_bytes(data[2:4], "big") == mid:
                return data
            if data is None and time.monotonic() < end:
                time.sleep(0.005)  # nobody listens yet: the refusal came at once
        return None

    def is_alive(self, mid, within=5.0):
        """CoAP ping (RFC 7252 section 4.3): an empty CON draws a RST. Repeated, since a server may limit its rate."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            self.send(encode(CON, EMPTY, mid))
            answer = self.receive_for(mid, min(0.4, within))
            if answer is not None:
                return answer == encode(RST, EMPTY, mid)
        return False
