"""Proxies that were not written for this library, and clients and servers on both sides of them.

Debian's coap-server-notls is the proxy in chains of unmodified programs: client, proxy, perhaps a second one, and server. Each
chain runs with the reference in all parts, which is the expectation, then with ours in all, and with ours in one part at a
time. aiocoap asks through that proxy on ours, and answers behind it; aiocoap's own proxies, a forward proxy and the resource
directory, stand between our client and our server.
"""

import concurrent.futures
import contextlib
import dataclasses
import pathlib
import tempfile

import against_aiocoap
import debian
import processes
import programs as c_programs
import sides
from comparison import Comparisons, difference
from scenarios import BYTES, TEXT, Call

PARTS = ("client", "proxy", "server")


@dataclasses.dataclass
class Chain:
    """In its arguments and calls, {h} stands for the server's host, {p} for the proxy's and {q} for the second proxy's."""

    name: str
    proxy: str
    """Arguments of the proxy."""
    calls: list
    second: str | None = None
    """Arguments of a proxy behind the proxy."""
    like: str | None = None
    """The chain that says what must come where ours is the proxy, since the reference answers 4.04 to everything."""
    secure: bool = False
    """Servers and clients have a key, and the servers endpoints for it."""


def methods(proxy, server):
    """What is asked of a server; `proxy` are the client's arguments that name the proxy."""
    return [
        Call("GET of an unknown path", f"{proxy} {server}/nowhere"),
        Call("PUT", f"-m put -e first {proxy} {server}/dyn"),
        Call("GET", f"{proxy} {server}/dyn"),
        Call("NON PUT", f"-N -m put -e second {proxy} {server}/dyn"),
        Call("NON GET", f"-N {proxy} {server}/dyn"),
        Call("query", f"{proxy} {server}/.well-known/core?rt=ticks"),
        Call("PUT with a content format", f"-m put -t 50 -e [] {proxy} {server}/json"),
        Call("GET with Accept", f"-A 50 {proxy} {server}/json"),
        Call("POST where no handler is", f"-m post -e x {proxy} {server}/"),
        Call("FETCH where no handler is", f"-m fetch -e x {proxy} {server}/"),
        Call("iPATCH where no handler is", f"-m ipatch -e x {proxy} {server}/"),
        Call("a token of eight bytes", f"-T 12345678 {proxy} {server}/dyn"),
        Call("DELETE", f"-m delete {proxy} {server}/dyn"),
        Call("GET after DELETE", f"{proxy} {server}/dyn"),
    ]


def bodies(proxy, server):
    return [
        Call("PUT of 10,000 bytes", f"-m put -f {{tmp}}/in {proxy} {server}/large", given={"in": TEXT}),
        Call("GET of 10,000 bytes", f"-o {{tmp}}/out {proxy} {server}/large"),
        Call("NON GET of 10,000 bytes", f"-N -o {{tmp}}/out {proxy} {server}/large"),
        Call("PUT in blocks of 64", f"-m put -b 64 -f {{tmp}}/in {proxy} {server}/small", given={"in": TEXT[:1000]}),
        Call("GET in blocks of 64", f"-b 64 -o {{tmp}}/out {proxy} {server}/small"),
        Call("PUT of 100,000 bytes", f"-m put -f {{tmp}}/in {proxy} {server}/huge", given={"in": BYTES[:100_000]}),
        Call("GET of 100,000 bytes", f"-o {{tmp}}/out {proxy} {server}/huge"),
    ]


def observations(proxy, server):
    """The changes are made at the server itself."""
    return [
        Call("PUT", f"-m put -e start {proxy} {server}/body"),
        Call("observe small bodies", f"-s 3 {proxy} {server}/body", first=5, changes=(b"one", b"two", b"three")),
        Call("observe bodies of several blocks", f"-s 3 {proxy} {server}/body", first=5, changes=(TEXT[:3000], b"small", TEXT[:5000])),
    ]


VIA = "-P coap://{p}"
# The reference answers 5.00, or nothing.
UNREACHABLE = "exit 0\n--- stdout\n\n--- stderr\n5.02 Bad Gateway\n"

CHAINS = [
    Chain("direct", "-P ,proxy.example", [
        *methods(VIA, "coap://{h}"), *bodies(VIA, "coap://{h}"), *observations(VIA, "coap://{h}"),
        Call("the proxy's own name", f"{VIA} coap://proxy.example/"),
        Call("a name that is not known", f"{VIA} coap://no.such.host.invalid/"),
        Call("a scheme that is not supported", f"{VIA} coaps://{{h}}/"),
        Call("a refused connection", f"-B 4 {VIA} coap+tcp://{{h}}:1/", mend=UNREACHABLE),
        Call("a refused datagram", f"-B 4 {VIA} coap://{{h}}:1/", mend=UNREACHABLE),
    ]),
    Chain("direct, the client over TCP", "-P ,proxy.example",
          methods("-P coap+tcp://{p}", "coap://{h}") + observations("-P coap+tcp://{p}", "coap://{h}")),
    Chain("direct, the server over TCP", "-P ,proxy.example",
          methods(VIA, "coap+tcp://{h}") + bodies(VIA, "coap+tcp://{h}") + observations(VIA, "coap+tcp://{h}")),
    Chain("forward to a second proxy", "-P coap://{q},proxy.example", methods(VIA, "coap://{h}") + observations(VIA, "coap://{h}"),
          second="-P ,second.example"),
    Chain("forward to a second proxy over TCP", "-P coap+tcp://{q},proxy.example", methods(VIA, "coap://{h}"),
          second="-P ,second.example"),
    # To the reference an empty name stands for all of them.
    Chain("no name is its own", "-P coap://{h},", [
        Call("GET", f"{VIA} coap://any.example/example_data", mend="exit 0\n--- stdout\n\n--- stderr\n5.05 Proxying Not Supported\n"),
    ]),
    Chain("reverse", "-f coap://{h}", methods("", "coap://{p}") + bodies("", "coap://{p}"), like="direct"),
    Chain("reverse, the server over TCP", "-f coap+tcp://{h}", methods("", "coap://{p}") + bodies("", "coap://{p}"),
          like="direct, the server over TCP"),
]


def secured():
    """The same with a key, on one side of the proxy or on both, without large bodies: where DTLS is on either side, the
    reference's proxy now and then sends on what else was in memory."""
    me = "-u me"
    found = []
    for name, proxy, via, server in (
        ("the client over DTLS", "-P ,proxy.example", "-P coaps://{p}", "coap://{h}"),
        ("the client over TLS", "-P ,proxy.example", "-P coaps+tcp://{p}", "coap://{h}"),
        ("the server over DTLS", f"-P ,proxy.example {me}", VIA, "coaps://{h}"),
        ("the server over TLS", f"-P ,proxy.example {me}", VIA, "coaps+tcp://{h}"),
        ("both over DTLS", f"-P ,proxy.example {me}", "-P coaps://{p}", "coaps://{h}"),
    ):
        found.append(Chain(name, proxy, methods(via, server) + observations(via, server)[:2], secure=True))
    return found + [
        Chain("forward to a second proxy over DTLS", f"-P coaps://{{q}},proxy.example {me}",
              methods("-P coaps://{p}", "coap://{h}"), second="-P ,second.example", secure=True),
        Chain("reverse, both over DTLS", f"-f coaps://{{h}} {me}", methods("", "coaps://{p}"), like="both over DTLS", secure=True),
    ]


def run_chain(chain, programs, parts):
    """{case name: text to compare}, with the exit of proxies and server as the last case."""
    hosts = {"{h}": processes.loopback_address(), "{p}": processes.loopback_address(), "{q}": processes.loopback_address()}

    def at(text):
        for word, host in hosts.items():
            text = text.replace(word, host)
        return text

    def server(side, word, args):
        host, key = hosts[word], ("-k", "secret", "-h", "hint") if chain.secure else ()
        argv = programs.command(side, "coap-server", "-A", host, *key, *at(args).split())
        return processes.server(argv, side.environment(), (host, 5683), listens=5684 if chain.secure else 5683)

    key = "-u me -k secret " if chain.secure else ""

    results = {}
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(server(parts["server"], "{h}", "-d 10"))]
        if chain.second:
            running.append(stack.enter_context(server(parts["proxy"], "{q}", chain.second)))
        running.append(stack.enter_context(server(parts["proxy"], "{p}", chain.proxy)))
        up = all(r.came_up for r in running)
        for call in chain.calls:
            placed = dataclasses.replace(call, args=at(key + call.args), changed_by=key)
            results[call.name] = debian.run_call(placed, programs, parts["client"], at("coap://{h}")) if up else "a server did not come up"
        alive = [r.is_running() for r in running]
        results["the exit of proxies and server"] = f"running {alive}, exit {[r.stop()[0] for r in running]}"
    return results


def plain_chains(report, ours, only, pool):
    tree = sides.reference_tree("4.3.5", fetch=False)
    if tree is None:
        report.skip("proxies debian", "the packages of 4.3.5 are not here")
    else:
        play_chains(report, CHAINS, ours, sides.side_of(tree, "ref"), debian.Programs("4.3.5", tree, ours), only, pool)


def play_chains(report, chains, ours, ref, programs, only, pool):
    """Debian's programs in all parts."""
    chosen = [chain for chain in chains if not only or only in chain.name]
    mends = not ours.is_reference
    alone = {chain.name: pool.submit(run_chain, chain, programs, dict.fromkeys(PARTS, ref))
             for chain in chains if chain in chosen or chain.name in [c.like for c in chosen]}
    sets = {part: {p: ours if part in (p, "all") else ref for p in PARTS} for part in (*PARTS, "all")}
    with_ours = [(chain, part, pool.submit(run_chain, chain, programs, sets[part])) for chain in chosen for part in sets]
    comparisons = Comparisons(report)
    for chain, part, run in with_ours:
        mended = {call.name: call.mend for call in chain.calls if call.mend} if mends and part in ("proxy", "all") else None
        like = next((other for other in chains if mended is not None and other.name == chain.like), chain)

        def judge(case, expected, found, mended=mended):
            return difference((mended or {}).get(case, expected), found)

        def again(chain=chain, like=like, part=part):
            alone = run_chain(chain, programs, dict.fromkeys(PARTS, ref))
            expected = alone if like is chain else run_chain(like, programs, dict.fromkeys(PARTS, ref))
            return {case: expected[case] for case in alone}, run_chain(chain, programs, sets[part])

        expected = {case: alone[like.name].result()[case] for case in alone[chain.name].result()}
        comparisons.hold(f"proxies debian, ours as {part}, {chain.name}", expected, run.result(), judge, again)
    comparisons.settle()


# ---- aiocoap on one side of Debian's program ----


def debian_proxy(programs, side, arguments):
    """Starts coap-server-notls as a proxy: for `against_aiocoap`."""
    @contextlib.contextmanager
    def start(host):
        own = processes.loopback_address()
        argv = programs.command(side, "coap-server", "-A", own, *arguments.format(h=host).split())
        with processes.server(argv, side.environment(), (own, 5683), listens=5683) as proxy:
            if not proxy.came_up:
                raise RuntimeError(f"the proxy did not come up: {proxy.stderr()}")
            yield own
    return start


def without_ping(table):
    """A ping is for the next hop, not for the server behind."""
    return [row for row in table if row[0] != "ping"]


def with_aiocoap(report, python, server, client, ours, begin):
    if ours.is_reference:
        report.skip("proxies with aiocoap", "4.3.5 loses the path of what aiocoap asks its proxy, and its reverse proxy answers 4.04")
        return
    tree = sides.reference_tree("4.3.5", fetch=False)
    if tree is None:
        report.skip("proxies with aiocoap", "the packages of 4.3.5 are not here")
        return
    programs = debian.Programs("4.3.5", tree, ours)
    direct, reverse = (debian_proxy(programs, ours, arguments) for arguments in ("-P ,proxy.example", "-f coap://{h}"))
    for what, options in (("small", ()), ("bodies", ("block-mode", "3"))):
        # That GET has another token than the registration, which has its own one with the server (RFC 7641 section 3.6).
        begin(against_aiocoap.as_client, report, python, server, ours, processes.loopback_address(), 5683,
              f"as client of Debian's proxy, {what}", what, *options, proxy=direct, but=("observe, ended by GET",))
    begin(against_aiocoap.as_server, report, python, client, ours, "behind Debian's reverse proxy, small",
          without_ping(against_aiocoap.AS_SERVER), proxy=reverse)
    begin(against_aiocoap.as_server, report, python, client, ours, "behind Debian's reverse proxy, bodies",
          against_aiocoap.AS_SERVER_WITH_BODIES, "mode:3", proxy=reverse)


# ---- aiocoap as the proxy ----

DOMAIN = "directory.example"
BY_NAME = [
    ("get:text", "2.05 'hello from the node'"),
    ("nget:text", "2.05 'hello from the node'"),
    ("put:text=changed", "2.04 ''"),
    ("get:text", "2.05 'changed'"),
    ("get:body", "2.05 5000 bytes"),
    ("get:nowhere", "4.04 'Not Found'"),
    ("post:text=x", "4.05 'Method Not Allowed'"),
]
FORWARDED = [
    ("get:hello", "2.05 'hello'"),
    ("put:hello=through a proxy", "2.04 ''"),
    ("get:hello", "2.05 'through a proxy'"),
    ("nget:hello", "2.05 'through a proxy'"),
    ("post:echo=payload", "2.04 'payload'"),
    ("get:separate", "2.05 'separate'"),
    ("get:nowhere", "4.04 'Not Found'"),
    ("put:body=#5000", "2.04 ''"),
    ("get:body", "2.05 5000 bytes"),
]


def aiocoap_program(python, name, *arguments):
    return [str(python.parent / name), *arguments]


def ask(report, client, side, host, label, table, *options):
    """Our client's steps, and what must come of each."""
    steps = [step for step, _ in table if step != "told"]
    code, out, err = processes.run(side.command(client, host, "5683", "mode:3", *options, *steps), side.environment(), within=90)
    answers = against_aiocoap.parse_lines(out, " -> ")
    for i, (step, expected) in enumerate(table):
        found = answers[i] if i < len(answers) else ("", f"nothing (exit {code}) {err[-300:]}")
        report.check(f"proxies {label}: {i + 1} {step}",
                     found != (step, expected) and f"expected {expected}\nfound    {found[1]}")
    report.check(f"proxies {label}: the client ends cleanly", (code, err) != (0, "") and f"exit {code} {err}")


def resource_directory(report, python, node, client, side):
    """A server registers at aiocoap's directory, and is asked by its name there."""
    label, host = "aiocoap's resource directory", processes.loopback_address()
    argv = aiocoap_program(python, "aiocoap-rd", "--bind", host, "--proxy-domain", DOMAIN)
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(processes.server(argv, None, (f"::ffff:{host}", 5683), 20.0))
        if not directory.came_up:
            report.fail(f"proxies {label}", f"it did not come up: {directory.stderr()}")
            return
        place = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="coap-interop-")))
        registered = stack.enter_context(processes.Background(side.command(node, host, "5683", "node1"), side.environment(), place))
        registered.has_printed(len("registered: 2.01\n"), 10.0)
        ask(report, client, side, host, label, BY_NAME, f"with:3=node1.{DOMAIN}")
        ask(report, client, side, host, f"{label}, a name that nobody has", [("get:text", "5.05 'no registration with that name'")], f"with:3=other.{DOMAIN}")
        code, out, err = registered.interrupt()
        report.check(f"proxies {label}: the server ends cleanly",
                     (code, out, err) != (0, "registered: 2.01\n", "") and f"exit {code} {out} {err}")


def forward_proxy(report, python, server, client, side):
    """aiocoap's forward proxy, in front of our server. It wants the parts of the URI in options of their own, and stops at an
    assertion of its own when it is asked to observe."""
    label, host, own = "aiocoap's forward proxy", processes.loopback_address(), processes.loopback_address()
    argv = aiocoap_program(python, "aiocoap-proxy", "--forward", "--bind", own)
    served = side.command(server, host, "5683", "block-mode", "3")
    with (processes.server(served, side.environment(), (host, 5683)) as behind,
          processes.server(argv, None, (f"::ffff:{own}", 5683), 20.0) as proxy):
        if not (behind.came_up and proxy.came_up):
            report.fail(f"proxies {label}", f"it did not come up: {behind.stderr()}{proxy.stderr()}")
            return
        ask(report, client, side, own, label, FORWARDED, "with:39=coap", f"with:3={host}")
        code, _, err = behind.stop()
        report.check(f"proxies {label}: the server ends cleanly", (code, err) != (0, "") and f"exit {code} {err}")


def suite(report, ours, without, only=None, reference=None):
    """All of it."""
    del reference
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        plain_chains(report, ours, only, pool)
    python = against_aiocoap.virtual_environment()
    if python is None:
        report.skip("proxies with aiocoap", f"aiocoap {against_aiocoap.VERSION} cannot be installed into a virtual environment here")
        return
    built = c_programs.built(report, "proxies", ours, without, ("server", "client", "node"))
    if built is None:
        return
    server, client, node = built
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        running = []

        def begin(*run, **how):
            running.append(pool.submit(*run, **how))

        with_aiocoap(report, python, server, client, ours, begin)
        begin(resource_directory, report, python, node, client, ours)
        begin(forward_proxy, report, python, server, client, ours)
        for run in running:
            run.result()
