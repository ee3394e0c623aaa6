"""The variant for OpenSSL with programs that were not written for it: Debian's, which are the reference's own."""

import concurrent.futures
import contextlib
import os
import pathlib
import re
import subprocess
import tempfile
import threading

import against_aiocoap
import debian
import hostile_secured
import openssl_tools
import processes
import proxies
import secured_scenarios
import sides
from comparison import Comparisons, difference

CERTIFICATES = sides.ROOT / "capi-tests/certificates/make"
WEBSOCKETS = 8443
# Lines that are not compared. A flight that comes again, and a connection that is closed before its last alert was read:
OF_TIME = (r"Discarded replayed handshake packet|do_gnutls_handshake: session establish returned"
           r"|SSL_connect:error in SSLv3/TLS (write client|read server) hello"
           r"|(TLS |WSS) ?: (SSL3 alert read:fatal|(tlsv1|tlsv13|ssl/tls) alert|SSL_(connect|accept):error in)")
# What is said in other words or at another level, and what the reference finds in OpenSSL's queue, from the reading of files:
OF_WORDS = r"connect( failed)?: Connection refused|unsuitable certificate purpose|no start line|has no (EC-JPAKE|[Cc]onnection.[iI][Dd])"
NOT_COMPARED = re.compile(f"{OF_TIME}|{OF_WORDS}")
# Ours names the function that refused something.
FUNCTION = re.compile(r"coap_new_client_session_\w+: ")
# Debian's client tries again and again to send over what is closed.
TRIED = re.compile(r"(\S+ ERR  cannot send CoAP pdu\n?)+")


class Play:
    """What a scenario is played with: the programs of one version, and the directory of certificates."""

    def __init__(self, programs, certificates):
        self.programs, self.certificates, self._token = programs, certificates, threading.Lock()

    def run(self, scenario, client, server):
        """{case name: text to compare}, with the server's own output and exit as the last case."""
        with tempfile.TemporaryDirectory(prefix="coap-interop-") as tmp:
            for name, content in scenario.given.items():
                (pathlib.Path(tmp) / name).write_bytes(content.replace(b"{c}", str(self.certificates).encode()))
            with self._token if scenario.token else contextlib.nullcontext():
                return self._run(scenario, client, server, tmp)

    def _run(self, scenario, client, server, tmp):
        host, port, name = processes.loopback_address(), 5683, None
        if scenario.by_name:
            host, port, name = "127.0.0.1", processes.free_ports(), "localhost"
        secure_port = port + 1
        place = ["-A", host, "-p", str(port)]
        if scenario.scheme == "coaps+ws":
            secure_port = port + 3 if scenario.by_name else WEBSOCKETS
            place += ["-w", f"{port + 2},{secure_port}"]
        uri = f"{scenario.scheme}://{name or host}:{secure_port}"
        if scenario.unix:
            host, port, secure_port = processes.unix_path(), None, None
            place, uri = ["-A", host, "-U", scenario.scheme], f"{scenario.scheme}://{host.replace('/', '%2F')}"
        options = [word.format(c=self.certificates, tmp=tmp) for word in re.split(" ", scenario.server_args)]
        argv = self.programs.command(server, "coap-server", *place, *options)
        listens = None if scenario.plain or scenario.unix else secure_port if scenario.scheme == "coaps+ws" else port + 1
        results = {}
        with processes.server(argv, server.environment(), (host, port), listens=listens) as running:
            for call in scenario.calls:
                if call.programs in (None, self.programs.version):
                    results[call.name] = self._call(scenario, call, client, uri) if running.came_up else "the server did not come up"
            if scenario.shown:
                running.settles()
            alive = running.is_running()
            code, out, err = running.stop()
        results["the server's output and exit"] = shown(scenario, f"running {alive}, exit {code}\n", debian.masked(out + err))
        return {name: text.replace(str(self.certificates), "CERTIFICATES").replace(tmp, "TMP") for name, text in results.items()}

    def _call(self, scenario, call, client, uri):
        text = debian.run_call(call, self.programs, client, uri, c=self.certificates)
        return shown(scenario, "", text)


def shown(scenario, head, text):
    """`text` as it is compared: all of it, or the lines that a scenario names."""
    text = FUNCTION.sub("", TRIED.sub(r"\1", text))
    lines = (line for line in text.split("\n") if re.search(scenario.shown or "", line) and not NOT_COMPARED.search(line))
    return head + "\n".join(lines)


def certificates():
    """A directory of new certificates, for this run."""
    directory = sides.ROOT / "target/interop/certificates"
    subprocess.run(["rm", "-rf", str(directory)], check=True)
    subprocess.run([str(CERTIFICATES), str(directory)], check=True, capture_output=True)
    return directory


def pairs_of(scenario, ref, ours, gnutls):
    """(name, client, server) of what is compared, each with that of the reference which it must be like."""
    yield "ours/ours", (ours, ours), (ref, ref)
    yield "ours/ref", (ours, ref), (ref, ref)
    yield "ref/ours", (ref, ours), (ref, ref)
    if scenario.gnutls:
        yield "ours/gnutls", (ours, gnutls), (ref, gnutls)
        yield "gnutls/ours", (gnutls, ours), (gnutls, ref)


def play_all(report, ours, plays, ref, gnutls, without, only, jobs=24):
    """Every scenario in every combination of sides."""
    print(f"# secured: programs {', '.join(p.programs.version for p in plays)}; each case is client/server", flush=True)
    comparisons = Comparisons(report)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        waiting = []
        for scenario in secured_scenarios.SCENARIOS:
            if only and only not in scenario.name:
                continue
            if scenario.needs in without:
                report.skip(f"secured {scenario.name}", f"left out by --without {scenario.needs}")
                continue
            for play in plays:
                if scenario.programs not in (None, play.programs.version):
                    continue
                runs = {}
                for _, found, expected in pairs_of(scenario, ref, ours, gnutls):
                    for pair in (expected, found):
                        if pair not in runs:
                            runs[pair] = pool.submit(play.run, scenario, *pair)
                waiting.append((scenario, play, runs))
        for scenario, play, runs in waiting:
            for name, found, expected in pairs_of(scenario, ref, ours, gnutls):
                compare(comparisons, play, scenario, name, (expected, found), (runs[expected].result(), runs[found].result()))
    comparisons.settle()


def compare(comparisons, play, scenario, name, pairs, results):
    """Hold what came of a scenario with ours against what came of it with the reference."""
    mended = {call.name: call.mend for call in scenario.calls if call.mend}

    def judge(case, expected, found):
        return difference(debian.expected_of(name, expected, mended.get(case)), found)

    def again():
        return tuple(play.run(scenario, *pair) for pair in pairs)

    comparisons.hold(f"secured {play.programs.version} {name} {scenario.name}", *results, judge, again)


def suite(report, ours, without, only=None, reference=None):
    """Debian's programs with each other, and with OpenSSL's."""
    del reference
    trees = [(v, t) for v in ("4.3.5", "4.3.1") if (t := sides.reference_tree(v, fetch=v == "4.3.1"))]
    if not trees:
        report.skip("secured", "the package libcoap3-bin 4.3.1 is neither here nor fetchable with apt-get download")
        return
    made = certificates()
    # Where engines find the token that is among them.
    os.environ.update(SOFTHSM2_CONF=str(made / "softhsm.conf"), PKCS11_MODULE_PATH=str(made / "softhsm.so"))
    if trees[0][0] == "4.3.5":
        ref, gnutls = (sides.side_of(trees[0][1], name, name if name == "gnutls" else "openssl") for name in ("ref", "gnutls"))
        # All are run with the same OpenSSL: its words for what goes wrong change from version to version.
        plays = [Play(debian.Programs(v, t, ours, loader=ref.loader), made) for v, t in trees]
        play_all(report, ours, plays, ref, gnutls, without, only)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            proxies.play_chains(report, proxies.secured(), ours, ref, plays[0].programs, only, pool)
    else:
        report.skip("secured: Debian's programs", "4.3.5 is not here to compare with")
    if not only or only in "hostile":
        hostile_secured.suite(report, ours, made)
    if not only or only in "aiocoap":
        against_aiocoap.over_dtls(report, ours)
    # And here with the OpenSSL that each was made for.
    openssl_tools.suite(report, ours, [Play(debian.Programs(v, t, ours), made) for v, t in trees], made, only)
