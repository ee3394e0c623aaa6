"""Hostile input: datagrams that no honest peer sends, servers that answer garbage, and floods."""

import dataclasses
import shutil

import corpus
import flood
import hostile_server
import processes
import programs
import websockets_hostile
import wire

SEED = 20240962
MUTATIONS, MUTATIONS_UNDER_MEMCHECK = 5000, 500
MEMCHECK = ["--quiet", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite,indirect,possible",
            "--track-fds=yes", "--num-callers=25"]


@dataclasses.dataclass
class Setting:
    """How the server that suffers is started."""

    name: str
    args: tuple = ()
    memcheck: bool = False
    answers: bool = True
    """Whether the corpus's expected answers hold; with other options set only the server's life is asked for."""
    needs: str | None = None

    @property
    def patience(self):
        """How long an answer may take: an instrumented program is some fifty times slower."""
        return 10.0 if self.memcheck else 1.0


SETTINGS = [
    Setting("plain"),
    Setting("assembling bodies", ("block-mode", "3"), answers=False, needs="block"),
    Setting("memcheck", memcheck=True),
]


def ask(address, data, patience):
    """What a server answers to one datagram from a socket of its own: what comes before the answer to a GET behind it."""
    marker = 0x7FFE if data[2:4] != b"\x7f\xfe" else 0x7FFD
    with wire.Peer(address) as peer:
        peer.send(data)
        peer.send(wire.get("/sessions", marker, b"mark"))
        answer = None
        while (got := peer.receive(patience)) is not None:
            if len(got) >= 4 and int.from_bytes(got[2:4], "big") == marker:
                break
            answer = answer or got
    return answer


def throw(report, label, server, entry, setting, on_reference):
    """One entry: its answer, and a sign of life from a fresh socket."""
    answer = ask(server.address, entry.data, setting.patience)
    found, problem = corpus.kind_of_answer(entry.data, answer)
    allowed = entry.reference if on_reference else entry.allowed
    if not setting.answers or "any" in allowed:
        problem = None
    elif found not in allowed:
        problem = f"expected {'/'.join(sorted(allowed))}, found {found}"
    if answer is not None and corpus.must_be_silent(entry.data) and not on_reference:
        problem = f"answered with {answer.hex()}, where RFC 7252 wants silence"
    if not processes.probe_alive(server.address, within=5 * setting.patience):
        problem = f"the server no longer answers a ping; exit {server.process.poll()}"
    report.check(f"{label}: {entry.name}", problem and f"{problem}\nsent {entry.data[:80].hex()}")
    return server.is_running()


def mutate(server, setting, count):
    """Thousands of broken messages, each followed by a GET that must be answered; the first problem, or None."""
    with wire.Peer(server.address) as peer:
        for number, data in enumerate(corpus.mutations(count, SEED)):
            peer.send(data)
            mid = 0x8000 + number % 0x7000
            peer.send(wire.get("/sessions", mid, b"life"))
            if peer.receive_for(mid, 5 * setting.patience) is None:
                return f"no answer after mutation {number} of seed {SEED}: {data.hex()} (exit {server.process.poll()})"
    return None


def live(report, side, program, setting, on_reference):
    """The corpus and the mutations against one server."""
    label = f"hostile {setting.name}"
    host = processes.loopback_address()
    argv = side.command(program, host, "5683", *setting.args)
    if setting.memcheck:
        if shutil.which("valgrind") is None:
            report.skip(label, "valgrind is not installed")
            return
        if side.loader:
            report.skip(label, "valgrind cannot follow a dynamic linker other than the machine's own")
            return
        argv = ["valgrind", *MEMCHECK, *argv]
    with processes.server(argv, side.environment(), (host, 5683), 30.0) as server:
        if not server.came_up:
            report.fail(label, f"the server did not come up: {server.stderr()[-2000:]}")
            return
        processes.probe_alive(server.address)
        files = server.open_files()
        for entry in corpus.read():
            if not throw(report, label, server, entry, setting, on_reference):
                break
        count = MUTATIONS_UNDER_MEMCHECK if setting.memcheck else MUTATIONS
        memory = server.resident_kib() if server.is_running() else 0
        report.check(f"{label}: {count} mutations of seed {SEED}", mutate(server, setting, count))
        if server.is_running():
            grown = server.resident_kib() - memory
            report.check(f"{label}: memory stays bounded", grown > 16 * 1024 and f"{grown} KiB more")
            now = server.open_files()
            report.check(f"{label}: no file descriptor is left", now != files and f"{files} before, {now} after")
            with wire.Peer(server.address) as peer:
                peer.send(wire.get("/sessions", 0x7ABC, b"end"))
                answer = peer.receive_for(0x7ABC, 5 * setting.patience)
                report.check(f"{label}: a GET at the end is served", answer is None and "no answer")
        code, _, err = server.stop(30.0)
        report.check(f"{label}: the server ends cleanly", code != 0 and f"exit {code}\n{err[-3000:]}")


def suite(report, ours, without, only=None, reference=None):
    """The corpus on a live server, a hostile server for our client, and the limits."""
    del reference
    on_reference = ours.is_reference
    built = programs.server_and_client(report, "hostile", ours, without)
    if built is None:
        return
    server, client = built
    for setting in SETTINGS:
        if only and only not in setting.name:
            continue
        if setting.needs in without:
            report.skip(f"hostile {setting.name}", f"left out by --without {setting.needs}")
        else:
            live(report, ours, server, setting, on_reference)
    if not only or only in "client":
        hostile_server.suite(report, ours, client)
    if not only or only in "flood":
        flood.suite(report, ours, server)
    if not only or only in "websockets":
        websockets_hostile.suite(report, ours, server)
