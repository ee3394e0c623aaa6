"""What Debian's programs are told to do: one server, and client commands in order."""

import dataclasses

CLOCK = r"[A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d"
KIB = b"0123456789abcdef" * 64
BYTES = bytes((i ^ i >> 8 ^ i >> 16) & 255 for i in range(1 << 20))
TEXT = bytes(97 + i % 26 for i in range(10_000))
SIZES = (16, 32, 64, 128, 256, 512, 1024)


@dataclasses.dataclass
class Call:
    """One client command: `{u}` stands for the server's URI, `{tmp}` for a directory of its own."""

    name: str
    args: str
    stdin: bytes | None = None
    given: dict = dataclasses.field(default_factory=dict)
    changes: tuple = ()
    """Bodies that are put to {u}/body while the command runs, each after it has printed the `first` bytes and all before."""
    changed_by: str = ""
    """Further options of the client that puts them."""
    first: int = 0
    limit: float = 15.0
    """Seconds that it may take at most."""
    programs: str | None = None
    """Only for the programs of this version."""
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
    programs: str | None = None
    """Only for the programs of this version."""
    newer: bool = False
    """All of it as `Call.newer`: the wording of the debug log changed."""
    scheme: str = "coap"
    """How the client asks; what is not `coap` has its endpoint at a port for streams."""
    unix: bool = False
    """At a path of the Unix domain."""


OVER_STREAMS = ("methods", "limits of dynamic resources", "no dynamic resources", "discovery", "the clock",
                "separate responses", "request options", "files", "observe")


def over_websockets(scenario):
    """The same scenario with `coap+ws`, but for what dies of the frames of more than 1,472 bytes that the reference
    cannot take. Requests have a token: the reference overlooks an answer of two bytes."""
    calls = [
        call if "-T " in call.args else dataclasses.replace(call, args=f"-T 5a {call.args}")
        for call in scenario.calls
    ]
    return dataclasses.replace(scenario, name=f"{scenario.name} over WebSockets", calls=calls, scheme="coap+ws",
                               server_args=f"-w {WEBSOCKET_PORT} {scenario.server_args}", programs="4.3.5", newer=True)


WEBSOCKET_PORT = 8080

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
        Call("DELETE, which that server's handler leaves unanswered", "-B 1 -m delete {u}/time"),
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
        Call("nobody listens", "-B 1 coap://127.0.0.1:1/", newer=True),
        # The client of 4.3.5 raises the limit, and ours then sends such tokens without asking first (tokens.c: mend probe).
        Call("token too long", "-T 123456789abcdef01 {u}/", programs="4.3.1"),
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
        # In less than ACK_TIMEOUT: a client that waits as long as that sends again or not, by chance.
        Call("nobody listens", "-v 8 -B 1 coap://127.0.0.1:1/"),
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
    Scenario("bodies around the size of blocks", "-d 20", [
        call
        for block in SIZES
        for size in (block - 1, block, block + 1, 2 * block - 1, 2 * block, 2 * block + 1)
        for call in (
            Call(f"PUT of {size} bytes in blocks of {block}", f"-m put -b {block} -f {{tmp}}/in {{u}}/body",
                 given={"in": BYTES[:size]}),
            Call(f"GET of {size} bytes in blocks of {block}", f"-b {block} -o {{tmp}}/out {{u}}/body"),
        )
    ], needs="block"),
    Scenario("bodies of all sizes", "-d 20", [
        call
        for size in (1, 2, 1023, 1024, 1025, 1100, 10_000, 65_536, 100_000)
        for call in (
            Call(f"PUT of {size} bytes", "-m put -f {tmp}/in {u}/body", given={"in": BYTES[:size]}),
            Call(f"GET of {size} bytes", "-o {tmp}/out {u}/body"),
        )
    ], needs="block"),
    *(Scenario(f"1 MiB in blocks of {block}", "-d 20", [
        Call("PUT", f"-m put -b {block} -f {{tmp}}/in {{u}}/body", given={"in": BYTES}, limit=60.0),
        Call("GET", f"-b {block} -o {{tmp}}/out {{u}}/body", limit=60.0),
        Call("NON GET", f"-N -b {block} -o {{tmp}}/out {{u}}/body", limit=60.0),
    ], needs="block") for block in (256, 1024)),
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
    Scenario("blocks of a request that are lost", "-l 2,4 -d 20", [
        Call("PUT", "-l 3 -m put -f {tmp}/in {u}/body", given={"in": BYTES[:5000]}, limit=30.0),
        Call("GET", "-o {tmp}/out {u}/body"),
    ], needs="block"),
    Scenario("blocks of a response that are lost", "-l 5,8 -d 20", [
        Call("PUT", "-m put -f {tmp}/in {u}/body", given={"in": BYTES[:3000]}),
        Call("GET", "-l 2 -o {tmp}/out {u}/body", limit=30.0),
        Call("GET in blocks of 512", "-b 512 -l 1 -o {tmp}/out {u}/body", limit=30.0),
    ], needs="block"),
    Scenario("blocks that are lost at random", "-d 20", [
        Call("PUT", "-l 10% -b 256 -m put -f {tmp}/in {u}/body", given={"in": BYTES[:4000]}, limit=60.0),
        Call("GET", "-l 10% -b 256 -o {tmp}/out {u}/body", limit=60.0),
    ], needs="block"),
    Scenario("Q-Block", "-L 5 -d 20", [
        call
        for size in (1000, 1500, 10_240, 30_000)
        for call in (
            Call(f"NON PUT of {size} bytes", "-N -L 5 -m put -f {tmp}/in {u}/body", given={"in": BYTES[:size]}),
            Call(f"NON GET of {size} bytes", "-N -L 5 -o {tmp}/out {u}/body"),
            Call(f"PUT of {size} bytes", "-L 5 -m put -f {tmp}/in {u}/body", given={"in": BYTES[:size]}),
            Call(f"GET of {size} bytes", "-L 5 -o {tmp}/out {u}/body"),
            Call(f"GET of {size} bytes by who does not know it", "-L 1 -o {tmp}/out {u}/body"),
        )
    ], needs="block", newer=True),
    Scenario("Q-Block with a server that does not know it", "-L 1 -d 20", [
        Call("NON PUT", "-N -L 5 -m put -f {tmp}/in {u}/body", given={"in": BYTES[:5000]}),
        Call("NON GET", "-N -L 5 -o {tmp}/out {u}/body"),
    ], needs="block", newer=True),
    Scenario("Q-Blocks that are lost", "-L 5 -d 20", [
        Call("PUT", "-N -L 5 -l 5,9 -m put -f {tmp}/in {u}/body", given={"in": BYTES[:12_000]}, limit=60.0),
        Call("GET", "-N -L 13 -o {tmp}/out {u}/body", limit=60.0),
    ], needs="block", newer=True),
    Scenario("blocks that are lost and not confirmable", "-d 20", [
        Call("PUT of three blocks", "-m put -f {tmp}/in {u}/body", given={"in": BYTES[:3000]}),
        Call("the first request", "-N -l 1 -B 2 -o {tmp}/out {u}/body"),
        Call("the second request", "-N -l 2 -B 2 -o {tmp}/out {u}/body"),
        Call("the last request", "-N -l 3 -B 2 -o {tmp}/out {u}/body"),
        Call("the second block of a PUT", "-N -l 2 -B 2 -m put -f {tmp}/in {u}/body", given={"in": BYTES[:2500]}),
        Call("what is there now", "-o {tmp}/out {u}/body"),
    ], needs="block"),
    Scenario("a server that shows whole bodies", "-L 3 -d 20", [
        call
        for size in (1024, 1025, 5000)
        for call in (
            Call(f"PUT of {size} bytes", "-m put -f {tmp}/in {u}/body", given={"in": BYTES[:size]}),
            Call(f"GET of {size} bytes", "-o {tmp}/out {u}/body"),
            Call(f"GET of {size} bytes by a client that wants whole bodies", "-L 3 -o {tmp}/out {u}/body"),
            Call(f"NON PUT of {size} bytes", "-N -m put -f {tmp}/in {u}/body", given={"in": BYTES[:size]}),
        )
    ], needs="block"),
    Scenario("a server with a largest block", "-b 64 -d 20", [
        call
        for size in (64, 65, 3000)
        for call in (
            Call(f"PUT of {size} bytes", "-m put -f {tmp}/in {u}/body", given={"in": BYTES[:size]}),
            Call(f"GET of {size} bytes", "-o {tmp}/out {u}/body"),
            Call(f"GET of {size} bytes in blocks of 16", "-b 16 -o {tmp}/out {u}/body"),
        )
    ], needs="block", programs="4.3.5"),
    Scenario("observe what changes", "-d 4", [
        Call("PUT", "-m put -e start {u}/body"),
        Call("small bodies", "-s 3 {u}/body", first=5, changes=(b"one", b"two", b"three")),
        Call("small bodies, not confirmable", "-N -s 3 {u}/body", first=5, changes=(b"one", b"two", b"three")),
        Call("bodies of several blocks", "-s 3 {u}/body", first=5, changes=(TEXT[:3000], b"small", TEXT[:5000], TEXT[1:1025])),
        Call("bodies of several blocks, not confirmable", "-N -s 3 {u}/body", first=1024, changes=(TEXT[:3000], TEXT[:5000])),
        Call("in blocks of 64", "-b 64 -s 3 {u}/body", first=5000, changes=(TEXT[:100], TEXT[:64], TEXT[:63])),
        Call("whole bodies", "-L 3 -s 3 {u}/body", first=63, changes=(TEXT[:3000], TEXT[:1024])),
        Call("what is there at the end", "{u}/body"),
    ], needs="observe"),
    Scenario("notifications that are lost", "-l 4,7 -d 4", [
        Call("PUT", "-m put -e start {u}/body"),
        Call("small bodies", "-s 9 {u}/body", first=5, changes=(b"one", b"two", b"three"), limit=20.0),
    ], needs="observe"),
    Scenario("observe in the log", "-v 8 -d 4", [
        Call("PUT", "-v 8 -m put -e start {u}/body"),
        Call("observe and cancel", "-v 8 -s 1 {u}/body"),
        Call("observe and cancel, not confirmable", "-v 8 -N -s 1 {u}/body"),
        Call("observe what cannot be", "-v 8 -s 1 {u}/"),
    ], needs="observe", newer=True),
    Scenario("options of the programs", "-e -T 30 -d 4", [
        Call("keep-alive of who observes", "-K 1 -s 3 {u}/time", mask=rf"({CLOCK})+"),
        Call("keep-alive in the log", "-v 7 -K 1 -s 3 {u}/"),
        Call("over streams", "-r {u}/"),
        Call("a long token", "-T 0123456789abcdef {u}/"),
        Call("the longest token", "-T 0123456789abcdef01234567 {u}/"),
        Call("what is put comes back", "-m put -e hello {u}/echo"),
        Call("what is put comes back, in blocks", "-m put -f {tmp}/in {u}/echo", given={"in": BYTES[:5000]}),
    ], programs="4.3.5", newer=True),
    Scenario("limits for messages", "-X 600 -d 4", [
        Call("PUT of more than the server takes", "-m put -f {tmp}/in {u}/body", given={"in": BYTES[:5000]}),
        Call("GET", "-o {tmp}/out {u}/body"),
        Call("PUT by who takes less", "-X 300 -m put -f {tmp}/in {u}/body", given={"in": BYTES[:5000]}),
        Call("GET by who takes less", "-X 200 -o {tmp}/out {u}/body"),
        Call("GET by who takes more", "-X 2000 -b 64 -o {tmp}/out {u}/body"),
    ], scheme="coap+tcp", newer=True),
]

SCENARIOS += [over_websockets(scenario) for scenario in SCENARIOS if scenario.name in OVER_STREAMS] + [
    over_websockets(Scenario("bodies", "-d 20", [
        call
        for size in (1, 16, 1000, 1400)
        for call in (
            Call(f"PUT of {size} bytes", "-m put -f {tmp}/in {u}/body", given={"in": BYTES[:size]}),
            Call(f"GET of {size} bytes", "-o {tmp}/out {u}/body"),
            Call(f"GET of {size} bytes in blocks of 64", "-b 64 -o {tmp}/out {u}/body"),
        )
    ], needs="block")),
    over_websockets(Scenario("errors", "", [
        Call("no TLS", "-B 2 coaps+ws://127.0.0.1/"),
    ])),
]


def over(scenario, scheme, unix):
    """The same scenario over another transport. What is lost is lost over UDP only, and the log is compared there."""
    words = [*(["streams"] if scheme == "coap+tcp" else []), *(["the Unix domain"] if unix else [])]
    # Over streams the reference's client does not end when the first block is not the first of the body, and in the Unix
    # domain what is given by -a is a path, which two of them cannot have at the same time.
    calls = [call for call in scenario.calls
             if (scheme == "coap" or call.name != "GET from block 1") and not (unix and "-a " in call.args)]
    return dataclasses.replace(scenario, name=f"{scenario.name} over {' of '.join(words)}", calls=calls, scheme=scheme,
                               unix=unix, programs="4.3.5" if unix else None, newer=True)


OVER_STREAMS_OF_UNIX = ("methods", "discovery", "files", "observe", "blocks", "bodies of all sizes")
OVER_OTHERS = (*OVER_STREAMS_OF_UNIX, "limits of dynamic resources", "no dynamic resources", "the clock", "separate responses",
               "request options", "blocks of all sizes", "a server that shows whole bodies", "observe what changes")

SCENARIOS += [
    over(scenario, scheme, unix)
    for scheme, unix, names in (("coap+tcp", False, OVER_OTHERS), ("coap", True, OVER_OTHERS),
                                ("coap+tcp", True, OVER_STREAMS_OF_UNIX))
    for scenario in SCENARIOS if scenario.name in names
]
