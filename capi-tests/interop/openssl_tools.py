"""OpenSSL's own s_client and s_server at the other end of Debian's programs, which run on the library under test.

They do not know CoAP: what they are to say is written here, in bytes, and what they were told is looked for in what they print.
"""

import concurrent.futures
import dataclasses
import os
import re
import selectors
import shutil
import subprocess
import time

import processes
import wire

ANSWER = b"This is a test server"
TOKEN = b"tool"
PATIENCE = 10.0
KEY = "-psk 736563726574 -psk_identity me"
PSK = f"{KEY} -cipher PSK"
CCM8 = "PSK-AES128-CCM8:@SECLEVEL=0"
ECDSA_CCM8 = "ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=0"
SERVER_PSK = "-k secret -h hint"
SERVER_PKI = "-c {c}/server.pem -j {c}/server.key"
CLIENT_PSK = "-u me -k secret"
CLIENT_PKI = "-C {c}/ca.pem"
MINE = "-cert {c}/client.pem -key {c}/client.key"


@dataclasses.dataclass
class Case:
    """One of OpenSSL's programs, one of Debian's, and what must be seen of both."""

    name: str
    tool: str
    """What s_client or s_server is told; `{c}` is the directory of certificates."""
    program: str
    """What coap-server or coap-client is told."""
    sees: tuple = ()
    """Patterns that are found in what OpenSSL's program prints."""
    answered: bool = True
    """Whether the request is answered."""
    over: str = "dtls"
    ours_only: bool = False
    """RFC 7252 wants it, and the reference does not do it on each OpenSSL."""
    programs: str | None = None
    """Only for the programs of this version."""


def new(cipher):
    return (rf"New, \S+, Cipher is {cipher}",)


ANY = "(?!.NONE)"

AS_CLIENT = [
    Case("a key", PSK, SERVER_PSK, (r"PSK identity hint: hint", *new("ECDHE-PSK"))),
    Case("a key, CCM_8", f"{KEY} -cipher {CCM8}", SERVER_PSK, new("PSK-AES128-CCM8"), ours_only=True),
    Case("a key, CCM", f"{KEY} -cipher PSK-AES128-CCM", SERVER_PSK, new("PSK-AES128-CCM")),
    Case("a key, CCM_8 before GCM", f"{KEY} -cipher PSK-AES128-CCM8:PSK-AES128-GCM-SHA256:@SECLEVEL=0", SERVER_PSK, new("PSK-AES128-")),
    Case("another key", "-psk 00 -psk_identity me -cipher PSK", SERVER_PSK, answered=False),
    Case("a key, small datagrams", f"{KEY} -cipher ECDHE-PSK-CHACHA20-POLY1305 -mtu 256", SERVER_PSK, new("ECDHE-PSK")),
    # A server that keeps nothing before the cookie has come cannot put a hello together; OpenSSL's DTLSv1_listen does not either.
    Case("a hello in two datagrams", f"{PSK} -mtu 256", SERVER_PSK, answered=False, ours_only=True),
    Case("DTLS 1.0", f"{KEY} -dtls1 -cipher PSK:@SECLEVEL=0", SERVER_PSK, (r"alert protocol version|protocol version",), False, "dtls1.0"),
    Case("certificates", "-CAfile {c}/ca.pem", f"{SERVER_PKI} -n", (*new("ECDHE-ECDSA"), r"Verify return code: 0")),
    Case("certificates, CCM_8", f"-CAfile {{c}}/ca.pem -cipher {ECDSA_CCM8}", f"{SERVER_PKI} -n", new("ECDHE-ECDSA-AES128-CCM8"), ours_only=True),
    Case("certificates, CCM", "-CAfile {c}/ca.pem -cipher ECDHE-ECDSA-AES128-CCM", f"{SERVER_PKI} -n", new("ECDHE-ECDSA-AES128-CCM")),
    Case("certificates on P-256", "-CAfile {c}/ca.pem -groups P-256", f"{SERVER_PKI} -n", (*new("ECDHE-ECDSA"), r"Temp Key: ECDH, prime256v1")),
    Case("certificates of both", f"-CAfile {{c}}/ca.pem {MINE}", f"{SERVER_PKI} -C {{c}}/ca.pem", (r"Acceptable client certificate CA names\nCN ?= ?Test CA",)),
    Case("certificates of both, -R", f"-CAfile {{c}}/ca.pem {MINE}", f"{SERVER_PKI} -R {{c}}/ca.pem"),
    Case("no certificate where one is wanted", "-CAfile {c}/ca.pem", f"{SERVER_PKI} -C {{c}}/ca.pem", (r"alert handshake failure",), False),
    Case("a certificate of another authority", "-CAfile {c}/ca.pem -cert {c}/foreign.pem -key {c}/foreign.key", f"{SERVER_PKI} -C {{c}}/ca.pem", (r"alert unknown ca",), False),
    Case("an expired certificate, which Debian's programs allow", "-CAfile {c}/ca.pem -cert {c}/expired.pem -key {c}/expired.key", f"{SERVER_PKI} -C {{c}}/ca.pem"),
    Case("a long certificate of the client, small datagrams", "-CAfile {c}/ca.pem -cert {c}/long.pem -key {c}/long.key -mtu 300", f"{SERVER_PKI} -C {{c}}/ca.pem"),
    Case("a long certificate of the server", "-CAfile {c}/ca.pem", "-c {c}/long.pem -j {c}/long.key -n"),
    Case("long certificates of both", "-CAfile {c}/ca.pem -cert {c}/long.pem -key {c}/long.key -mtu 256", "-c {c}/long.pem -j {c}/long.key -C {c}/ca.pem"),
    Case("an RSA certificate", "-CAfile {c}/ca.pem", "-c {c}/rsa2048.pem -j {c}/rsa2048.key -n", new("ECDHE-RSA")),
    Case("a key, where there are certificates too", PSK, f"{SERVER_PSK} {SERVER_PKI} -n", new("ECDHE-PSK")),
    Case("certificates, where there is a key too", "-CAfile {c}/ca.pem", f"{SERVER_PSK} {SERVER_PKI} -n", new("ECDHE-ECDSA")),
    Case("a key or certificates", f"-CAfile {{c}}/ca.pem {KEY} -cipher ECDHE-ECDSA-AES128-GCM-SHA256:PSK-AES128-GCM-SHA256", f"{SERVER_PSK} {SERVER_PKI} -n", new("PSK-AES128-GCM-SHA256")),
    Case("certificates, where there is a key only", "-CAfile {c}/ca.pem", SERVER_PSK, (r"alert handshake failure",), False),
    Case("a key, where there are certificates only", PSK, f"{SERVER_PKI} -n", (r"alert handshake failure",), False),
]
for _version in ("tls1.2", "tls1.3"):
    _key = PSK if _version == "tls1.2" else KEY
    _failed = r"alert (handshake failure|certificate required)"
    AS_CLIENT += [
        Case("a key", _key, SERVER_PSK, (rf"(New|Reused), TLSv{_version[3:]}, Cipher is {ANY}",), over=_version),
        Case("another key", _key.replace("736563726574", "00"), SERVER_PSK, (r"alert (decrypt error|bad record mac|illegal parameter)",), False, _version),
        Case("a key, no ALPN", _key, SERVER_PSK, (r"No ALPN negotiated",), over=f"{_version} no alpn"),
        Case("certificates", "-CAfile {c}/ca.pem", f"{SERVER_PKI} -n", (rf"New, TLSv{_version[3:]}, Cipher is {ANY}", r"ALPN protocol: coap", r"Verify return code: 0"), over=_version),
        Case("certificates, no ALPN", "-CAfile {c}/ca.pem", f"{SERVER_PKI} -n", (r"No ALPN negotiated",), over=f"{_version} no alpn"),
        Case("certificates of both", f"-CAfile {{c}}/ca.pem {MINE}", f"{SERVER_PKI} -C {{c}}/ca.pem", (r"ALPN protocol: coap",), over=_version),
        Case("no certificate where one is wanted", "-CAfile {c}/ca.pem", f"{SERVER_PKI} -C {{c}}/ca.pem", (_failed,), False, _version),
        Case("a certificate of another authority", "-CAfile {c}/ca.pem -cert {c}/foreign.pem -key {c}/foreign.key", f"{SERVER_PKI} -C {{c}}/ca.pem", (r"alert unknown ca",), False, _version),
        Case("a long certificate of the server", "-CAfile {c}/ca.pem", "-c {c}/long.pem -j {c}/long.key -n", over=_version),
        Case("certificates, where there is a key too", "-CAfile {c}/ca.pem", f"{SERVER_PSK} {SERVER_PKI} -n", (rf"New, TLSv{_version[3:]}",), over=_version),
    ]
AS_CLIENT += [
    Case("a key, CCM_8", f"{KEY} -cipher {CCM8}", SERVER_PSK, new("PSK-AES128-CCM8"), over="tls1.2", ours_only=True),
    Case("certificates, CCM_8", f"-CAfile {{c}}/ca.pem -cipher {ECDSA_CCM8}", f"{SERVER_PKI} -n", new("ECDHE-ECDSA-AES128-CCM8"), over="tls1.2", ours_only=True),
    Case("TLS 1.1", f"{KEY} -cipher PSK:@SECLEVEL=0", SERVER_PSK, (r"protocol version",), False, "tls1.1"),
    Case("TLS 1.1, certificates", "-CAfile {c}/ca.pem -cipher ALL:@SECLEVEL=0", f"{SERVER_PKI} -n", (r"protocol version",), False, "tls1.1"),
]

AS_SERVER = [
    Case("a key", f"-nocert -psk_hint hint {PSK}", CLIENT_PSK, (r"CIPHER is \S*PSK",)),
    Case("a key, CCM_8", f"-nocert {KEY} -cipher {CCM8}", CLIENT_PSK, (r"CIPHER is PSK-AES128-CCM8",), ours_only=True),
    Case("another key", f"-nocert {PSK}", "-u me -k wrong", answered=False),
    Case("another identity", f"-nocert {PSK}", "-u you -k secret"),
    Case("small datagrams", "-cert {c}/server.pem -key {c}/server.key -mtu 256", CLIENT_PKI),
    Case("certificates", "-cert {c}/server.pem -key {c}/server.key", CLIENT_PKI, (r"CIPHER is ECDHE-ECDSA",)),
    Case("certificates, CCM_8", f"-cert {{c}}/server.pem -key {{c}}/server.key -cipher {ECDSA_CCM8}", CLIENT_PKI, (r"CIPHER is ECDHE-ECDSA-AES128-CCM8",), ours_only=True),
    Case("certificates, -R", "-cert {c}/server.pem -key {c}/server.key", "-R {c}/ca.pem"),
    Case("a long certificate, small datagrams", "-cert {c}/long.pem -key {c}/long.key -mtu 300", CLIENT_PKI),
    Case("an RSA certificate", "-cert {c}/rsa2048.pem -key {c}/rsa2048.key", CLIENT_PKI, (r"CIPHER is ECDHE-RSA",)),
    Case("a certificate of another authority", "-cert {c}/foreignserver.pem -key {c}/foreignserver.key", CLIENT_PKI, (r"alert unknown ca",), False),
    Case("an expired certificate, which Debian's programs allow", "-cert {c}/expired.pem -key {c}/expired.key", CLIENT_PKI),
    Case("certificates of both", "-cert {c}/server.pem -key {c}/server.key -CAfile {c}/ca.pem -Verify 2", f"{CLIENT_PKI} -c {{c}}/client.pem -j {{c}}/client.key", (r"subject=CN ?= ?client.example",)),
    Case("no certificate where one is wanted", "-cert {c}/server.pem -key {c}/server.key -CAfile {c}/ca.pem -Verify 2", CLIENT_PKI, (r"peer did not return a certificate",), False),
    Case("certificates, where a key is wanted", f"-nocert {PSK}", CLIENT_PKI, (r"no shared cipher",), False),
    Case("DTLS 1.0", f"-nocert {KEY} -dtls1 -cipher PSK:@SECLEVEL=0", CLIENT_PSK, (r"protocol version|unsupported protocol|alert",), False, "dtls1.0"),
]
for _version in ("tls1.2", "tls1.3"):
    _key = PSK if _version == "tls1.2" else KEY
    AS_SERVER += [
        # The client of 4.3.1 asks for the hint, which TLS 1.3 does not have.
        Case("a key", f"-nocert {_key}", CLIENT_PSK, (r"CIPHER is \S*(PSK|TLS_)",), over=_version,
             programs=None if _version == "tls1.2" else "4.3.5"),
        Case("another key", f"-nocert {_key}", "-u me -k wrong", (r"ERROR",), False, _version),
        Case("certificates", "-cert {c}/server.pem -key {c}/server.key", CLIENT_PKI, (r"ALPN protocols selected: coap",), over=_version),
        Case("a certificate of another authority", "-cert {c}/foreignserver.pem -key {c}/foreignserver.key", CLIENT_PKI, (r"alert unknown ca",), False, _version),
        Case("certificates of both", "-cert {c}/server.pem -key {c}/server.key -CAfile {c}/ca.pem -Verify 2", f"{CLIENT_PKI} -c {{c}}/client.pem -j {{c}}/client.key", (r"subject=CN ?= ?client.example",), over=_version),
        Case("a long certificate", "-cert {c}/long.pem -key {c}/long.key", CLIENT_PKI, over=_version),
    ]
AS_SERVER += [
    Case("certificates, no ALPN", "-cert {c}/server.pem -key {c}/server.key", CLIENT_PKI, over="tls1.3 no alpn"),
    Case("certificates, another ALPN", "-cert {c}/server.pem -key {c}/server.key -alpn http/1.1", CLIENT_PKI, (r"no application protocol",), False, "tls1.3 no alpn"),
    Case("TLS 1.1", f"-nocert {KEY} -cipher PSK:@SECLEVEL=0", CLIENT_PSK, (r"ERROR",), False, "tls1.1"),
]
VERSIONS = {"dtls": "-dtls1_2", "dtls1.0": "", "tls1.1": "-tls1_1 -alpn coap", "tls1.2": "-tls1_2 -alpn coap", "tls1.3": "-tls1_3 -alpn coap",
            "tls1.2 no alpn": "-tls1_2", "tls1.3 no alpn": "-tls1_3"}


class Tool:
    """One of OpenSSL's programs, talked to through pipes."""

    def __init__(self, argv, errors=True):
        self.printed = b""
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
                                         stderr=subprocess.STDOUT if errors else subprocess.DEVNULL)
        self._out = self._process.stdout
        os.set_blocking(self._out.fileno(), False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._out, selectors.EVENT_READ)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._selector.close()
        self._process.stdin.close()
        self._out.close()

    def say(self, data):
        try:
            self._process.stdin.write(data)
        except BrokenPipeError:
            pass

    def pipe(self):
        """The descriptor of its standard input."""
        return self._process.stdin.fileno()

    def prints(self, pattern, within=PATIENCE):
        """The match of a pattern in all that it has printed, as soon as it is there; None at its end, or after that time."""
        end = time.monotonic() + within
        while True:
            if match := re.search(pattern, self.printed, re.S):
                return match
            left = end - time.monotonic()
            if left <= 0 or not self._selector.select(left):
                return None
            data = self._out.read(65536)
            if not data:
                return re.search(pattern, self.printed, re.S)
            self.printed += data

    def ends(self, within=PATIENCE):
        """All it has printed, after its standard input has come to its end and it has gone."""
        self._process.stdin.close()
        self.prints(rb"(?!)", within)
        return self.printed


def ask_over(over):
    """The bytes of a GET of the root, with what comes before it on a stream."""
    return wire.encode(wire.CON, wire.GET, 0x1234, TOKEN) if over.startswith("dtls") else b"\x00\xe1\x04\x01" + TOKEN


def s_client(address, case, over, options, certificates, resume=()):
    """What openssl's client prints for one request."""
    argv = ["openssl", "s_client", "-connect", f"{address[0]}:{address[1]}", *over.split(), *options.format(c=certificates).split(), *resume]
    with Tool(argv) as tool:
        if not tool.prints(rb"Verify return code|no peer certificate available\n---\nNo client|alert|error", 3.0 if not case.answered else PATIENCE):
            return tool.printed
        tool.say(ask_over(case.over))
        tool.prints(re.escape(ANSWER) + rb".*bergmann.*|:error:|closed", 3.0 if not case.answered else PATIENCE)
        return tool.ends(2.0)


def wrong(case, printed):
    """What is wrong with what one of OpenSSL's programs has printed, or None."""
    text = printed.decode(errors="backslashreplace")
    faults = [f"not found: {pattern}" for pattern in case.sees if not re.search(pattern, text)]
    if (ANSWER in printed or TOKEN in printed) != case.answered:
        faults.append("not answered" if case.answered else "answered")
    return faults and "\n".join([*faults, *text.splitlines()[-60:]])


def play_client(case, play, side, certificates):
    """What is wrong with one case in which OpenSSL asks."""
    host = processes.loopback_address()
    argv = play.programs.command(side, "coap-server", "-A", host, "-p", "5683", *case.program.format(c=certificates).split())
    with processes.server(argv, side.environment(), (host, 5683), listens=5684) as server:
        if not server.came_up:
            return f"the server did not come up: {server.stderr()}"
        problem = wrong(case, s_client((host, 5684), case, VERSIONS[case.over], case.tool, certificates))
        code, out, err = server.stop()
    if code != 0:
        problem = f"{problem or ''}\nthe server's exit: {code}"
    return problem and f"{problem}\nthe server: {out}{err}"


def play_server(case, play, side, certificates):
    """What is wrong with one case in which OpenSSL answers."""
    host, port = processes.loopback_address(), 5684
    datagrams = case.over.startswith("dtls")
    argv = ["openssl", "s_server", "-accept", f"{host}:{port}", *VERSIONS[case.over].split(), *(["-listen"] if datagrams else []),
            *case.tool.format(c=certificates).split()]
    scheme = "coaps" if datagrams else "coaps+tcp"
    with Tool(argv) as tool:
        if not tool.prints(rb"ACCEPT"):
            return f"s_server did not come up: {tool.printed}"
        asking = play.programs.command(side, "coap-client", "-B", "2" if not case.answered else "8", "-T", TOKEN.decode(),
                                       *case.program.format(c=certificates).split(), f"{scheme}://{host}/")
        client = subprocess.Popen(asking, env=side.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            if not datagrams and tool.prints(rb"CIPHER is", 2.0 if not case.answered else PATIENCE):
                tool.say(b"\x00\xe1")
            asked = tool.prints(rb"([\x40-\x5f]\x01(..)|\x01)" + TOKEN, 2.0 if not case.answered else PATIENCE)
            if asked and datagrams:
                tool.say(wire.encode(wire.ACK, 0x45, int.from_bytes(asked[2], "big"), TOKEN, payload=ANSWER))
            elif asked:
                payload = b"\xff" + ANSWER
                tool.say(bytes([0xD0 | len(TOKEN), len(payload) - 13, 0x45]) + TOKEN + payload)
            said = client.communicate(timeout=12)[0]
        except subprocess.TimeoutExpired:
            client.kill()
            return f"the client did not end: {client.communicate()[0]}"
        tool.prints(rb"ERROR|DONE|shutting down", 0.5)
        problem = wrong(case, tool.ends(1.0))
    if (ANSWER in said) != case.answered or client.returncode != 0:
        problem = f"{problem or ''}\nthe client's exit: {client.returncode}"
    return problem and f"{problem}\nthe client: {said.decode(errors='backslashreplace')}"


def resumed(over, scheme_server, options, play, side, certificates):
    """What is wrong when a session of OpenSSL's client is taken up again, and when its ticket is broken."""
    host = processes.loopback_address()
    case = Case("resumption", options, scheme_server, over=over)
    session = certificates / f"session-{host}-{over}"
    argv = play.programs.command(side, "coap-server", "-A", host, "-p", "5683", *scheme_server.format(c=certificates).split())
    with processes.server(argv, side.environment(), (host, 5683), listens=5684) as server:
        first = s_client((host, 5684), case, VERSIONS[over], options, certificates, ("-sess_out", str(session)))
        second = s_client((host, 5684), case, VERSIONS[over], options, certificates, ("-sess_in", str(session)))
    if ANSWER not in first or not re.search(rb"\nNew, ", first):
        return f"the first one: {first.decode(errors='backslashreplace')}"
    if ANSWER not in second or not re.search(rb"\nReused, ", second):
        return f"the second one: {second.decode(errors='backslashreplace')}"
    return None


def suite(report, side, plays, certificates, only=None):
    """Each case with the programs of each version."""
    if shutil.which("openssl") is None:
        report.skip("openssl", "openssl is not here")
        return
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        waiting = []

        def begin(label, run, *args):
            if not only or only in label:
                waiting.append((label, pool.submit(run, *args)))

        for play in plays:
            version = play.programs.version
            for word, cases, run in (("s_client", AS_CLIENT, play_client), ("s_server", AS_SERVER, play_server)):
                for case in cases:
                    if not (case.ours_only and side.is_reference) and case.programs in (None, version):
                        begin(f"openssl {version} {word}, {case.over}: {case.name}", run, case, play, side, certificates)
            # The reference's server cannot take up a session in which the client had a certificate.
            for over, server, options in (("dtls", SERVER_PSK, PSK), ("dtls", f"{SERVER_PKI} -n", "-CAfile {c}/ca.pem"),
                                          ("dtls", f"{SERVER_PKI} -C {{c}}/ca.pem", f"-CAfile {{c}}/ca.pem {MINE}"),
                                          ("tls1.2", SERVER_PSK, PSK), ("tls1.2", f"{SERVER_PKI} -n", "-CAfile {c}/ca.pem"),
                                          ("tls1.3", f"{SERVER_PKI} -n", "-CAfile {c}/ca.pem")):
                if not (side.is_reference and "-C" in server):
                    begin(f"openssl {version} s_client, {over}: a session that is resumed, {server}", resumed, over, server, options, play, side, certificates)
        for label, run in waiting:
            report.check(label, run.result())
