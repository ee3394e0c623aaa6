"""Reads hostile.corpus, whose head explains the format, and makes mutations of valid messages."""

import dataclasses
import pathlib
import random
import re

import wire

FILE = pathlib.Path(__file__).resolve().parent / "hostile.corpus"


@dataclasses.dataclass
class Entry:
    name: str
    data: bytes
    allowed: set
    reference: set
    """What the reference answers: the same, unless the corpus says that it differs."""


def expand(text):
    """The bytes that a datagram column stands for."""
    out = bytearray()
    for word in text.split():
        piece, _, times = word.partition("*")
        out += b"" if piece == "-" else bytes.fromhex(piece) * int(times or 1)
    return bytes(out)


def read():
    """Every entry, in order."""
    entries = []
    for number, line in enumerate(FILE.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        columns = [c.strip() for c in line.split("|")]
        if len(columns) != 4:
            raise ValueError(f"{FILE.name}:{number}: four columns wanted")
        ours, theirs = re.fullmatch(r"(\S+)(?: <(\S+)>)?", columns[0]).groups()
        entries.append(Entry(columns[1], expand(columns[2]), set(ours.split("/")), set((theirs or ours).split("/"))))
    return entries


def kind_of_answer(sent, answer):
    """The word for an answer: silent, rst, ack, or the code; with what is wrong about its id or token."""
    if answer is None:
        return "silent", None
    try:
        message = wire.decode(answer)
    except ValueError as error:
        return "garbage", str(error)
    problem = None
    if message.kind in (wire.ACK, wire.RST) and message.mid != int.from_bytes(sent[2:4], "big"):
        problem = f"the answer carries another message id: {message}"
    if message.code == wire.EMPTY:
        return ("rst" if message.kind == wire.RST else "ack"), problem
    if message.token != sent[4:4 + min(sent[0] & 15, 8)]:
        problem = f"the answer carries another token: {message}"
    return wire.code_name(message.code), problem


def must_be_silent(data):
    """What no receiver may answer (RFC 7252 §3: other versions; §4.2: an ACK or RST is never answered)."""
    return len(data) < 4 or data[0] >> 6 != 1 or data[0] >> 4 & 3 in (wire.ACK, wire.RST)


def mutations(count, seed):
    """`count` datagrams, the same for the same seed: valid messages with a few bytes changed, lost or repeated."""
    rng = random.Random(seed)
    valid = [e.data for e in read() if 4 <= len(e.data) <= 400 and e.allowed & {"2.05", "2.04", "4.04", "4.02", "any"}]
    valid += [wire.get("/hello", 1, b"abcd"), wire.get("/separate", 2, b"sep"), wire.get("/.well-known/core", 3)]
    for _ in range(count):
        data = mangled(rng.choice(valid), rng)
        # Each its own message id, or the duplicate detection would answer in place of the parser.
        if len(data) >= 4 and rng.random() < 0.9:
            data[2:4] = rng.randrange(0x1000, 0x8000).to_bytes(2, "big")
        yield bytes(data)


def mangled(data, rng):
    """`data` with a few bytes changed, lost, added or repeated."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data)) if data else 0
        match rng.randrange(6):
            case 0 if data:
                data[at] ^= 1 << rng.randrange(8)
            case 1 if data:
                data[at] = rng.choice((0, 1, 0x0D, 0x0E, 0x0F, 0xD0, 0xE0, 0xF0, 0xFF, rng.randrange(256)))
            case 2:
                del data[at:at + rng.randint(1, 4)]
            case 3:
                data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 8)))
            case 4:
                data[at:at] = data[at:at + rng.randint(1, 16)]
            case 5:
                del data[at:]
    return data
