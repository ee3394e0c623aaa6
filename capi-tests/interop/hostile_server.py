"""A server that answers garbage, under wrong ids, too often or never; our client must end with the one right outcome.

Each case is a script: it gets the client's first request and sends what it likes. What the client printed is compared.
"""

import concurrent.futures
import dataclasses
import random
import shutil
import socket
import threading
import typing

import processes
import wire

RIGHT = "2.05 'right'"
SEED = 65493
MEMCHECK = ["valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full", "--num-callers=25"]


class Fake:
    """The hostile end: one socket, one client."""

    def __init__(self):
        self.host = processes.loopback_address()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((self.host, 5683))
        self.client = None
        self.heard = []
        """What the client sent after its first request."""

    def receive(self, within):
        """The client's next datagram, or None."""
        self.socket.settimeout(within)
        try:
            data, self.client = self.socket.recvfrom(65535)
        except socket.timeout:
            return None
        return wire.decode(data)

    def request(self, within=15.0):
        return self.receive(within)

    def reply(self, within=0.7):
        """What the client says next that is no retransmission; remembered in `heard`."""
        message = self.receive(within)
        while message is not None and 1 <= message.code < 32:
            message = self.receive(within)
        self.heard.append(message)
        return message

    def send(self, data):
        self.socket.sendto(data, self.client)

    def answer_until_heard(self, request):
        """The right answer, again for each retransmission: a flood may have overrun the client's socket buffer."""
        while request is not None:
            self.answer(request)
            request = self.request(within=4.5)

    def answer(self, request, payload=b"right", **changed):
        """The right piggybacked response, or one with a part changed."""
        parts = {"kind": wire.ACK, "code": 0x45, "mid": request.mid, "token": request.token, "options": ()} | changed
        self.send(wire.encode(payload=payload, **parts))


@dataclasses.dataclass
class Case:
    name: str
    script: typing.Callable
    expected: str = RIGHT
    """What the client prints for its GET."""
    steps: tuple = ("get:hello",)
    unmatched: bool = False
    """The reference hands a response that matches no request to the application; RFC 7252 section 5.3.2 has it rejected."""


def garbage_first(fake, request):
    for data in (b"", b"\x40", b"\x60\x45", b"\x00" * 20, b"\xff" * 200, bytes.fromhex("80450001"), b"GET / HTTP/1.1"):
        fake.send(data)
    fake.answer(request)


def flood_first(fake, request):
    rng = random.Random(SEED)
    for _ in range(3000):
        data = rng.randbytes(rng.randrange(1, 64))
        if request.token not in data:  # a guessed token would make it a right answer
            fake.send(data)
    fake.answer_until_heard(request)


def mutated_answers_first(fake, request):
    """Broken forms of the right answer, under another id; then the right one."""
    rng = random.Random(SEED)
    right = wire.encode(wire.ACK, 0x45, request.mid ^ 0x5555, b"zz" + request.token[2:],
                        [(4, b"tag"), (12, b""), (14, b"\x3c")], b"wrong")
    for _ in range(500):
        data = bytearray(right)
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(4 + len(request.token), len(data))
            data[at] = rng.choice((0, 0x0D, 0xD0, 0xE0, 0xF0, 0xFF, rng.randrange(256)))
        fake.send(bytes(data[:rng.randint(4, len(data))]))
    fake.answer_until_heard(request)


def wrong_mid_first(fake, request):
    fake.answer(request, b"wrong", mid=request.mid ^ 1, token=b"other")
    fake.answer(request)


def wrong_token_piggybacked(fake, request):
    fake.answer(request, b"wrong", token=b"other")
    fake.send(wire.encode(wire.CON, 0x45, 0x7001, request.token, payload=b"right"))


def wrong_token_separate(fake, request):
    fake.answer(request, b"", code=0, token=b"")
    fake.send(wire.encode(wire.CON, 0x45, 0x7002, b"other", payload=b"wrong"))
    fake.reply()
    fake.send(wire.encode(wire.CON, 0x45, 0x7003, request.token, payload=b"right"))


def separate_before_ack(fake, request):
    fake.send(wire.encode(wire.CON, 0x45, 0x7004, request.token, payload=b"right"))
    fake.reply()
    fake.answer(request, b"", code=0, token=b"")


def separate_thrice(fake, request):
    fake.answer(request, b"", code=0, token=b"")
    for _ in range(3):
        fake.send(wire.encode(wire.CON, 0x45, 0x7005, request.token, payload=b"right"))
        fake.reply()


def answered_fifty_times(fake, request):
    for _ in range(50):
        fake.answer(request)


def reset(fake, request):
    fake.send(wire.encode(wire.RST, 0, request.mid))


def reset_of_another(fake, request):
    fake.send(wire.encode(wire.RST, 0, request.mid ^ 0x0101))
    fake.answer(request)


def from_another_port(fake, request):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((fake.host, 0))
        other.sendto(wire.encode(wire.ACK, 0x45, request.mid, request.token, payload=b"wrong"), fake.client)
    fake.answer(request)


def malformed_then_retransmitted(fake, request):
    """A malformed ACK acknowledges nothing: the request comes again (RFC 7252 section 4.2)."""
    fake.send(wire.encode(wire.ACK, 0x45, request.mid, request.token) + b"\xf0")
    again = fake.request()
    if again:
        fake.answer(again)


def critical_option(fake, request):
    """A response with a critical option that is not known is rejected (RFC 7252 section 5.4.1)."""
    fake.answer(request, b"", code=0, token=b"")
    fake.send(wire.encode(wire.CON, 0x45, 0x7006, request.token, [(9999, b"\x01")], b"wrong"))
    fake.reply()
    fake.send(wire.encode(wire.CON, 0x45, 0x7007, request.token, payload=b"right"))


def request_code_in_ack(fake, request):
    fake.answer(request, b"wrong", code=wire.GET, mid=request.mid ^ 1)
    fake.answer(request, b"wrong", code=0x21, mid=request.mid ^ 2)
    fake.answer(request, b"wrong", code=0xE1, mid=request.mid ^ 3)
    fake.answer(request)


def pings_and_asks(fake, request):
    fake.send(wire.encode(wire.CON, 0, 0x7008))
    fake.reply()
    fake.send(wire.get("/hello", 0x7009, b"back"))
    fake.reply()
    fake.answer(request)


def enormous(fake, request):
    fake.send(wire.encode(wire.CON, 0x45, 0x700A, b"other", payload=b"x" * 65000))
    fake.send(wire.encode(wire.CON, 0x45, 0x700B, b"other", [(2048 + 2 * i, b"") for i in range(1000)], b"x"))
    fake.answer(request)


def hop_limit(fake, request):
    """5.08 with a payload that fills the datagram and has no NUL behind (CVE-2023-30362)."""
    fake.answer(request, b"n" * 1000, code=0xA8)


def late_and_unasked(fake, request):
    """Responses under a token that is done with, or that never was, while the client waits (RFC 7252 section 5.3.2)."""
    fake.answer(request)
    for i in range(20):
        fake.send(wire.encode(wire.NON, 0x45, 0x7010 + i, request.token, [(6, bytes([i]))], b"wrong"))
        fake.send(wire.encode(wire.NON, 0x45, 0x7110 + i, b"never", payload=b"wrong"))


def silence(_fake, _request):
    pass


def only_an_ack(fake, request):
    fake.answer(request, b"", code=0, token=b"")


CASES = [
    Case("garbage before the answer", garbage_first),
    Case("a flood before the answer", flood_first, unmatched=True),
    Case("500 broken answers before the answer", mutated_answers_first, unmatched=True),
    Case("an answer with another message id and token", wrong_mid_first, unmatched=True),
    Case("a piggybacked answer with another token", wrong_token_piggybacked, unmatched=True),
    Case("a separate answer with another token", wrong_token_separate, unmatched=True),
    Case("the separate answer overtakes the ACK", separate_before_ack),
    Case("the separate answer comes three times", separate_thrice, steps=("get:hello", "wait:300")),
    Case("the answer comes fifty times", answered_fifty_times, steps=("get:hello", "wait:300")),
    Case("a Reset", reset, "nack reset"),
    Case("a Reset of another message", reset_of_another),
    Case("an answer from another port", from_another_port),
    Case("a malformed ACK", malformed_then_retransmitted),
    Case("a critical option in the answer", critical_option),
    Case("ACKs with codes that are no response", request_code_in_ack),
    Case("a ping and a request for the client", pings_and_asks),
    Case("answers of 65,000 bytes and 1,000 options", enormous, unmatched=True),
    Case("5.08 with a full payload", hop_limit, "5.08 1000 bytes from 'nnnn' to 'nnnn'"),
    Case("answers after the answer", late_and_unasked, steps=("get:hello", "wait:300"), unmatched=True),
    Case("no answer at all", silence, "nack too many retries"),
    Case("an ACK and then nothing", only_an_ack, "no answer"),
    Case("no answer to NON", silence, "no answer", steps=("nget:hello",)),
    Case("no answer to a ping", silence, "nack too many retries of an empty message", steps=("ping",)),
]


def run_case(case, side, program, memcheck):
    """What is wrong with the client's outcome, or None."""
    fake = Fake()
    faults = []

    def play():
        try:
            request = fake.request()
            if request is not None:
                case.script(fake, request)
        except Exception as error:  # a script that breaks is a failed case, not a lost thread
            faults.append(f"the script broke: {error!r}")

    player = threading.Thread(target=play)
    player.start()
    argv = side.command(program, fake.host, "5683", *case.steps)
    code, out, err = processes.run((MEMCHECK if memcheck else []) + argv, side.environment(), within=90)
    player.join()
    fake.socket.close()
    expected = f"{case.steps[0]} -> {case.expected}\n" + "".join(f"{s} -> waiting\n" for s in case.steps[1:])
    if (code, out) != (0, expected):
        faults.append(f"expected {expected!r}, exit 0\nfound    {out!r}, exit {code}\n{err[-2000:]}")
    return "\n".join(faults)


def suite(report, side, program):
    """Every case, plain and under memcheck."""
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for memcheck in (False, True):
            label = "hostile server, memcheck" if memcheck else "hostile server"
            if memcheck and (side.loader or not shutil.which("valgrind")):
                report.skip(label, "valgrind is not here, or cannot follow this library's dynamic linker")
                continue
            cases = [case for case in CASES if not (case.unmatched and side.is_reference)]
            runs = [(case, pool.submit(run_case, case, side, program, memcheck)) for case in cases]
            for case, run in runs:
                report.check(f"{label}: {case.name}", run.result())
