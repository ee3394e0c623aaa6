"""What a server does when there is too much of everything: peers, delayed answers, repetitions.

One socket plays any number of peers: Linux lets a sender choose its source address in 127.0.0.0/8 per datagram (IP_PKTINFO).
"""

import socket
import struct
import time

import processes
import wire

PEERS = 20_000
MAX_IDLE = 100
DELAYED = 10_000
WINDOW = 64
IP_PKTINFO = 8


class Crowd:
    """Many peers behind one socket."""

    def __init__(self, address):
        self.address = address
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.bind(("0.0.0.0", 0))

    def close(self):
        self.socket.close()

    def send(self, data, peer=0):
        """From the peer of that number."""
        source = struct.pack("!4B", 127, 240 + (peer >> 16), peer >> 8 & 255, peer & 255)
        self.socket.sendmsg([data], [(socket.IPPROTO_IP, IP_PKTINFO, struct.pack("=i4s4s", 0, source, source))], 0,
                            self.address)

    def receive(self, within):
        self.socket.settimeout(within)
        try:
            return self.socket.recv(2048)
        except socket.timeout:
            return None


def number_at(address, path):
    """The number that a resource of the server answers with, or -1."""
    with wire.Peer(address) as peer:
        return number_for(peer, path)


def number_for(peer, path):
    """The same, asked by a peer that there is already."""
    for _ in range(5):
        peer.mid = (getattr(peer, "mid", 0x6FFF) + 1) % 0x10000
        peer.send(wire.get(path, peer.mid, b"num"))
        answer = peer.receive_for(peer.mid, 2.0)
        if answer is not None:
            return int(wire.decode(answer).payload or b"-1")
    return -1


def new_peers(server, first, count):
    """One GET from each of `count` peers, a window at a time; how many were answered, and in how many seconds."""
    crowd = Crowd(server.address)
    answered, sent, begin, last = 0, 0, time.monotonic(), time.monotonic()
    while answered < count and time.monotonic() - last < 3.0:
        while sent < count and sent - answered < WINDOW:
            crowd.send(wire.get("/hello", sent & 0xFFFF, b"peer"), first + sent)
            sent += 1
        if crowd.receive(1.0) is not None:
            answered, last = answered + 1, time.monotonic()
        else:
            sent = min(sent, answered + WINDOW - 1)  # a lost datagram: the window moves on
    crowd.close()
    return answered, time.monotonic() - begin


def many_peers(report, start):
    """20,000 peers ask once each; of their sessions the configured number of idle ones stays."""
    with start("max-idle", str(MAX_IDLE)) as server:
        half = PEERS // 2
        files = server.open_files()
        first, first_time = new_peers(server, 0, half)
        memory = server.resident_kib()
        second, second_time = new_peers(server, half, half)
        grown = server.resident_kib() - memory
        answered = first + second
        report.check(f"flood: {PEERS} new peers are answered", answered < PEERS and f"only {answered}")
        # Busy sessions do not count, and the one that asks is new itself.
        sessions = number_at(server.address, "/sessions")
        report.check(f"flood: at most {MAX_IDLE} idle sessions stay",
                     not 0 < sessions <= MAX_IDLE + 2 and f"{sessions} sessions")
        report.check("flood: memory does not grow with peers that have gone", grown > 4096 and f"{grown} KiB more")
        report.check("flood: a session is no file descriptor", server.open_files() != files and "more descriptors")
        report.check("flood: the last peers are served as fast as the first",
                     second_time > 3 * first_time + 0.5 and f"{first_time:.1f} s, then {second_time:.1f} s")
        finish(report, server, "many peers")


def delayed_answers(report, start):
    """10,000 requests wait for a delayed response at once, under as many tokens; each gets its one answer."""
    with start() as server:
        crowd = Crowd(server.address)
        memory = server.resident_kib()
        begin = time.monotonic()
        waiting = set()
        for n in range(DELAYED):
            token = n.to_bytes(4, "big")
            waiting.add(token)
            request = wire.encode(wire.NON, wire.GET, n & 0xFFFF, token, [(11, b"separate"), (15, b"4000")])
            crowd.send(request, n % 50)
            if n % WINDOW == 0:
                number_at(server.address, "/count")  # keeps the socket buffer of the server from overflowing
        sending = time.monotonic() - begin
        grown = server.resident_kib() - memory
        strange, begin = 0, time.monotonic()
        while waiting and (data := crowd.receive(8.0)) is not None:
            message = wire.decode(data)
            if message.token in waiting and message.payload == b"separate":
                waiting.discard(message.token)
            else:
                strange += 1
        crowd.close()
        report.check(f"flood: {DELAYED} delayed responses all come", waiting and f"{len(waiting)} are missing")
        report.check("flood: each delayed response comes once", strange and f"{strange} more")
        report.check("flood: a delayed response costs at most 4 KiB", grown > 4 * DELAYED and f"{grown} KiB")
        report.check("flood: delaying is no walk over all that wait", sending > 20 and f"{sending:.0f} s to ask")
        finish(report, server, "delayed answers")


def one_request_repeated(report, start):
    """A request that is repeated is done once, and a confirmable one answered alike each time (RFC 7252 section 4.5)."""
    with start() as server, wire.Peer(server.address) as peer:
        request = wire.encode(wire.CON, wire.PUT, 0x1234, b"same", [(11, b"count")])
        answers = set()
        for _ in range(1000):
            peer.send(request)
            answers.add(peer.receive_for(0x1234, 3.0))
        report.check("flood: a repeated request has one answer", len(answers) != 1 and f"{answers}")
        done = number_at(server.address, "/count")
        report.check("flood: a repeated request is done once", done != 1 and f"done {done} times")
        request = wire.encode(wire.NON, wire.PUT, 0x1235, b"same", [(11, b"count")])
        for _ in range(100):
            peer.send(request)
        done = number_at(server.address, "/count")
        report.check("flood: a repeated NON request is done once", done != 2 and f"done {done - 1} times")
        finish(report, server, "repetitions")


def abandoned_confirmables(report, start):
    """Peers that never acknowledge their separate response: they are given up, and nothing of them stays."""
    with start("timeout", "1") as server:
        crowd = Crowd(server.address)
        for n in range(500):
            crowd.send(wire.encode(wire.CON, wire.GET, n, n.to_bytes(2, "big"), [(11, b"separate"), (15, b"10")]), n)
            if n % 50 == 0:
                number_at(server.address, "/count")
        acks = separates = 0
        end = time.monotonic() + 8
        reset = set()
        while time.monotonic() < end and len(reset) < 500 and (data := crowd.receive(3.0)) is not None:
            message = wire.decode(data)
            if message.code == wire.EMPTY:
                acks += 1
            elif message.token not in reset:
                separates += 1
                reset.add(message.token)
                n = int.from_bytes(message.token, "big")
                crowd.send(wire.encode(wire.RST, 0, message.mid), n)  # refused: it must not come again
        again = sum(1 for _ in iter(lambda: crowd.receive(0.3), None))
        crowd.close()
        report.check("flood: 500 confirmable requests get an empty ACK each", acks != 500 and f"{acks}")
        report.check("flood: 500 separate responses come", separates != 500 and f"{separates}")
        report.check("flood: a refused response is not repeated", again and f"{again} came again")
        finish(report, server, "refused responses")


def finish(report, server, what):
    """It still answers, and ends with 0."""
    report.check(f"flood: the server lives after {what}", not processes.probe_alive(server.address) and "no answer")
    code, _, err = server.stop(30.0)
    report.check(f"flood: the server ends cleanly after {what}", code != 0 and f"exit {code}\n{err[-2000:]}")


def suite(report, side, program):
    """Every flood, each on a server of its own."""

    def start(*args):
        host = processes.loopback_address()
        return processes.server(side.command(program, host, "5683", *args), side.environment(), (host, 5683))

    for flood in (many_peers, delayed_answers, one_request_repeated, abandoned_confirmables):
        if side.is_reference and flood is one_request_repeated:
            report.skip("flood: repeated requests", "the reference runs the handler each time")
        else:
            flood(report, start)
