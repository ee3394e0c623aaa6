"""aiocoap, an independent implementation in Python, as the client of our server and the server of our client."""

import concurrent.futures
import contextlib
import pathlib

import processes
import programs
import sides
import venvs

VERSION = "0.4.17"
WEBSOCKETS_VERSION = "15.0.1"
LINK_HEADER_VERSION = "0.4.3"
DTLS_VERSION = "0.2.3"
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
    "discovery": "2.05 40 165 bytes, b'</he' to b'rop\"'",
    "discovery of one": "2.05 40 b'</echo>;rt=\"interop\"'",
    "observe": "b'0 1 2 3', then 0",
    "sixteen outstanding": "['2.05', '4.04'] of 16",
}

EQUAL = "2.04 2.05 equal"

AS_CLIENT_WITH_BODIES = {
    **{f"{size} bytes": EQUAL for size in (0, 1, 15, 16, 17, 1023, 1024, 1025, 2047, 2048, 2049, 102_400)},
    **{f"NON {size} bytes": EQUAL for size in (1025, 102_400)},
    **{f"{length} bytes in blocks of {block}": EQUAL
       for block in (16, 32, 64, 128, 256, 512, 1024) for length in (3 * block - 1, 3 * block, 3 * block + 1)},
    **{f"POST of {size} bytes": "2.04 equal" for size in (1024, 1025, 5000)},
    "four at the same time": "['2.05 equal']",
    "observe, ended by GET": "7 times ['2.05', '2.05 equal'], then 0",
    "observe, ended by RST": "6 times ['2.05 equal'], then 0",
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

# A line `told` is what a notification brings after the change in the line before. aiocoap sends each in one datagram.
OBSERVED = [
    ("put:body=start", "2.04 ''"),
    ("observe:body", "2.05 'start'"),
    ("change:body=one", "2.04 ''"), ("told", "2.05 'one'"),
    ("change:body=two", "2.04 ''"), ("told", "2.05 'two'"),
    ("change:body=#5000", "2.04 ''"), ("told", "2.05 5000 bytes"),
    ("change:body=three", "2.04 ''"), ("told", "2.05 'three'"),
    ("change:body=#30000", "2.04 ''"), ("told", "2.05 30000 bytes"),
]
AS_SERVER_WITH_BODIES = [
    *(row for size in (0, 1, 16, 17, 64) for row in ((f"put:body=#{size}", "2.04 ''"),)),
    *(row for size in (1023, 1024, 1025, 2047, 2048, 2049, 102_400)
      for kind in ("", "n")
      for row in ((f"{kind}put:body=#{size}", "2.04 ''"), (f"{kind}get:body", f"2.05 {size} bytes"))),
    *((f"post:body=#{size}", f"2.04 {size} bytes") for size in (1024, 1025, 5000, 102_400)),
    *OBSERVED, ("cancel", "2.05 30000 bytes"),
    ("change:body=four", "2.04 ''"), ("told", "nothing"),
    ("put:body=#5000", "2.04 ''"),
    ("observe:body", "2.05 5000 bytes"),
    ("change:body=#3000", "2.04 ''"), ("told", "2.05 3000 bytes"),
    ("cancel", "2.05 3000 bytes"),
    *OBSERVED, ("refuse", "the next one"),
    ("change:body=four", "2.04 ''"), ("told", "2.05 'four'"),
    ("change:body=five", "2.04 ''"), ("told", "nothing"),
    ("get:body", "2.05 'five'"),
]


def virtual_environment(dtls=False):
    """A Python that has aiocoap, made under target/ when it is missing, if wanted with its DTLS, which is compiled; None where
    that does not work."""
    name = f"aiocoap-{VERSION}-websockets-{WEBSOCKETS_VERSION}-linkheader-{LINK_HEADER_VERSION}"
    wanted = [f"aiocoap=={VERSION}", f"websockets=={WEBSOCKETS_VERSION}", f"LinkHeader=={LINK_HEADER_VERSION}"]
    if dtls:
        return venvs.python_with(f"{name}-dtls-{DTLS_VERSION}", *wanted, f"DTLSSocket=={DTLS_VERSION}")
    return venvs.python_with(name, *wanted)


def parse_lines(text, separator):
    """(name, answer) of each line."""
    return [tuple(line.split(separator, 1)) for line in text.splitlines() if separator in line]


@contextlib.contextmanager
def no_proxy(host):
    """The server is asked itself."""
    yield host


def as_client(report, python, program, side, host, port, label, what, *options, scheme="coap", proxy=no_proxy,
              but=()):
    """aiocoap asks, the C server answers, all `but` these. `proxy` starts one, in a `with`, that aiocoap asks instead; it is told
    the server's host and gives its own."""
    address = f"[{host}]" if ":" in host else host
    expected_answers = AS_CLIENT if what == "small" else AS_CLIENT_WITH_BODIES
    argv = side.command(program, host, str(port), "scheme", scheme, *options)
    with (processes.server(argv, side.environment(), (host, port), protocol=processes.protocol_of(scheme)) as server,
          proxy(host) as between):
        if not server.came_up:
            report.fail(f"aiocoap {label}", f"the server did not come up: {server.stderr()}")
            return
        via = [f"coap://{between}"] if between != host else []
        asked = [str(python), str(HERE / "aiocoap_client.py"), f"{scheme}://{address}:{port}", what, *via]
        code, out, err = processes.run(asked, None, within=90)
        answers = dict(parse_lines(out, " | "))
        for name, expected in ((name, answer) for name, answer in expected_answers.items() if name not in but):
            found = answers.get(name, f"nothing (exit {code}) {err[-300:]}")
            report.check(f"aiocoap {label}: {name}", found != expected and f"expected {expected}\nfound    {found}")
        code, _, err = server.stop()
        report.check(f"aiocoap {label}: the server ends cleanly", (code, err) != (0, "") and f"exit {code} {err}")


def as_server(report, python, program, side, label, table, *options, scheme="coap", proxy=no_proxy):
    """The C client asks, aiocoap answers; `proxy` as for `as_client`."""
    host, port = processes.loopback_address(), 8683 if scheme == "coap+ws" else 5683
    bound = f"::ffff:{host}" if scheme == "coap" else host
    with processes.server([str(python), str(HERE / "aiocoap_server.py"), host, str(port), scheme], None,
                          (bound, port), 20.0, protocol=processes.protocol_of(scheme)) as server, proxy(host) as between:
        if not server.came_up:
            report.fail(f"aiocoap {label}", f"it did not come up: {server.stderr()}")
            return
        key = ["key:secret"] if scheme == "coaps" else []
        steps = [*key, *options, *(step for step, _ in table if step != "told")]
        asked = side.command(program, between, str(port), f"scheme:{scheme}", *steps)
        code, out, err = processes.run(asked, side.environment(), within=90)
        answers = parse_lines(out, " -> ")
        for i, (step, expected) in enumerate(table):
            found = answers[i] if i < len(answers) else ("", f"nothing (exit {code}) {err[-300:]}")
            report.check(f"aiocoap {label}: {i + 1} {step}",
                         found != (step, expected) and f"expected {expected}\nfound    {found[1]}")
        report.check(f"aiocoap {label}: the client ends cleanly", (code, err) != (0, "") and f"exit {code} {err}")


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
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        def begin(*run, **how):
            running.append(pool.submit(*run, **how))
        running = []
        begin(as_client, report, python, server, ours, processes.loopback_address(), 5683, "as client", "small")
        port = processes.free_port_v6()
        if port is None:
            report.skip("aiocoap as client over IPv6", "this machine has no ::1")
        else:
            begin(as_client, report, python, server, ours, "::1", port, "as client over IPv6", "small")
        begin(as_server, report, python, client, ours, "as server", AS_SERVER)
        for mode, word in ((1, "block by block"), (3, "as a whole")) if "block" not in without else ():
            begin(as_client, report, python, server, ours, processes.loopback_address(), 5683,
                  f"as client, bodies {word}", "bodies", "block-mode", str(mode))
            label = f"as server, bodies {word}"
            if ours.is_reference:
                report.skip(f"aiocoap {label}", "4.3.5 reads no datagrams over 1152 bytes, as aiocoap's notifications are")
            else:
                begin(as_server, report, python, client, ours, label, AS_SERVER_WITH_BODIES, f"mode:{mode}")
        for scheme in ("coap+tcp", "coap+ws"):
            begin_over_streams(begin, report, python, built, ours, scheme, without)
        for run in running:
            run.result()


def begin_over_streams(begin, report, python, built, ours, scheme, without):
    """The same over a reliable transport. There a Ping is answered by a Pong, and nothing by a Reset."""
    server, client = built
    word = f"over {'WebSockets' if scheme == 'coap+ws' else 'TCP'}"

    def over(table):
        table = table[:table.index(("refuse", "the next one"))] if ("refuse", "the next one") in table else table
        return [("ping", "pong") if step == "ping" else (step, answer) for step, answer in table]

    begin(as_client, report, python, server, ours, processes.loopback_address(), 8080, f"as client {word}", "small",
          scheme=scheme)
    begin(as_server, report, python, client, ours, f"as server {word}", over(AS_SERVER), scheme=scheme)
    for mode, how in ((1, "block by block"), (3, "as a whole")) if "block" not in without else ():
        begin(as_client, report, python, server, ours, processes.loopback_address(), 8080,
              f"as client {word}, bodies {how}", "bodies", "block-mode", str(mode), scheme=scheme)
        begin(as_server, report, python, client, ours, f"as server {word}, bodies {how}", over(AS_SERVER_WITH_BODIES),
              f"mode:{mode}", scheme=scheme)


def over_dtls(report, ours):
    """aiocoap with its DTLS, which is tinydtls, as the client of our server, and as the server of our client: with the key and the suite that RFC 7252 wants."""
    python = virtual_environment(dtls=True)
    if python is None:
        report.skip("aiocoap over DTLS", f"DTLSSocket {DTLS_VERSION} cannot be compiled here")
        return
    built = programs.server_and_client(report, "aiocoap over DTLS", ours, set())
    if built is None:
        return
    server, client = built
    as_server(report, python, client, ours, "as server over DTLS", AS_SERVER, scheme="coaps")
    key = ("key", "secret")
    as_client(report, python, server, ours, processes.loopback_address(), 5684, "as client over DTLS", "small", *key, scheme="coaps")
    for mode, how in ((1, "block by block"), (3, "as a whole")):
        as_client(report, python, server, ours, processes.loopback_address(), 5684, f"as client over DTLS, bodies {how}", "bodies",
                  *key, "block-mode", str(mode), scheme="coaps")
