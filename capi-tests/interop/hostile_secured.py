"""Peers of endpoints with security that are no honest ones: before the handshake, in it, and behind it."""

import array
import concurrent.futures
import fcntl
import random
import re
import shutil
import socket
import struct
import termios
import time

import corpus
import dtls
import flood
import hostile
import hostile_server
import processes
import programs
import wire
from openssl_tools import Tool

SEED = 6347
SPOILED, SPOILED_UNDER_MEMCHECK = 5000, 200
SPOOFED, WITH_COOKIES = 10_000, 2_000
MAX_HANDSHAKES = 100
CONNECTIONS = 300
CLIENTS, CLIENTS_UNDER_MEMCHECK = 120, 12
# For TLS 1.3 a suite that a key may be used with.
KEY = "-psk 736563726574 -psk_identity me -cipher ECDHE-PSK-CHACHA20-POLY1305:PSK-AES128-CCM -ciphersuites TLS_AES_128_GCM_SHA256"
LARGE = re.compile(rb"\xffabcdefgh", re.S)
GET_LARGE = wire.get("/large", 0x4444, b"him")
# Longer ones do not fit into what OpenSSL's client reads at once.
LONGEST = 8000


def certificate(directory):
    return f"-CAfile {directory}/ca.pem -cert {directory}/client.pem -key {directory}/client.key"


def secured(server):
    """The address of its endpoint with security."""
    return server.address[0], server.address[1] + 1


def is_served(address, over="-dtls1_2", request=GET_LARGE, within=10.0):
    """Whether an honest client gets in and is answered."""
    with Tool(["openssl", "s_client", "-quiet", *over.split(), "-connect", f"{address[0]}:{address[1]}", *KEY.split()]) as tool:
        tool.say(request)
        return tool.prints(LARGE.pattern, within) is not None


def from_strangers(server):
    """The corpus to an endpoint that has heard nothing of the sender: what is no ClientHello is not answered."""
    for entry in corpus.read():
        with wire.Peer(secured(server)) as peer:
            peer.send(entry.data)
            if flood.number_for(server.plain, "/sessions") < 0:
                return f"the server no longer answers after {entry.name}"
            if (answer := peer.receive(0.001)) is not None:
                return f"{entry.name}: answered by {answer.hex()}"
    return None


class Inside:
    """OpenSSL's client, with a session that stands; what it is told goes out as one record each."""

    def __init__(self, address, patience):
        self.patience = patience
        self.tool = Tool(["openssl", "s_client", "-quiet", "-dtls1_2", "-connect", f"{address[0]}:{address[1]}", *KEY.split()],
                         errors=False)
        self.read = 0

    def ask(self, data):
        """What comes before the answer to a GET behind `data`; None when that does not come."""
        marker = 0x7FFE if data[2:4] != b"\x7f\xfe" else 0x7FFD
        self.tool.say(data)
        waiting, end = array.array("i", [1]), time.monotonic() + 10 * self.patience
        while waiting[0] and time.monotonic() < end:
            fcntl.ioctl(self.tool.pipe(), termios.FIONREAD, waiting)
        self.tool.say(wire.get("/sessions", marker, b"mark"))
        found = self.tool.prints(rb"(?s).{%d}(.*)\x64\x45" % self.read + re.escape(marker.to_bytes(2, "big")) + rb"mark\xc0\xff\d+",
                                 10 * self.patience)
        if not found:
            return None
        self.read = len(self.tool.printed)
        return found[1]


def inside(server, setting):
    """The corpus as it is expected, in a session that stands."""
    faults = []
    session = Inside(secured(server), setting.patience)
    with session.tool:
        for entry in corpus.read():
            if not 0 < len(entry.data) <= LONGEST:
                continue
            answer = session.ask(entry.data)
            if answer is None:
                return f"no answer after {entry.name}: {session.tool.printed[session.read:].hex()}"
            found, problem = corpus.kind_of_answer(entry.data, answer or None)
            if "any" not in entry.allowed and found not in entry.allowed:
                faults.append(f"{entry.name}: expected {'/'.join(sorted(entry.allowed))}, found {found}")
            if problem and "any" not in entry.allowed:
                faults.append(f"{entry.name}: {problem}")
    return "\n".join(faults)


def spoil(peer, said, stage, rng, patience):
    """One handshake that is spoiled at one of its stages; what is wrong with the answers."""
    if stage == 0:
        peer.send(bytes(corpus.mangled(said.hello, rng)))
        return None
    peer.send(said.hello)
    answer = peer.receive(patience)
    cookie = dtls.cookie_of(answer)
    if cookie is None:
        return f"no cookie, but {answer and answer.hex()}"
    hello = dtls.with_cookie(said.hello, cookie)
    if stage == 1:
        peer.send(bytes(corpus.mangled(hello, rng)))
        return None
    peer.send(hello)
    if peer.receive(patience) is None:
        return "no ServerHello"
    if stage == 2:
        for datagram in said.finish:
            peer.send(bytes(corpus.mangled(datagram, rng)) if rng.random() < 0.7 else datagram)
        return None
    sequence = 2
    for datagram in said.finish:
        for kind, epoch, body in dtls.records(datagram):
            whole = kind == dtls.HANDSHAKE and epoch == 0
            for piece in dtls.in_pieces(body, rng) if whole else [body]:
                piece = bytes(corpus.mangled(piece, rng)) if rng.random() < 0.2 else piece
                peer.send(dtls.record(kind, sequence, piece, epoch))
                sequence += 1
    return None


def spoiled_handshakes(server, said, count, patience):
    """Many of them, each from a socket of its own; the first problem."""
    rng = random.Random(SEED)
    for n in range(count):
        conversation, stage = said[n % len(said)], n // len(said) % 4
        # From an address of its own: a port that comes again would belong to the handshake before.
        with wire.Peer(secured(server), (f"127.{230 + (n >> 16)}.{n >> 8 & 255}.{n & 255}", 0)) as peer:
            problem = spoil(peer, conversation, stage, rng, 10 * patience)
        if problem:
            return f"handshake {n} of seed {SEED}: {problem}; exit {server.process.poll()}"
        if n % 50 == 49 and flood.number_for(server.plain, "/sessions") < 0:
            return f"the server no longer answers after handshake {n} of seed {SEED}; exit {server.process.poll()}"
    return None


def live(report, side, program, certificates, setting):
    """Corpus and handshakes against one server."""
    label = f"hostile secured {setting.name}"
    host = processes.loopback_address()
    argv = side.command(program, host, "5683", "key", "secret", "certificates", str(certificates), "secured", "coaps",
                        "max-handshake", str(MAX_HANDSHAKES))
    if setting.memcheck:
        argv = ["valgrind", *hostile.MEMCHECK, *argv]
    with processes.server(argv, side.environment(), (host, 5683), 30.0) as server, wire.Peer(server.address) as server.plain:
        if not server.came_up:
            report.fail(label, f"the server did not come up: {server.stderr()[-2000:]}")
            return
        report.check(f"{label}: an honest client is served", not is_served(secured(server), within=60) and "no answer")
        said = [dtls.recorded(secured(server), options, GET_LARGE, LARGE.pattern) for options in (KEY, certificate(certificates))]
        files, memory = server.open_files(), server.resident_kib()
        report.check(f"{label}: the corpus, from strangers", from_strangers(server))
        report.check(f"{label}: the corpus, in a session", inside(server, setting))
        count = SPOILED_UNDER_MEMCHECK if setting.memcheck else SPOILED
        report.check(f"{label}: {count} spoiled handshakes of seed {SEED}", spoiled_handshakes(server, said, count, setting.patience))
        if server.is_running():
            sessions = flood.number_for(server.plain, "/sessions")
            report.check(f"{label}: half-open handshakes are few", sessions > MAX_HANDSHAKES + 20 and f"{sessions} sessions")
            grown = server.resident_kib() - memory
            if not setting.memcheck:
                report.check(f"{label}: memory stays bounded", grown > 16 * 1024 and f"{grown} KiB more")
            report.check(f"{label}: no file descriptor is left", server.open_files() != files and "more descriptors")
            report.check(f"{label}: an honest client is served at the end", not is_served(secured(server), within=60) and "no answer")
        code, _, err = server.stop(60.0)
        report.check(f"{label}: the server ends cleanly", code != 0 and f"exit {code}\n{err[-3000:]}")


class Crowd(flood.Crowd):
    """Which also knows to whom of it an answer came."""

    def __init__(self, address):
        super().__init__(address)
        self.socket.setsockopt(socket.IPPROTO_IP, flood.IP_PKTINFO, 1)

    def receive_with_peer(self, within):
        """(datagram, number of the peer), or None."""
        self.socket.settimeout(within)
        try:
            data, about, _, _ = self.socket.recvmsg(2048, 64)
        except TimeoutError:
            return None
        destination = struct.unpack("=i4s4s", about[0][2])[2]
        return data, (destination[1] - 240) << 16 | destination[2] << 8 | destination[3]


def spoofed_hellos(report, start, said):
    """10,000 hellos of as many addresses, none of which is there."""
    with start() as server, wire.Peer(server.address) as server.plain:
        is_served(secured(server))
        crowd = Crowd(secured(server))
        before, memory = flood.number_for(server.plain, "/sessions"), server.resident_kib()
        served = []
        for n in range(SPOOFED):
            crowd.send(said.hello, n)
            if n % 64 == 63:
                flood.number_for(server.plain, "/count")  # keeps the socket buffer of the server from overflowing
            if n % (SPOOFED // 4) == SPOOFED // 5:
                served.append(is_served(secured(server)))
        crowd.close()
        sessions = flood.number_for(server.plain, "/sessions")
        grown = server.resident_kib() - memory
        report.check(f"flood secured: honest clients are served during {SPOOFED} hellos", not all(served) and f"{served}")
        report.check("flood secured: hellos make no session", sessions > before + 8 and f"{sessions} sessions, {before} before")
        report.check("flood secured: hellos take no memory", grown > 2048 and f"{grown} KiB more")
        flood.finish(report, server, "hellos")


def abandoned_handshakes(report, start, said):
    """2,000 peers show the cookie that they were sent, and say no more."""
    with start("max-handshake", str(MAX_HANDSHAKES)) as server, wire.Peer(server.address) as server.plain:
        is_served(secured(server))
        memory = server.resident_kib()
        crowd = Crowd(secured(server))
        asked = answered = 0
        served = []
        while asked < WITH_COOKIES:
            for _ in range(20):
                crowd.send(said.hello, asked)
                asked += 1
            while got := crowd.receive_with_peer(0.05):
                if cookie := dtls.cookie_of(got[0]):
                    crowd.send(dtls.with_cookie(said.hello, cookie), got[1])
                    answered += 1
            if asked % (WITH_COOKIES // 4) == 0:
                served.append(is_served(secured(server)))
        sessions = flood.number_for(server.plain, "/sessions")
        grown = server.resident_kib() - memory
        crowd.close()
        report.check("flood secured: a hello is answered by a cookie", answered < WITH_COOKIES * 0.9 and f"{answered} of {asked}")
        report.check(f"flood secured: honest clients are served among {WITH_COOKIES} abandoned handshakes", not all(served) and f"{served}")
        report.check(f"flood secured: at most {MAX_HANDSHAKES} handshakes wait", sessions > MAX_HANDSHAKES + 20 and f"{sessions} sessions")
        report.check("flood secured: abandoned handshakes take no memory", grown > 16 * 1024 and f"{grown} KiB more")
        flood.finish(report, server, "abandoned handshakes")


def recorded_stream(address, over, request):
    """What OpenSSL's client says over a stream, all of it."""
    host = processes.loopback_address()
    said = bytearray()
    with socket.create_server((host, address[1])) as door:
        with Tool(["openssl", "s_client", "-quiet", *over.split(), "-connect", f"{host}:{address[1]}", *KEY.split()]) as tool:
            tool.say(request)
            front, back = door.accept()[0], socket.create_connection(address)
            with front, back:
                front.settimeout(0.05), back.settimeout(0.05)
                end = time.monotonic() + 10
                while not LARGE.search(tool.printed) and time.monotonic() < end:
                    for come, go, keep in ((front, back, said), (back, front, bytearray())):
                        try:
                            data = come.recv(65536)
                        except TimeoutError:
                            continue
                        keep += data
                        go.sendall(data)
                    tool.prints(LARGE.pattern, 0.01)
    return bytes(said)


OVER_TLS = "-tls1_3 -alpn coap"
GET_LARGE_OVER_TLS = b"\x00\xe1\x63\x01him\xb5large"


def streams(report, start, memcheck=False):
    """Connections that say nothing, rubbish, or what an honest client says, spoiled or byte by byte."""
    word = "hostile secured streams, memcheck" if memcheck else "hostile secured streams"
    count = 30 if memcheck else CONNECTIONS
    patience = 60.0 if memcheck else 5.0
    with start("max-handshake", str(MAX_HANDSHAKES), scheme="coaps+tcp", memcheck=memcheck) as server:
        address = secured(server)

        def served():
            return is_served(address, OVER_TLS, GET_LARGE_OVER_TLS, 10 * patience)

        report.check(f"{word}: an honest client is served", not served() and "no answer")
        said = recorded_stream(address, OVER_TLS, GET_LARGE_OVER_TLS)
        files = server.open_files()
        idle = [socket.create_connection(address, patience) for _ in range(count)]
        report.check(f"{word}: an honest client is served among {count} that say nothing", not served() and "no answer")
        more = server.open_files() - files
        report.check(f"{word}: at most {MAX_HANDSHAKES} wait", more > MAX_HANDSHAKES + 5 and f"{more} descriptors")
        for connection in idle:
            connection.close()
        slow = [socket.create_connection(address, patience) for _ in range(count // 6)]
        for at in range(0, len(said), 1 + len(said) // 40):
            for connection in slow:
                try:
                    connection.sendall(said[at:at + 1 + len(said) // 40])
                except OSError:
                    pass  # refused: it cannot know the secrets of this handshake
            if at == 0:
                report.check(f"{word}: an honest client is served among slow ones", not served() and "no answer")
        for connection in slow:
            connection.close()
        rng, strange = random.Random(SEED), []
        for n in range(count):
            data = rng.randbytes(rng.randrange(1, 300)) if n % 5 == 0 else bytes(corpus.mangled(said, rng))
            with socket.create_connection(address, patience) as connection:
                try:
                    connection.sendall(data)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):
                        pass
                except ConnectionError:
                    pass
                except TimeoutError:
                    strange.append(f"{n}: not closed after the end: {data.hex()}")
        report.check(f"{word}: {count} spoiled handshakes end", "\n".join(strange))
        report.check(f"{word}: an honest client is served at the end", not served() and "no answer")
        flood.finish(report, server, f"{word}")


def spoiled_answers(report, side, program, said, memcheck=False):
    """Servers that spoil their part of a handshake: the client ends with the one right outcome."""
    label = "hostile secured server, memcheck" if memcheck else "hostile secured server"

    def play(n):
        rng = random.Random(SEED + n)
        conversation = said[n % len(said)]
        fake = hostile_server.Fake()
        argv = side.command(program, fake.host, "5683", "scheme:coaps", *(["key:secret"] if n % len(said) == 0 else []), "get:hello")

        def answer():
            fake.socket.settimeout(30)
            _, client = fake.socket.recvfrom(65535)
            asks = conversation.by_server[0]
            fake.socket.sendto(bytes(corpus.mangled(asks, rng)) if n % 3 == 0 else asks, client)
            fake.socket.settimeout(0.3 if n % 3 == 0 else 10)
            try:
                fake.socket.recvfrom(65535)
                for datagram in conversation.answer:
                    fake.socket.sendto(bytes(corpus.mangled(datagram, rng)), client)
                fake.socket.settimeout(0.05)
                fake.socket.recvfrom(65535)
            except TimeoutError:
                pass
            fake.socket.sendto(dtls.record(dtls.ALERT, 1000, dtls.FAILURE), client)

        with concurrent.futures.ThreadPoolExecutor(1) as other:
            playing = other.submit(answer)
            code, out, err = processes.run((hostile_server.MEMCHECK if memcheck else []) + argv, side.environment(), within=120)
            playing.result()
        fake.socket.close()
        expected = "get:hello -> nack TLS failed\n"
        return (code, out) != (0, expected) and f"{n}: expected {expected!r}, exit 0\nfound {out!r}, exit {code}\n{err[-1500:]}"

    count = CLIENTS_UNDER_MEMCHECK if memcheck else CLIENTS
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        faults = [fault for fault in pool.map(play, range(count)) if fault]
    report.check(f"{label}: {count} spoiled answers of seed {SEED}", "\n".join(faults[:5]))


def suite(report, side, certificates):
    """All of it, plain and under memcheck."""
    built = programs.server_and_client(report, "hostile secured", side, set())
    if built is None:
        return
    server, client = built

    def start(*args, scheme="coaps", memcheck=False):
        host = processes.loopback_address()
        argv = side.command(server, host, "5683", "key", "secret", "certificates", str(certificates), "secured", scheme, *args)
        return processes.server((["valgrind", *hostile.MEMCHECK] if memcheck else []) + argv, side.environment(), (host, 5683), 30.0,
                                listens=None if scheme == "coaps" else 5684)

    with start() as other:
        said = [dtls.recorded(secured(other), options, GET_LARGE, LARGE.pattern) for options in (KEY, certificate(certificates))]
    memchecks = [False]
    if shutil.which("valgrind") is None or side.loader:
        report.skip("hostile secured, memcheck", "valgrind is not here, or cannot follow this library's dynamic linker")
    else:
        memchecks.append(True)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        running = []
        for memcheck in memchecks:
            setting = next(s for s in hostile.SETTINGS if s.memcheck == memcheck)
            running += [pool.submit(live, report, side, server, certificates, setting),
                        pool.submit(streams, report, start, memcheck),
                        pool.submit(spoiled_answers, report, side, client, said, memcheck)]
        for run in (*running, pool.submit(spoofed_hellos, report, start, said[0]), pool.submit(abandoned_handshakes, report, start, said[0])):
            run.result()
