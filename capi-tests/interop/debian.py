"""Debian's own coap-client-notls and coap-server-notls, unmodified, on our library and on the reference.

Each scenario starts one server and runs a list of client commands against it. It runs four times: with the reference
on both sides, which is the expectation, then with ours on both sides, ours as client, and ours as server. A case
passes when exit code, standard output, standard error and written files are the same.
"""

import concurrent.futures
import hashlib
import pathlib
import re
import tempfile

import processes
import programs as c_programs
import scenarios
import sides
from comparison import Comparisons, difference

NEWER = "4.3.1 answers in another way than 4.3.5, which is not here to compare with"

MASKS = [
    (re.compile(rf"^{scenarios.CLOCK}\.\d{{3}} ", re.M), "TIME "),
    (re.compile(rf"{scenarios.CLOCK}\.\d{{3}} "), "TIME "),  # a log line right behind a payload without newline
    (re.compile(r"(127\.\d+\.\d+\.\d+|\[::1\]|::1):\d+"), "ADDRESS"),
    (re.compile(processes.UNIX_PATHS), "ADDRESS"),
    (re.compile(r"127\.\d+\.\d+\.\d+"), "ADDRESS"),
    (re.compile(r"\S*/coap-(client|server)-(notls|openssl|gnutls)"), r"coap-\1-\2"),
    (re.compile(r"0x[0-9a-f]{9,16}"), "POINTER"),
    (re.compile(r"\bi:[0-9a-f]{4}\b"), "i:MID"),
    (re.compile(r"mid=0x[0-9a-f]+"), "mid=MID"),
    (re.compile(r"\(\d+ms\)|\d+ms"), "MS"),
    (re.compile(r"Uri-Port:\d+"), "Uri-Port:PORT"),
    (re.compile(r",? ?Request-Tag:0x[0-9a-f]+|,? ?Request-Tag:"), ""),
    (re.compile(r"(sent|recv|received) +\d+ bytes"), r"\1 N bytes"),
    (re.compile(r"'" + scenarios.CLOCK + "'"), "'CLOCK'"),
]
# Bookkeeping that the log mentions in passing.
NOT_COMPARED = re.compile(r"(create new|removed) subscription|lg_(crcv|srcv|xmit)|PDU presented by app|Interrupted system call")

# A client whose path is gone when it is answered, which is a matter of time.
GONE = re.compile(r"coap_socket_send: No such file or directory|coap_dispatch: error sending response")


class Programs:
    """Debian's programs of one version, in an unpacked tree. They are run with its C library where it has one, else with
    the machine's, or with what `loader` says."""

    def __init__(self, version, tree, ours, loader=None):
        self.version = version
        self._bin, self._loader = tree / "usr/bin", sides.loader_of(tree)
        self._ours = ours
        # Programs of 4.3.5 do not start without functions that they call for other transports only.
        names = (f"coap-client-{ours.variant}", f"coap-server-{ours.variant}")
        self._stand_ins = {name: c_programs.stand_ins(self._bin / name, ours) if self._loader else None for name in names}
        self._loader = self._loader or loader

    def command(self, side, name, *args):
        """The argument list that runs one of them, `coap-client` or `coap-server`, on a library."""
        name = f"{name}-{side.variant}"
        preload = self._stand_ins[name] if side is self._ours else None
        return side.command(self._bin / name, *args, loader=self._loader, preload=preload)


def masked(text, case_mask=None):
    """`text` without what differs between two runs of the same library."""
    for pattern, replacement in MASKS:
        text = pattern.sub(replacement, text)
    if case_mask:
        text = re.sub(case_mask, "MASKED", text)
    return "\n".join(line for line in text.split("\n") if not NOT_COMPARED.search(line))


def run_scenario(scenario, programs, client_side, server_side):
    """{case name: text to compare}, with the server's own output and exit as the last case."""
    listens = None
    if scenario.family == 6:
        port = processes.free_port_v6()
        if port is None:
            return None
        host, uri = "::1", f"coap://[::1]:{port}"
    elif scenario.unix:
        host, port = processes.unix_path(), None
        uri = f"{scenario.scheme}://{host.replace('/', '%2F')}"
    else:
        host, port = processes.loopback_address(), 5683
        uri = f"{scenario.scheme}://{host}"
        if scenario.scheme == "coap+tcp":
            listens = port
        if scenario.scheme == "coap+ws":
            listens = scenarios.WEBSOCKET_PORT
            uri += f":{listens}"
    place = ["-A", host, "-U", scenario.scheme] if scenario.unix else ["-A", host, "-p", str(port)]
    argv = programs.command(server_side, "coap-server", *place, *scenario.server_args.split())
    results = {}
    with processes.server(argv, server_side.environment(), (host, port), listens=listens) as server:
        for call in scenario.calls:
            if call.programs not in (None, programs.version):
                continue
            up = server.came_up
            results[call.name] = run_call(call, programs, client_side, uri) if up else "the server did not come up"
        alive = server.is_running()
        code, out, err = server.stop()
    log = masked(out + err)
    if scenario.unix:
        log = "\n".join(line for line in log.split("\n") if not GONE.search(line))
    results["the server's output and exit"] = f"running {alive}, exit {code}\n{log}"
    return results


def run_call(call, programs, side, uri, **names):
    """What one client command answered, as text. `names` are further words that the command may stand on."""
    with tempfile.TemporaryDirectory(prefix="coap-interop-") as tmp:
        for name, content in call.given.items():
            (pathlib.Path(tmp) / name).write_bytes(content)
        args = [a.format(u=uri, tmp=tmp, **names) for a in call.args.split()]
        argv = programs.command(side, "coap-client", *args)
        if call.changes:
            code, out, err = run_with_changes(call, argv, programs, side, uri, pathlib.Path(tmp))
        else:
            code, out, err = processes.run(argv, side.environment(), call.stdin, call.limit)
        text = f"exit {code}\n--- stdout\n{out}\n--- stderr\n{err}".replace(tmp, "TMP")
        written = pathlib.Path(tmp) / "out"
        if written.exists():
            content = written.read_bytes()
            shown = content.hex() if len(content) < 1000 else f"sha256 {hashlib.sha256(content).hexdigest()}"
            text += f"\n--- file of {len(content)} bytes\n{shown}"
    return masked(text, call.mask)


def run_with_changes(call, argv, programs, side, uri, tmp):
    """(exit code, stdout, stderr) of a command while the resource that it observes changes."""
    with processes.Background(argv, side.environment(), tmp) as observer:
        told = call.first
        for n, body in enumerate(call.changes):
            observer.has_printed(told, call.limit)
            change = tmp / f"change{n}"
            change.write_bytes(body)
            put = programs.command(side, "coap-client", *call.changed_by.split(), "-m", "put", "-f", str(change), f"{uri}/body")
            code, _, err = processes.run(put, side.environment(), None, call.limit)
            if code != 0 or err:
                return code, f"change {n} failed", err
            told += len(body)
        return observer.wait(call.limit)


def expected_of(pair, text, mend):
    """The reference's answer, or our own where it is mended in the part that ours plays."""
    part, answer = mend or (None, None)
    client, server = pair.split("/")
    return answer if {"client": client, "server": server}.get(part) == "ours" else text


def suite(report, ours, without, only=None, jobs=24, reference=None):
    """Run every scenario in every combination of sides."""
    versions = [reference] if reference else ["4.3.5", "4.3.1"]
    trees = [(v, t) for v in ("4.3.5", "4.3.1") if (t := sides.reference_tree(v, fetch=v == "4.3.1"))]
    compared = [(v, t) for v, t in trees if v in versions]
    if not compared:
        report.skip("debian", "the package libcoap3-bin 4.3.1 is neither here nor fetchable with apt-get download")
        return
    version, tree = compared[0]
    if "block" in without:
        MASKS.append((re.compile(r"\{[0-9a-f]*\}"), "{TOKEN}"))  # block-wise clients put a token of their own on the wire
    ref = sides.side_of(tree, "ref")
    pairs = {"ref/ref": (ref, ref), "ours/ours": (ours, ours), "ours/ref": (ours, ref), "ref/ours": (ref, ours)}
    # A program runs on the reference of its own version and on newer ones.
    programs = [Programs(v, t, ours) for v, t in reversed(trees) if v <= version]
    print(f"# debian: programs {', '.join(p.version for p in programs)}, reference {version}; each case is client/server",
          flush=True)
    comparisons = Comparisons(report)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        waiting = []
        for scenario in reversed(scenarios.SCENARIOS):  # those that wait for long stand last: they begin first
            if only and only not in scenario.name:
                continue
            if scenario.needs in without:
                report.skip(f"debian {scenario.name}", f"left out by --without {scenario.needs}")
            elif scenario.newer and version != "4.3.5":
                report.skip(f"debian {scenario.name}", NEWER)
            elif scenario.programs and not any(p.version == scenario.programs for p in programs):
                report.skip(f"debian {scenario.name}", f"the programs of {scenario.programs} are not here")
            else:
                for p in programs:
                    if scenario.programs in (None, p.version):
                        runs = {name: pool.submit(run_scenario, scenario, p, *pair) for name, pair in pairs.items()}
                        waiting.append((scenario, p, runs))
        for scenario, p, runs in waiting:
            compare(report, comparisons, scenario, p, pairs, {pair: run.result() for pair, run in runs.items()}, version)
    comparisons.settle()


def compare(report, comparisons, scenario, programs, sides_of, results, version):
    """Hold what came of a scenario with ours against what came of it with the reference alone."""
    expected = results.pop("ref/ref")
    newer = {call.name for call in scenario.calls if call.newer} if version != "4.3.5" else set()
    mended = {call.name: call.mend for call in scenario.calls if call.mend}
    for pair, found in results.items():
        label = f"debian {programs.version} {pair} {scenario.name}"
        if expected is None or found is None:
            report.skip(label, "this machine has no ::1")
            continue
        for case in newer & expected.keys():
            report.skip(f"{label}: {case}", NEWER)

        def judge(case, text, found, pair=pair):
            return difference(expected_of(pair, text, mended.get(case)), found)

        def again(pair=pair):
            return tuple(run_scenario(scenario, programs, *sides_of[which]) for which in ("ref/ref", pair))

        comparisons.hold(label, {case: text for case, text in expected.items() if case not in newer}, found, judge, again)
