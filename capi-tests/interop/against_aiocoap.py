"""aiocoap, an independent implementation in Python, as the client of our server and the server of our client."""

import pathlib
import subprocess
import sys

import processes
import programs
import sides

VERSION = "0.4.17"
HERE = pathlib.Path(__file__).resolve().parent

LARGE = "1000 bytes, b'abcd' to b'ijkl'"

AS_CLIENT = {
    "GET /hello": "2.05 0 b'hello'",
    "PUT /hello": "2.04 - b''",
    "GET what was put": "2.05 0 b'from aiocoap'",
    "NON GET": "2.05 0 b'from aiocoap'",
    "NON PUT": "2.04 - b''",
    "GET what NON put": "2.05 0 b'non'",
    "POST /echo": "2.04 - 200 bytes, b'\\x00\\x01\\x02\\x03' to b'\\xc4\\xc5\\xc6\\xc7'",
    "separate response": "2.05 0 b'separate'",
    "separate response to NON": "2.05 0 b'separate'",
    "large": f"2.05 0 {LARGE}",
    "unknown path": "4.04 - b'Not Found'",
    "method not allowed": "4.05 - b'Method Not Allowed'",
    "DELETE": "2.02 - b''",
    "GET after DELETE": "2.05 0 b''",
    "discovery": "2.05 40 140 bytes, b'</he' to b'rop\"'",
    "discovery of one": "2.05 40 b'</echo>;rt=\"interop\"'",
    "observe": "b'0 1 2 3', then 0",
    "sixteen outstanding": "['2.05', '4.04'] of 16",
}

AS_SERVER = [
    ("get:hello", "2.05 'hello from aiocoap'"),
    ("put:hello=from C", "2.04 ''"),
    ("get:hello", "2.05 'from C'"),
    ("nget:hello", "2.05 'from C'"),
    ("nput:hello=non", "2.04 ''"),
    ("get:hello", "2.05 'non'"),
    ("get:slow", "2.05 'slow'"),
    ("nget:slow", "2.05 'slow'"),
    ("post:echo=payload", "2.04 'payload'"),
    ("get:large", "2.05 1000 bytes from 'abcd' to 'ijkl'"),
    ("get:nowhere", "4.04 ''"),
    ("post:hello=x", "4.05 'Error: Method not allowed!'"),
    ("ping", "nack reset of an empty message"),
    ("get:slow", "2.05 'slow'"),
    ("delete:hello", "2.02 ''"),
    ("get:hello", "2.05 ''"),
]


def virtual_environment():
    """A Python that has aiocoap, made under target/ when it is missing; None where that does not work."""
    directory = sides.ROOT / f"target/venv/aiocoap-{VERSION}"
    python = directory / "bin/python"
    marker = directory / "complete"
    if marker.exists():
        return python
    try:
        subprocess.run([sys.executable, "-m", "venv", str(directory)], check=True, capture_output=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", f"aiocoap=={VERSION}"], check=True,
                       capture_output=True)
    except (subprocess.CalledProcessError, OSError):
        return None
    marker.touch()
    return python


def parse_lines(text, separator):
    """(name, answer) of each line."""
    return [tuple(line.split(separator, 1)) for line in text.splitlines() if separator in line]


def as_client(report, python, program, side, host, port, label):
    """aiocoap asks, the C server answers."""
    address = f"[{host}]" if ":" in host else host
    argv = side.command(program, host, str(port))
    with processes.server(argv, side.environment(), (host, port)) as server:
        if not server.came_up:
            report.fail(f"aiocoap {label}", f"the server did not come up: {server.stderr()}")
            return
        code, out, err = processes.run([str(python), str(HERE / "aiocoap_client.py"), f"coap://{address}:{port}"],
                                       None, within=90)
        answers = dict(parse_lines(out, " | "))
        for name, expected in AS_CLIENT.items():
            found = answers.get(name, f"nothing (exit {code}) {err[-300:]}")
            report.check(f"aiocoap {label}: {name}", found != expected and f"expected {expected}\nfound    {found}")
        code, _, err = server.stop()
        report.check(f"aiocoap {label}: the server ends cleanly", (code, err) != (0, "") and f"exit {code} {err}")


def as_server(report, python, program, side):
    """The C client asks, aiocoap answers."""
    host = processes.loopback_address()
    with processes.server([str(python), str(HERE / "aiocoap_server.py"), host, "5683"], None,
                          (f"::ffff:{host}", 5683), 20.0) as server:
        if not server.came_up:
            report.fail("aiocoap as server", f"it did not come up: {server.stderr()}")
            return
        steps = [step for step, _ in AS_SERVER]
        code, out, err = processes.run(side.command(program, host, "5683", *steps), side.environment(), within=90)
        answers = parse_lines(out, " -> ")
        for i, (step, expected) in enumerate(AS_SERVER):
            found = answers[i] if i < len(answers) else ("", f"nothing (exit {code}) {err[-300:]}")
            report.check(f"aiocoap as server: {i + 1} {step}",
                         found != (step, expected) and f"expected {expected}\nfound    {found[1]}")
        report.check("aiocoap as server: the client ends cleanly", (code, err) != (0, "") and f"exit {code} {err}")


def suite(report, ours, without, only=None, reference=None):
    """Both directions, over IPv4 and IPv6."""
    del only, reference
    python = virtual_environment()
    if python is None:
        report.skip("aiocoap", f"aiocoap {VERSION} cannot be installed into a virtual environment here")
        return
    built = programs.server_and_client(report, "aiocoap", ours, without)
    if built is None:
        return
    server, client = built
    as_client(report, python, server, ours, processes.loopback_address(), 5683, "as client")
    port = processes.free_port_v6()
    if port is None:
        report.skip("aiocoap as client over IPv6", "this machine has no ::1")
    else:
        as_client(report, python, server, ours, "::1", port, "as client over IPv6")
    as_server(report, python, client, ours)
