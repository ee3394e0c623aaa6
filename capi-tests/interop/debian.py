"""Debian's own coap-client-notls and coap-server-notls, unmodified, on our library and on the reference.

Each scenario starts one server and runs a list of client commands against it. It runs four times: with the reference
on both sides, which is the expectation, then with ours on both sides, ours as client, and ours as server. A case
passes when exit code, standard output, standard error and written files are the same.
"""

import concurrent.futures
import dataclasses
import difflib
import hashlib
import pathlib
import re
import tempfile

import processes
import sides

CALL_LIMIT = 15.0  # seconds that one client command may take at most


@dataclasses.dataclass
class Call:
    """One client command: `{u}` stands for the server's URI, `{tmp}` for a directory of its own."""

    name: str
    args: str
    stdin: bytes | None = None
    given: dict = dataclasses.field(default_factory=dict)
    mask: str | None = None
    """A pattern whose matches differ from run to run."""
    newer: bool = False
    """4.3.1 answers in another way than 4.3.5: compare only where 4.3.5 is the reference."""
    mend: tuple | None = None
    """("client" or "server", answer): what must come where ours has that part, since the reference does not do as promised."""


@dataclasses.dataclass
class Scenario:
    name: str
    server_args: str
    calls: list
    needs: str | None = None
    """A part of the protocol that may not be built yet (`--without NAME` skips it)."""
    family: int = 4
    newer: bool = False
    """All of it as `Call.newer`: the wording of the debug log changed."""


NEWER = "4.3.1 answers in another way than 4.3.5, which is not here to compare with"

CLOCK = r"[A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d"
KIB = b"0123456789abcdef" * 64
BYTES = bytes((i ^ i >> 8) & 255 for i in range(65_536))

SCENARIOS = [
    Scenario("methods", "-d 10", [
        Call("GET /", "{u}/"),
        Call("GET / with -w appends a newline", "-w {u}/"),
        Call("GET of an unknown path is 4.04 on stderr", "{u}/nowhere"),
        Call("PUT creates a dynamic resource", "-m put -e first {u}/dyn"),
        Call("GET reads it back", "{u}/dyn"),
        Call("PUT changes it", "-m put -e second {u}/dyn"),
        Call("GET reads the change", "{u}/dyn"),
        Call("PUT of an empty body", "-m put {u}/empty"),
        Call("GET of an empty body", "{u}/empty"),
        Call("PUT deep path", "-m put -e deep {u}/a/b/c%20d/e%2ff"),
        Call("GET deep path", "{u}/a/b/c%20d/e%2ff"),
        Call("PUT percent-encoded payload", "-m put -e %c3%a4%00%ff {u}/bytes"),
        Call("GET percent-encoded payload", "{u}/bytes"),
        Call("PUT with a content format", "-m put -t 50 -e {{}} {u}/json"),
        Call("GET with Accept", "-A 50 {u}/json"),
        Call("discovery lists the dynamic resources", "{u}/.well-known/core"),
        Call("DELETE", "-m delete {u}/dyn"),
        Call("GET after DELETE", "{u}/dyn"),
        Call("DELETE again", "-m delete {u}/dyn"),
        Call("POST where no handler is", "-m post -e x {u}/"),
        Call("FETCH where no handler is", "-m fetch -e x {u}/"),
        Call("PATCH where no handler is", "-m patch -e x {u}/"),
        Call("iPATCH where no handler is", "-m ipatch -e x {u}/time"),
        Call("DELETE where no handler is", "-m delete {u}/"),
        Call("an unknown method name is GET's error", "-m foo {u}/"),
        Call("-U leaves Uri-Host and Uri-Port out", "-U {u}/dyn"),
    ]),
    Scenario("limits of dynamic resources", "-d 2 -e", [
        Call("PUT echoes with -e", "-m put -e one {u}/one"),
        Call("PUT the second", "-m put -e two {u}/two"),
        Call("PUT beyond -d is 4.06", "-m put -e three {u}/three"),
        Call("DELETE makes room", "-m delete {u}/one"),
        Call("PUT fits again", "-m put -e three {u}/three"),
        Call("PUT to /example_data echoes", "-m put -e abc {u}/example_data"),
        Call("GET /example_data", "{u}/example_data"),
        Call("discovery", "{u}/.well-known/core"),
    ]),
    Scenario("no dynamic resources", "", [
        Call("PUT to an unknown path", "-m put -e x {u}/dyn"),
        Call("DELETE of an unknown path", "-m delete {u}/dyn"),
        Call("PUT to /.well-known/core", "-m put -e x {u}/.well-known/core"),
    ]),
    Scenario("discovery", "-d 4", [
        Call("all", "{u}/.well-known/core"),
        Call("rt=ticks", "{u}/.well-known/core?rt=ticks"),
        Call("rt=tick*", "{u}/.well-known/core?rt=tick*"),
        Call("rt=other", "{u}/.well-known/core?rt=other"),
        Call("if=clock", "{u}/.well-known/core?if=clock"),
        Call("href=/time", "{u}/.well-known/core?href=/time"),
        Call("href=/t*", "{u}/.well-known/core?href=/t*"),
        Call("ct=0", "{u}/.well-known/core?ct=0"),
        # RFC 6690 section 4.1: the whole value matches; the reference finds no value that has a space.
        Call("title with a space", "{u}/.well-known/core?title=Internal%20Clock", mend=(
            "server", "exit 0\n--- stdout\n"
            '</time>;if="clock";rt="ticks";title="Internal Clock";ct=0;obs\n\n--- stderr\n')),
        Call("a filter without a value", "{u}/.well-known/core?obs"),
        Call("rt= with nothing", "{u}/.well-known/core?rt="),
        Call("an unknown attribute", "{u}/.well-known/core?foo=bar"),
    ]),
    Scenario("the clock", "", [
        Call("GET /time", "{u}/time", mask=CLOCK),
        Call("GET /time?ticks", "{u}/time?ticks", mask=r"\d+"),
        Call("PUT sets it", "-m put -e 1000 {u}/time"),
        Call("GET reads what was set", "{u}/time", mask=CLOCK),
        Call("DELETE", "-m delete {u}/time"),
        Call("GET after DELETE", "{u}/time"),
    ]),
    Scenario("separate responses", "", [
        Call("/async?1", "{u}/async?1"),
        Call("/async?2 with NON", "-N {u}/async?2"),
        Call("/async?1 with a token", "-T beef {u}/async?1"),
        Call("/async with its own delay", "{u}/async"),
    ]),
    Scenario("request options", "-d 4", [
        Call("NON GET", "-N {u}/"),
        Call("NON PUT", "-N -m put -e non {u}/non"),
        Call("NON GET of an unknown path", "-N {u}/nowhere"),
        Call("token", "-T cafe {u}/"),
        Call("token of eight bytes", "-T 12345678 {u}/non"),
        Call("elective unknown option", "-O 9998,0x01 {u}/non"),
        Call("critical unknown option", "-B 2 -O 9999,0x01 {u}/non"),
        Call("ETag", "-O 4,0x0102 {u}/non"),
        Call("Uri-Query by number", "-O 15,a=b {u}/non"),
        Call("Accept of an unknown format", "-A 9999 {u}/non"),
        Call("Hop-Limit", "-H 3 {u}/non"),
        Call("repeat with -G", "-G 2 {u}/non"),
        Call("local address with -a", "-a 127.0.0.1 {u}/non"),
        Call("If-None-Match where something is", "-m put -e x -O 5 {u}/non", newer=True),
    ]),
    Scenario("files", "-d 4", [
        Call("-f sends a file", "-m put -f {tmp}/in {u}/file", given={"in": b"from a file\n"}),
        Call("-o writes a file", "-o {tmp}/out {u}/file"),
        Call("-f - sends standard input", "-m put -f - {u}/stdin", stdin=b"from standard input"),
        Call("-o - writes standard output", "-o - {u}/stdin"),
        Call("binary through a file", "-m put -f {tmp}/in {u}/bin", given={"in": bytes(range(256))}),
        Call("binary back", "-o {tmp}/out {u}/bin"),
        Call("a file that is not there", "-m put -f {tmp}/missing {u}/file"),
    ]),
    Scenario("command line errors", "", [
        Call("no URI", "", mask=r"Build: .*"),
        Call("not a URI", "xx"),
        Call("scheme without TLS support", "coaps://127.0.0.1/", newer=True),
        Call("bad port", "coap://127.0.0.1:99999/", newer=True),
        Call("query behind the host", "coap://127.0.0.1?q"),
        Call("nobody listens", "-B 2 coap://127.0.0.1:1/", newer=True),
        Call("token too long", "-T 123456789abcdef01 {u}/"),
    ]),
    Scenario("IPv6", "-d 4", [
        Call("GET /", "{u}/"),
        Call("PUT", "-m put -e six {u}/six"),
        Call("GET", "{u}/six"),
        Call("NON GET", "-N {u}/six"),
        Call("discovery", "{u}/.well-known/core"),
        Call("separate response", "{u}/async?1"),
    ], family=6),
    Scenario("packet loss", "-d 4", [
        Call("PUT", "-m put -e kept {u}/x"),
        Call("the first request is lost", "-l 1 {u}/x"),
        Call("the first two requests are lost", "-l 1-2 -B 20 {u}/x"),
        # 4.3.5 loses nothing at 100%; 4.3.1 and the manual pages of both say that it loses all.
        Call("every request is lost", "-l 100% -B 3 {u}/x", mend=("client", "exit 0\n--- stdout\n\n--- stderr\n")),
        Call("no request is lost", "-l 0% {u}/x"),
    ]),
    Scenario("packet loss at the server", "-l 1,3 -d 4", [
        Call("the first answer is lost", "-m put -e kept {u}/x"),
        Call("the second answer is lost", "{u}/x"),
        Call("the separate response comes", "{u}/async?1"),
    ]),
    Scenario("debug log", "-v 8 -d 4", [
        Call("GET", "-v 8 {u}/"),
        Call("GET unknown", "-v 8 {u}/nowhere"),
        Call("PUT", "-v 8 -m put -e hello {u}/dyn"),
        Call("NON GET", "-v 8 -N {u}/dyn"),
        Call("binary payload", "-v 8 -m put -e %00%01%ff {u}/dyn"),
        Call("token", "-v 8 -T cafe {u}/dyn"),
        Call("options", "-v 8 -A 40 -O 4,0x0102 -O 15,a=b -O 9998,0x0102 {u}/dyn"),
        Call("separate response", "-v 8 {u}/async?1"),
        Call("DELETE", "-v 8 -m delete {u}/dyn"),
        Call("discovery", "-v 8 {u}/.well-known/core?rt=ticks"),
        Call("lost request", "-v 8 -l 1 {u}/"),
        Call("nobody listens", "-v 8 -B 2 coap://127.0.0.1:1/"),
    ], newer=True),
    Scenario("observe", "", [
        Call("notifications of /time", "-s 3 {u}/time", mask=rf"({CLOCK})+"),
        Call("NON observe", "-N -s 3 {u}/time", mask=rf"({CLOCK})+"),
        Call("not observable", "-s 1 {u}/"),
    ], needs="observe"),
    Scenario("blocks", "-d 4", [
        Call("/example_data has 1,500 bytes", "{u}/example_data"),
        Call("GET with -b 64", "-b 64 {u}/"),
        Call("GET /example_data with -b 16", "-b 16 {u}/example_data"),
        Call("GET from block 1", "-b 1,64 {u}/example_data"),
        Call("PUT with -b 16", "-m put -b 16 -e 0123456789abcdefghijklmnopqrstuvwxyz {u}/small"),
        Call("GET it", "{u}/small"),
        Call("PUT of several blocks", "-m put -f {tmp}/in {u}/large", given={"in": KIB * 3 + b"tail"}),
        Call("GET of several blocks", "-o {tmp}/out {u}/large"),
        Call("GET of several blocks with NON", "-N -o {tmp}/out {u}/large"),
    ], needs="block"),
    Scenario("bodies of all sizes", "-d 20", [
        call
        for size in (1, 15, 16, 17, 1023, 1024, 1025, 1100, 2048, 2049, 10_000, 65_536)
        for call in (
            Call(f"PUT of {size} bytes", "-m put -f {tmp}/in {u}/body", given={"in": BYTES[:size]}),
            Call(f"GET of {size} bytes", "-o {tmp}/out {u}/body"),
        )
    ], needs="block"),
    Scenario("blocks of all sizes", "-d 20", [
        call
        for size in (16, 32, 64, 128, 256, 512, 1024)
        for call in (
            Call(f"PUT in blocks of {size}", f"-m put -b {size} -f {{tmp}}/in {{u}}/body", given={"in": BYTES[:3000]}),
            Call(f"GET in blocks of {size}", f"-b {size} -o {{tmp}}/out {{u}}/body"),
            Call(f"NON PUT in blocks of {size}", f"-N -m put -b {size} -f {{tmp}}/in {{u}}/body", given={"in": BYTES[:2000]}),
            Call(f"NON GET in blocks of {size}", f"-N -b {size} -o {{tmp}}/out {{u}}/body"),
        )
    ], needs="block"),
    Scenario("blocks that are lost", "-l 2,5 -d 20", [
        Call("PUT", "-l 3 -m put -f {tmp}/in {u}/body", given={"in": BYTES[:3000]}),
        Call("GET", "-l 2,4 -o {tmp}/out {u}/body"),
    ], needs="block"),
]

MASKS = [
    (re.compile(rf"^{CLOCK}\.\d{{3}} ", re.M), "TIME "),
    (re.compile(rf"{CLOCK}\.\d{{3}} "), "TIME "),  # a log line right behind a payload without newline
    (re.compile(r"(127\.\d+\.\d+\.\d+|\[::1\]|::1):\d+"), "ADDRESS"),
    (re.compile(r"127\.\d+\.\d+\.\d+"), "ADDRESS"),
    (re.compile(r"coap-(client|server)-notls: "), r"coap-\1-notls: "),
    (re.compile(r"\S*/coap-(client|server)-notls"), r"coap-\1-notls"),
    (re.compile(r"0x[0-9a-f]{9,16}"), "POINTER"),
    (re.compile(r"\bi:[0-9a-f]{4}\b"), "i:MID"),
    (re.compile(r"mid=0x[0-9a-f]+"), "mid=MID"),
    (re.compile(r"\(\d+ms\)|\d+ms"), "MS"),
    (re.compile(r"Uri-Port:\d+"), "Uri-Port:PORT"),
    (re.compile(r",? ?Request-Tag:0x[0-9a-f]+|,? ?Request-Tag:"), ""),
    (re.compile(r"(sent|recv|received) +\d+ bytes"), r"\1 N bytes"),
    (re.compile(r"'" + CLOCK + "'"), "'CLOCK'"),
]
# Transports and block-wise bookkeeping that the log mentions in passing.
NOT_COMPARED = re.compile(r"created TCP  endpoint|lg_(crcv|srcv|xmit)|PDU presented by app|Interrupted system call")


def masked(text, case_mask=None):
    """`text` without what differs between two runs of the same library."""
    for pattern, replacement in MASKS:
        text = pattern.sub(replacement, text)
    if case_mask:
        text = re.sub(case_mask, "MASKED", text)
    return "\n".join(line for line in text.split("\n") if not NOT_COMPARED.search(line))


def run_scenario(scenario, programs, client_side, server_side):
    """{case name: text to compare}, with the server's own output and exit as the last case."""
    if scenario.family == 6:
        port = processes.free_port_v6()
        if port is None:
            return None
        host, uri = "::1", f"coap://[::1]:{port}"
    else:
        host, port = processes.loopback_address(), 5683
        uri = f"coap://{host}"
    argv = server_side.command(programs / "coap-server-notls", "-A", host, "-p", str(port),
                               *scenario.server_args.split())
    results = {}
    with processes.server(argv, server_side.environment(), (host, port)) as server:
        for call in scenario.calls:
            up = server.came_up
            results[call.name] = run_call(call, programs, client_side, uri) if up else "the server did not come up"
        alive = server.is_running()
        code, out, err = server.stop()
    log = masked(out + err)
    results["the server's output and exit"] = f"running {alive}, exit {code}\n{log}"
    return results


def run_until_it_ends(scenario, *sides):
    """A scenario's results. One in which a program did not end is run once more, and that is said: on a busy machine
    this happens with the reference on both sides too. What does not end twice is a failure."""
    results = run_scenario(scenario, *sides)
    stuck = [name for name, text in (results or {}).items() if text.startswith("exit None")]
    if stuck:
        print(f"# once more: {scenario.name}: {stuck[0]} did not end", flush=True)
        results = run_scenario(scenario, *sides)
    return results


def run_call(call, programs, side, uri):
    """What one client command answered, as text."""
    with tempfile.TemporaryDirectory(prefix="coap-interop-") as tmp:
        for name, content in call.given.items():
            (pathlib.Path(tmp) / name).write_bytes(content)
        args = [a.format(u=uri, tmp=tmp) for a in call.args.split()]
        argv = side.command(programs / "coap-client-notls", *args)
        code, out, err = processes.run(argv, side.environment(), call.stdin, CALL_LIMIT)
        text = f"exit {code}\n--- stdout\n{out}\n--- stderr\n{err}".replace(tmp, "TMP")
        written = pathlib.Path(tmp) / "out"
        if written.exists():
            content = written.read_bytes()
            shown = content.hex() if len(content) < 1000 else f"sha256 {hashlib.sha256(content).hexdigest()}"
            text += f"\n--- file of {len(content)} bytes\n{shown}"
    return masked(text, call.mask)


def difference(expected, found):
    """Nothing, or the lines in which they differ."""
    if expected == found:
        return None
    lines = difflib.unified_diff(expected.splitlines(), found.splitlines(), "expected", "found", n=1, lineterm="")
    return "\n".join(lines)


def expected_of(pair, text, mend):
    """The reference's answer, or our own where it is mended in the part that ours plays."""
    part, answer = mend or (None, None)
    client, server = pair.split("/")
    return answer if {"client": client, "server": server}.get(part) == "ours" else text


def suite(report, ours, without, only=None, jobs=12, reference=None):
    """Run every scenario in every combination of sides."""
    versions = [reference] if reference else ["4.3.5", "4.3.1"]
    trees = [(v, t) for v in versions if (t := sides.reference_tree(v, fetch=v == "4.3.1"))]
    programs_tree = sides.reference_tree("4.3.1")
    if not trees or programs_tree is None:
        report.skip("debian", "the package libcoap3-bin 4.3.1 is neither here nor fetchable with apt-get download")
        return
    version, tree = trees[0]
    if "block" in without:
        MASKS.append((re.compile(r"\{[0-9a-f]*\}"), "{TOKEN}"))  # block-wise clients put a token of their own on the wire
    programs = programs_tree / "usr/bin"
    ref = sides.side_of(tree, "ref")
    pairs = [("ref/ref", ref, ref), ("ours/ours", ours, ours), ("ours/ref", ours, ref), ("ref/ours", ref, ours)]
    print(f"# debian: programs 4.3.1, reference {version}; each case is client/server", flush=True)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        waiting = []
        for scenario in SCENARIOS:
            if only and only not in scenario.name:
                continue
            if scenario.needs in without:
                report.skip(f"debian {scenario.name}", f"left out by --without {scenario.needs}")
            elif scenario.newer and version != "4.3.5":
                report.skip(f"debian {scenario.name}", NEWER)
            else:
                runs = {name: pool.submit(run_until_it_ends, scenario, programs, c, s) for name, c, s in pairs}
                waiting.append((scenario, runs))
        for scenario, runs in waiting:
            expected = runs.pop("ref/ref").result()
            for pair, run in runs.items():
                found = run.result()
                if expected is None or found is None:
                    report.skip(f"debian {pair} {scenario.name}", "this machine has no ::1")
                    continue
                newer = {call.name for call in scenario.calls if call.newer} if version != "4.3.5" else ()
                mended = {call.name: call.mend for call in scenario.calls if call.mend}
                for case, text in expected.items():
                    name = f"debian {pair} {scenario.name}: {case}"
                    if case in newer:
                        report.skip(name, NEWER)
                    else:
                        report.check(name, difference(expected_of(pair, text, mended.get(case)), found[case]))
