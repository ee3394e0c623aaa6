"""What Debian's programs are told to do over DTLS, TLS and secured WebSockets: one server, and client commands in order.

In arguments `{c}` stands for the directory of certificates (`../certificates/make` says what is in it), `{tmp}` for one
that holds what is `given`, and `{u}` for the URI of the server.
"""

import dataclasses

import scenarios
from scenarios import Call

SCHEMES = ("coaps", "coaps+tcp", "coaps+ws")
WORDS = {"coaps": "DTLS", "coaps+tcp": "TLS", "coaps+ws": "secured WebSockets"}
# How long a client may wait for what does not come: neither end of a DTLS handshake learns that the keys differ.
IN_VAIN = "-B 2"


@dataclasses.dataclass
class Scenario(scenarios.Scenario):
    """Of one server with security."""

    given: dict = dataclasses.field(default_factory=dict)
    """Files that the server is told of."""
    by_name: bool = False
    """The client asks for `localhost`, so that it sends a name."""
    gnutls: bool = False
    """Played with the reference's programs for GnuTLS at either end, too."""
    shown: str | None = None
    """A pattern: of what the programs print, the lines that it finds are compared."""
    plain: bool = False
    """The server has no endpoint with security."""
    token: bool = False
    """A PKCS #11 token is used, which SoftHSM does not always find while others begin to use it."""


def over(scheme, name, server_args, calls, **more):
    """A scenario over one transport. Requests over WebSockets have a token: the reference overlooks an answer of two bytes."""
    if scheme == "coaps+ws":
        more["programs"] = "4.3.5"
        calls = [call if "-T " in call.args else dataclasses.replace(call, args=f"-T 5a {call.args}") for call in calls]
    return Scenario(f"{name} over {WORDS[scheme]}", server_args, calls, scheme=scheme, **more)


def psk(scheme):
    """Pre-shared keys."""
    me, wait = "-u me -k secret", IN_VAIN
    return [
        over(scheme, "a key", "-k secret -h hint -d 4", [
            Call("GET /", f"{me} {{u}}/"),
            Call("NON GET of an unknown path", f"{me} -N {wait} {{u}}/nowhere"),
            Call("PUT", f"{me} -m put -e body {{u}}/body"),
            Call("GET", f"{me} {{u}}/body"),
            Call("a key in hexadecimal", "-u me -k 0x736563726574 {u}/body", programs="4.3.5"),
            Call("any identity", "-u somebody -k secret {u}/body"),
            Call("an identity of 100 bytes", f"-u {'long' * 25} -k secret {{u}}/body"),
            Call("another key", f"{wait} -u me -k wrong {{u}}/body"),
            Call("a longer key", f"{wait} -u me -k secretly {{u}}/body"),
            Call("a key without an identity", "-k secret {u}/body"),
            Call("an identity without a key", "-u me {u}/body"),
            Call("no key", f"{wait} {{u}}/body"),
            Call("certificates instead", f"{wait} -c {{c}}/client.pem -j {{c}}/client.key -C {{c}}/ca.pem {{u}}/body"),
            Call("GET at the end", f"{me} {{u}}/body"),
        ], gnutls=scheme != "coaps+ws"),
        over(scheme, "no hint", "-k secret -h  -d 4", [Call("GET /", f"{me} {{u}}/")]),
        over(scheme, "identities in a file", "-k secret -h hint -i {tmp}/identities", [
            Call("one that is there", "-u me -k mine {u}/"),
            Call("one that is there, with the key of others", f"{wait} {me} {{u}}/"),
            Call("the second one", "-u you -k yours {u}/"),
            Call("one of another hint", f"{wait} -u him -k his {{u}}/"),
            Call("one that is not there", "-u nobody -k secret {u}/"),
            Call("one in another case", f"{wait} -u ME -k mine {{u}}/"),
            Call("one that is the beginning of another", f"{wait} -u m -k mine {{u}}/"),
        ], given={"identities": b"# hint,identity,key\nhint,me,mine\nhint,you,yours\nother,him,his\n"}),
        over(scheme, "hints in a file", "-k secret -h hint", [
            Call("the hint is there", "-u he -k his -h {tmp}/hints {u}/", given={"hints": b"# comment\nhint,me,secret\n"}),
            Call("the hint is not there", "-u me -k secret -h {tmp}/hints {u}/", given={"hints": b"other,he,his\n"}),
            Call("the hint names another key", f"{wait} -u me -k secret -h {{tmp}}/hints {{u}}/", given={"hints": b"hint,me,his\n"}),
        ]),
        over(scheme, "names of servers in a file", "-k secret -h hint -s {tmp}/names", [
            Call("the name is there", "-u me -k named {u}/"),
            Call("the name is there, with the key of others", f"{wait} {me} {{u}}/"),
            Call("the name is there, with its hint", "-u me -k secret -h {tmp}/hints {u}/", given={"hints": b"namedhint,me,named\n"}),
        ], given={"names": b"# name,hint,key\nlocalhost,namedhint,named\n"}, by_name=True),
        over(scheme, "names of servers and identities in files", "-k secret -h hint -s {tmp}/names -i {tmp}/identities", [
            Call("the identity counts more", "-u me -k mine {u}/"),
            Call("another identity", "-u you -k named {u}/"),
        ], given={"names": b"localhost,namedhint,named\n", "identities": b"namedhint,me,mine\n"}, by_name=True),
        over(scheme, "a server without security", "-d 4", [Call("nobody listens", f"{wait} {me} {{u}}/")], plain=True),
    ]


def pki(scheme):
    """Certificates."""
    wait = IN_VAIN
    mine = "-c {c}/client.pem -j {c}/client.key"
    found = []
    certificates = (
        ("a certificate", "server"), ("a certificate of another authority", "foreignserver"), ("an expired certificate", "expired"),
        ("a certificate of tomorrow", "early"), ("a certificate of another name", "wrong"), ("its own certificate", "selfsigned"),
        ("a revoked certificate", "revoked"), ("an RSA certificate", "rsa2048"), ("a long certificate", "long"),
        ("a certificate of one in between", "deep1"), ("a certificate of two in between", "deep2"),
        ("a certificate for clients", "clientonly"), ("a forged certificate", "faked"), ("a rogue certificate", "rogue"),
        ("a certificate signed by SHA-1", "sha1"),
    )
    for name, certificate in certificates if scheme == "coaps" else certificates[:3]:
        found.append(over(scheme, f"the server has {name}", f"-c {{c}}/{certificate}.pem -j {{c}}/{certificate}.key -n", [
            Call("trusted by -C", f"{wait} -C {{c}}/ca.pem {{u}}/"),
            Call("trusted by -R", f"{wait} -R {{c}}/ca.pem {{u}}/"),
            Call("checked for revocation", f"{wait} -R {{c}}/ca_crl.pem {{u}}/"),
            Call("trusted with those in between", f"{wait} -R {{c}}/subs.pem {{u}}/"),
            Call("another authority by -C", f"{wait} -C {{c}}/other.pem {{u}}/"),
            Call("another authority by -R", f"{wait} -R {{c}}/other.pem {{u}}/"),
            Call("not checked", f"{wait} {{u}}/"),
            Call("not checked by -n", f"{wait} -n -C {{c}}/other.pem {{u}}/"),
            Call("with a key", f"{wait} -u me -k secret {{u}}/"),
        ], gnutls=certificate == "server" and scheme != "coaps+ws", programs=None if certificate == "server" else "4.3.5"))
    of_clients = [
        Call("a good one", f"{wait} {mine} -C {{c}}/ca.pem {{u}}/"),
        Call("a good one, key and certificate in one file", f"{wait} -c {{c}}/client.both -C {{c}}/ca.pem {{u}}/"),
        Call("a good one, -R", f"{wait} {mine} -R {{c}}/ca.pem {{u}}/"),
        *(Call(name, f"{wait} -c {{c}}/{name}.pem -j {{c}}/{name}.key -C {{c}}/ca.pem {{u}}/")
          for name in ("foreign", "expired", "early", "selfsigned", "revoked", "rsa2048", "long", "deep1", "serveronly", "faked")),
        Call("none", f"{wait} -C {{c}}/ca.pem {{u}}/"),
        Call("none, and nothing is checked", f"{wait} {{u}}/"),
        Call("a key instead", f"{wait} -u me -k secret {{u}}/"),
        Call("a good one at the end", f"{wait} {mine} -C {{c}}/ca.pem {{u}}/"),
    ]
    server = "-c {c}/server.pem -j {c}/server.key"
    trusts = (("-C", "-C {c}/ca.pem"), ("-R", "-R {c}/ca.pem"), ("-R with a list of revoked ones", "-R {c}/ca_crl.pem"),
                        ("-n and -C", "-n -C {c}/ca.pem"), ("another authority", "-C {c}/other.pem"),
                        ("both authorities", "-R {c}/both.pem"), ("those in between", "-R {c}/subs.pem"))
    for name, trust in trusts if scheme == "coaps" else trusts[:2]:
        found.append(over(scheme, f"certificates of clients, {name}", f"{server} {trust}", of_clients,
                          gnutls=name == "-C" and scheme != "coaps+ws", programs=None if name == "-C" else "4.3.5"))
    return found + [
        over(scheme, "keys and certificates", f"-k secret -h hint {server} -n", [
            Call("a key", "-u me -k secret {u}/"),
            Call("certificates", "-C {c}/ca.pem {u}/"),
            Call("another key", f"{wait} -u me -k wrong {{u}}/"),
            Call("another authority", f"{wait} -C {{c}}/other.pem {{u}}/"),
        ]),
        over(scheme, "certificates for names", f"{server} -C {{c}}/ca.pem -n -S {{tmp}}/names", [
            Call("that of the name", f"{wait} -C {{c}}/other.pem {{u}}/"),
            Call("not the usual one", f"{wait} -C {{c}}/ca.pem {{u}}/"),
        ], given={"names": b"# name,certificate,authority\nlocalhost,{c}/foreignserver.both,{c}/other.pem\n"}, by_name=True, programs="4.3.5"),
    ]


def options(scheme):
    """What else the programs can be told. Over WebSockets the reference does not survive more than 1,472 bytes."""
    me, size = "-u me -k secret", 1000 if scheme == "coaps+ws" else 5000
    return [
        over(scheme, "options of the programs", "-2 -k secret -h hint -d 4 -X 700", [
            Call("keep-alive", f"{me} -K 1 -s 3 {{u}}/"),
            Call("EC-JPAKE", f"{me} -2 {{u}}/"),
            Call("connection identifiers", f"{me} -d 1 {{u}}/"),
            Call("a limit for messages", f"{me} -X 500 {{u}}/example_data"),
            Call("more than the server takes at once", f"{me} -m put -f {{tmp}}/in {{u}}/body", given={"in": scenarios.BYTES[:size]}),
            Call("what is there now", f"{me} -o {{tmp}}/out {{u}}/body"),
        ], programs="4.3.5"),
    ]


def tokens(scheme):
    """Keys and certificates in a PKCS #11 token, by URI and by an engine that is configured."""
    server, client, ca = (f"pkcs11:token=coap;object={name}" for name in ("server", "client", "ca"))
    engine = b"engine:pkcs11\nenable-methods:0x0\npost-cmd:PIN:1234\n"
    in_files = "-c {c}/client.pem -j {c}/client.key -C {c}/ca.pem"
    asks = [
        Call("a client with files", f"{in_files} {{u}}/"),
        Call("a client with a token", f"-c {client} -j {client} -C {ca} -J 1234 {{u}}/"),
        Call("a client with a token, by an engine", f"-q {{tmp}}/engine -c {client} -j {client} -C {ca} {{u}}/", given={"engine": engine}),
        Call("a client with nothing", f"{IN_VAIN} {{u}}/"),
    ]
    return [
        over(scheme, "the server has a token", f"-c {server} -j {server} -C {ca} -J 1234", asks, programs="4.3.5", token=True),
    ] if scheme != "coaps+ws" else []


def refused(scheme):
    """Set-ups of clients that cannot work. The reference makes a session that is in no state; ours is refused at the call."""
    none = ("client", "exit 1\nTIME ERR  cannot create client session")
    return [
        over(scheme, "set-ups that cannot work", "-c {c}/server.pem -j {c}/server.key -n", [
            Call(name, f"{IN_VAIN} {options} {{u}}/", mend=none) for name, options in (
                ("a raw public key", "-M {c}/client.both"),
                ("no such certificate", "-c {c}/nowhere.pem -j {c}/client.key -C {c}/ca.pem"),
                ("no such key", "-c {c}/client.pem -j {c}/nowhere.key -C {c}/ca.pem"),
                ("no such authority", "-C {c}/nowhere.pem"),
                ("the key of another", "-c {c}/client.pem -j {c}/server.key -C {c}/ca.pem"),
            )
        ], shown="^exit|cannot", programs="4.3.5"),
    ]


REUSED = {
    "coaps": ("methods", "limits of dynamic resources", "no dynamic resources", "discovery", "the clock", "separate responses",
              "request options", "files", "blocks", "bodies of all sizes", "blocks of all sizes", "Q-Block",
              "a server that shows whole bodies", "observe", "observe what changes"),
    "coaps+tcp": tuple(f"{name} over streams" for name in (
        "methods", "discovery", "separate responses", "request options", "files", "blocks", "bodies of all sizes",
        "a server that shows whole bodies", "observe", "observe what changes")),
    "coaps+ws": tuple(f"{name} over WebSockets" for name in (
        "methods", "discovery", "separate responses", "request options", "files", "bodies", "observe")),
}
OF_OLD_PROGRAMS = ("methods", "bodies of all sizes")


def reused(scheme):
    """Scenarios of the plain transports, with a key. With 100 KiB in blocks and observed resources among them."""
    key = "-u me -k secret"
    found = []
    for plain in scenarios.SCENARIOS:
        if plain.name in REUSED[scheme]:
            name = plain.name.partition(" over ")[0]
            server = plain.server_args.replace(f"-w {scenarios.WEBSOCKET_PORT} ", "")
            calls = [dataclasses.replace(call, args=f"{key} {call.args}", changed_by=key) for call in plain.calls]
            found.append(over(scheme, name, f"-k secret -h hint {server}", calls, needs=plain.needs,
                              programs=None if name in OF_OLD_PROGRAMS else "4.3.5"))
    return found


# Events, and what was agreed on, in the order in which they are told. Ours logs
# that a session ended before the events of that.
TOLD = {
    "coaps": r"EVENT|session connected|got psk_identity|overridden",
    # It gives a connection up twice at its end,
    "coaps+tcp": r"EVENT|session connected|got psk_identity|overridden",
    # and one of WebSockets not at all, when it was the peer who closed it.
    "coaps+ws": r"EVENT: \w+_(CONNECTED|NEW)$|session connected|got psk_identity|overridden",
}


def told(scheme):
    """What the log tells at its two most talkative levels. Over streams, what is told of a failure depends on whether the
    alert comes before the next try to send; and whether the reference tells DTLS_ERROR for an alert of the peer depends on the
    level of its log for DTLS, which is another in 4.3.1."""
    def calls(level, mine, other):
        return [
            Call("GET", f"{level} {mine} -w {{u}}/"),
            Call("observe", f"{level} {mine} -w -s 1 {{u}}/time"),
            *([Call("refused", f"{level} {IN_VAIN} {other} {{u}}/", programs="4.3.5")] if scheme == "coaps" else []),
        ]
    found = []
    for level in ("-v 7", "-v 8"):
        found += [
            over(scheme, f"what {level} tells of a key", f"{level} -k secret -h hint",
                 calls(level, "-u me -k secret", ""), shown=TOLD[scheme]),
            over(scheme, f"what {level} tells of certificates", f"{level} -c {{c}}/server.pem -j {{c}}/server.key -C {{c}}/ca.pem",
                 calls(level, "-c {c}/client.pem -j {c}/client.key -C {c}/ca.pem", "-c {c}/foreign.pem -j {c}/foreign.key -C {c}/ca.pem"),
                 shown=TOLD[scheme]),
        ]
    return found


def unix(scheme):
    """Sockets of the Unix domain. A client that is gone when it is answered is a matter of time."""
    me = "-u me -k secret"
    return [
        dataclasses.replace(over(scheme, "the Unix domain", "-k secret -h hint -d 4", [
            Call("GET", f"{me} {{u}}/"),
            Call("NON GET", f"{me} -N {{u}}/"),
            Call("PUT of 5,000 bytes", f"{me} -m put -f {{tmp}}/in {{u}}/body", given={"in": scenarios.BYTES[:5000]}),
            Call("GET of 5,000 bytes", f"{me} -o {{tmp}}/out {{u}}/body"),
            Call("observe", f"{me} -s 1 {{u}}/time", mask=rf"({scenarios.CLOCK})+"),
            Call("another key", f"{IN_VAIN} -u me -k wrong {{u}}/"),
            Call("no such server", f"{IN_VAIN} {me} {scheme}://%2Ftmp%2Fcu00000000/"),
            Call("GET at the end", f"{me} {{u}}/"),
        ], programs="4.3.5", shown="^(exit|running|[^T])"), unix=True),
    ] if scheme != "coaps+ws" else []


LOST = [
    over("coaps", "a lost flight", "-k secret -h hint -d 4", [
        Call(f"number {n} of the client", f"-u me -k secret -l {n} {{u}}/") for n in (1, 2, 3, 4)
    ]),
    *(over("coaps", f"number {n} of the server is lost", f"-k secret -h hint -l {n}", [Call("GET", "-u me -k secret {u}/")])
      for n in (1, 2, 3, 4)),
]

# Those that wait for long stand first: they begin first.
SCENARIOS = [s for part in (reused, psk, pki, options, unix, tokens, refused, told) for scheme in SCHEMES for s in part(scheme)] + LOST
