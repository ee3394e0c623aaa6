"""Peers over WebSockets that are slow, mute, greedy or mad, on a server that others use at the same time."""

import os
import random
import re
import socket
import struct
import time

import processes

PORT = 8080
UPGRADE = (b"GET /.well-known/coap HTTP/1.1\r\nHost: server\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: coap\r\n"
           b"Sec-WebSocket-Version: 13\r\n\r\n")
GET_HELLO = b"\x01\x01\x61\xb5hello"
HALF_OPEN, MAX_HALF_OPEN = 300, 100
SEED = 6455


def frame(payload, first=0x82, mask=b"\x01\x02\x04\x08"):
    """A client's frame."""
    length = len(payload)
    head = bytes([0x80 | length]) if length < 126 else b"\xfe" + struct.pack("!H", length)
    return bytes([first]) + head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


class Peer:
    """A client as bare as a socket, upgraded unless told otherwise."""

    def __init__(self, address, upgrade=True):
        self.socket = socket.create_connection(address, 10)
        self.buffer = b""
        if upgrade:
            self.socket.sendall(UPGRADE)
            self.take_until(lambda b: b.find(b"\r\n\r\n") + 4 if b"\r\n\r\n" in b else 0)
            self.socket.sendall(frame(b"\x00\xe1"))
            self.take_frame()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def take_until(self, end):
        """What has come up to where `end` says, which is 0 while that is not there."""
        while not (at := end(self.buffer)):
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("closed")
            self.buffer += data
        taken, self.buffer = self.buffer[:at], self.buffer[at:]
        return taken

    def take_frame(self):
        """The next frame of a server, short or of middle length."""
        def end(b):
            head = 2 if len(b) > 1 and b[1] < 126 else 4
            length = b[1] if head == 2 and len(b) > 1 else struct.unpack("!H", b[2:4])[0] if len(b) > 3 else 1 << 20
            return head + length if len(b) >= head + length else 0
        return self.take_until(end)

    def ask(self):
        """Whether a GET is answered."""
        self.socket.sendall(frame(GET_HELLO))
        return self.take_frame()[2:5] == b"\x01\x45\x61"


def is_alive(address):
    """Whether a new peer is served."""
    try:
        with Peer(address) as peer:
            return peer.ask()
    except OSError:
        return False


def half_open(report, start):
    """300 peers begin an upgrade and stop. Those that are there are served, and so is the next; no more than 100 wait,
    as the server has set it."""
    with start("max-handshake", str(MAX_HALF_OPEN)) as server, Peer(server.address) as old:
        files = server.open_files()
        waiting = []
        for _ in range(HALF_OPEN):
            peer = Peer(server.address, upgrade=False)
            peer.socket.sendall(UPGRADE[:60])
            waiting.append(peer)
        report.check("websockets: half-open upgrades do not starve a session", not old.ask() and "no answer")
        report.check("websockets: half-open upgrades do not keep others out", not is_alive(server.address) and "no answer")
        more = server.open_files() - files
        report.check(f"websockets: at most {MAX_HALF_OPEN} wait", more > MAX_HALF_OPEN + 5 and f"{more} descriptors")
        last = waiting[-1]
        last.socket.sendall(UPGRADE[60:])
        answer = last.take_until(lambda b: len(b) > 12 and 12)
        report.check("websockets: the last of them is upgraded when it goes on", answer != b"HTTP/1.1 101" and f"{answer}")
        for peer in waiting:
            peer.socket.close()
        finish(report, server, "half-open upgrades")


def slow_senders(report, start):
    """200 peers send a byte now and then."""
    with start() as server, Peer(server.address) as old:
        peers = [Peer(server.address) for _ in range(200)]
        message = frame(GET_HELLO)
        slowest = 0.0
        for i in range(len(message)):
            for peer in peers:
                peer.socket.sendall(message[i:i + 1])
            begin = time.monotonic()
            if not old.ask():
                slowest = 99.0
            slowest = max(slowest, time.monotonic() - begin)
        answered = sum(peer.take_frame()[2:5] == b"\x01\x45\x61" for peer in peers)
        report.check("websockets: bytes that trickle in become messages", answered != 200 and f"{answered} of 200")
        report.check("websockets: others do not wait for them", slowest > 1 and f"{slowest:.1f} s")
        for peer in peers:
            peer.socket.close()
        finish(report, server, "slow senders")


def announced_sizes(report, start):
    """100 peers announce 8 MiB and send a little of it: memory is taken for what has come."""
    with start() as server:
        is_alive(server.address)
        before = server.resident_kib()
        peers = [Peer(server.address) for _ in range(100)]
        for peer in peers:
            peer.socket.sendall(b"\x82\xff" + struct.pack("!Q", 8 << 20) + b"\0\0\0\0" + bytes(1000))
        alive = is_alive(server.address)
        grown = server.resident_kib() - before
        report.check("websockets: what is announced takes no memory", (not alive or grown > 8192) and f"{grown} KiB")
        for peer in peers:
            peer.socket.close()
        finish(report, server, "announced sizes")


def does_not_read(report, start):
    """A peer that pings, and one that asks for more and more, and neither reads what is answered."""
    for what, message, limit in (("pings", frame(b"x" * 125, 0x89), 64 << 20), ("asks", frame(b"\x01\x01\x61\xb5large"), 16 << 20)):
        with start() as server:
            is_alive(server.address)
            before = server.resident_kib()
            with Peer(server.address) as greedy:
                greedy.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                greedy.socket.settimeout(1)
                many, sent = message * (65536 // len(message)), 0
                try:
                    while sent < limit:
                        sent += greedy.socket.send(many[sent % len(message):])
                except TimeoutError:
                    pass  # the server does not read on
                alive = is_alive(server.address)
                grown = server.resident_kib() - before
                report.check(f"websockets: a peer that {what} and does not read", not alive and "others are not served")
                report.check(f"websockets: a peer that {what} and does not read makes nothing grow",
                             grown > 16384 and f"{grown} KiB for {sent >> 10} KiB")
            finish(report, server, f"a peer that {what} and does not read")


def noise(report, start):
    """Mutations of a conversation, the same ones each time: each ends in silence or in a close, and others are served."""
    chance = random.Random(int(os.environ.get("FUZZ_SEED", SEED)))
    good = [frame(GET_HELLO), frame(b"\x00\xe1"), frame(b"ping", 0x89), frame(b"", 0x8A), frame(b"\x03\xe8", 0x88),
            frame(GET_HELLO[:3], 0x02) + frame(GET_HELLO[3:], 0x80), frame(bytes(300))]
    strange = []
    with start() as server:
        for n in range(400):
            data = bytearray((UPGRADE if n % 4 == 0 else b"") + b"".join(chance.choices(good, k=4)))
            for _ in range(chance.randrange(1, 6)):
                at = chance.randrange(len(data))
                if chance.random() < 0.3:
                    del data[at:at + chance.randrange(1, 4)]
                elif data:
                    data[at % len(data)] = chance.randrange(256)
                if not data:
                    break
            try:
                with Peer(server.address, upgrade=n % 4 != 0) as peer:
                    peer.socket.sendall(data)
                    peer.socket.shutdown(socket.SHUT_WR)
                    peer.socket.settimeout(5)
                    while peer.socket.recv(65536):
                        pass
            except ConnectionError:
                pass  # closed with bytes unread
            except TimeoutError:
                strange.append(f"{n}: not closed after the end: {bytes(data).hex()}")
            if n % 50 == 49 and not is_alive(server.address):
                strange.append(f"{n}: nobody is served")
        report.check("websockets: 400 mutated conversations end", "\n".join(strange))
        finish(report, server, "mutations")


def refusals(report, start):
    """What is no upgrade is refused with a status, and the connection closed."""
    with start() as server:
        for name, request, status in (
            ("another path", UPGRADE.replace(b"/.well-known/coap", b"/"), b"404"),
            ("another method", UPGRADE.replace(b"GET", b"PUT"), b"405"),
            ("no sub-protocol", re.sub(rb"Sec-WebSocket-Protocol.*\r\n", b"", UPGRADE), b"400"),
            ("another version", UPGRADE.replace(b"13", b"8"), b"426"),
            ("a header without end", UPGRADE[:-2] + b"X: " + b"x" * 10000, b"431"),
            ("CoAP over TCP", b"\x50\xe1\x23\x80\x01\x00\x20\r\n\r\n", b"400"),
        ):
            with Peer(server.address, upgrade=False) as peer:
                answer = b""
                try:
                    peer.socket.sendall(request)
                    while data := peer.socket.recv(65536):
                        answer += data
                except ConnectionError:
                    pass  # closed with bytes unread
                found = answer[9:12]
                report.check(f"websockets: refused: {name}", found != status and f"expected {status}, found {answer[:80]}")
        finish(report, server, "refusals")


def finish(report, server, what):
    """It still serves, lets go of all, and ends with 0."""
    report.check(f"websockets: the server lives after {what}", not is_alive(server.address) and "no answer")
    code, _, err = server.stop(30.0)
    report.check(f"websockets: the server ends cleanly after {what}", code != 0 and f"exit {code}\n{err[-2000:]}")


def suite(report, side, program):
    """Each on a server of its own."""
    if side.is_reference:
        report.skip("websockets: hostile peers", "the reference dies of a frame of more than 1,472 bytes")
        return

    def start(*args):
        host = processes.loopback_address()
        return processes.server(side.command(program, host, str(PORT), "scheme", "coap+ws", *args), side.environment(),
                                (host, PORT), protocol="tcp")

    for hostility in (half_open, slow_senders, announced_sizes, does_not_read, noise, refusals):
        hostility(report, start)
