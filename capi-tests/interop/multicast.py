"""Requests to groups, end to end: on the loopback interface, on a network of several hosts, and on two networks.

Members and asker are C programs (`member.c`, `asker.c`). Each asker's line is compared with a table; where the reference
is, it plays members and askers too, beside ours.
"""

import concurrent.futures
import contextlib
import re
import signal
import socket
import subprocess
import sys

import networks
import processes
import programs
import sides

GROUPS = {4: "224.0.1.187", 6: "ff02::fd"}
LEISURE_MS = 1000  # of member.c
SLACK_MS = 1000  # what a busy machine may add


@contextlib.contextmanager
def running(argv, env=None):
    """A process for the length of a block, from when it has said that it is up. It must end when it is told to."""
    process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        if process.stdout.readline() != "up\n":
            process.kill()
            raise RuntimeError(f"{' '.join(map(str, argv))}: {process.communicate()[1]}")
        yield process
    finally:
        process.terminate()
        complaint = process.communicate()[1]
    if complaint or process.returncode not in (0, -signal.SIGTERM):
        raise RuntimeError(f"{' '.join(map(str, argv))}: exit {process.returncode} {complaint}")


class Bench:
    """The programs of a run, and where its results go."""

    def __init__(self, report, member, asker, ours, reference):
        self.report, self.member, self.asker = report, member, asker
        self.ours, self.reference = ours, reference

    def member_on(self, side, host, name, family, port, mode, *joined):
        """A member, in `host` or in this process's own network."""
        argv = side.command(self.member, name, {4: "0.0.0.0", 6: "::"}[family], str(port), mode, *joined)
        return running(host.command(*argv) if host else argv, side.environment())

    def ask(self, side, host, address, port, local, hops, *steps):
        """What an asker prints for each step, without the times; and the times."""
        argv = side.command(self.asker, address, str(port), local, hops, *steps)
        code, out, err = processes.run(host.command(*argv) if host else argv, side.environment(), within=60)
        lines = re.findall(r"^(\S+) ->(.*?)(?:; (\d+) ms)?$", out, re.M)
        found = [(step, text.strip()) for step, text, _ in lines]
        return found if code == 0 else [*found, ("exit", f"{code} {err}")], [int(ms or 0) for *_, ms in lines]

    def compare(self, name, expected, found):
        for i, (step, answers) in enumerate(expected):
            got = found[i] if i < len(found) else ("", "nothing")
            self.report.check(f"multicast {name}: {step}",
                              got != (step, answers) and f"expected {answers}\nfound    {got[1]}")
        if len(found) > len(expected):
            self.report.fail(f"multicast {name}", repr(found[len(expected):]))


def each(names, token="a", code="2.05", text=True):
    """The answers of all members to one request."""
    return ", ".join(f"{token} {code}{' ' + n if text else ''}" for n in names)


def rules(names, mode):
    """What a group answers: [(step, answers)]."""
    n = len(names)
    one_by_one = mode == "per-resource"
    told = n if one_by_one else 0
    table = [
        (f"name={n}", each(names)),
        (f"2xname={n}", f"{each(names, 'a')}, {each(names, 'b')}"),
        (f"none={0 if one_by_one else n}", "" if one_by_one else each(names)),
        ("missing=0", ""),
        ("failing=0", ""),
        (f"told-missing={told}", each(names, code="4.04") if told else ""),
        (f"told-failing={told}", each(names, code="5.00") if told else ""),
        (f"empty={0 if one_by_one else n}", "" if one_by_one else each(names, text=False)),
        (f"changed={0 if one_by_one else n}", "" if one_by_one else each(names)),
        ("nowhere=0", ""),
        ("con:name", "not sent"),
    ]
    asked = 3 + 6 + (0 if one_by_one else 1)  # no handler for /nowhere, the confirmable one, or where groups may not ask
    table.append((f"calls={n}", ", ".join(f"a 2.05 {name} {asked}" for name in names)))
    return table


def group(bench, label, members, asker, family, where, mode):
    """Members that are up, [(side, host, name)], are asked all there is by one asker, (side, host, local)."""
    port = 21000 + sum(map(ord, label)) % 9000
    joined = f"{GROUPS[family]}@{where}"
    with contextlib.ExitStack() as stack:
        for side, host, name in members:
            stack.enter_context(bench.member_on(side, host, name, family, port, mode, joined))
        side, host, local, interface = asker
        address = f"{GROUPS[family]}%{interface}" if family == 6 else GROUPS[family]
        names = sorted(name for *_, name in members)
        expected = rules(names, mode)
        found, _ = bench.ask(side, host, address, port, local, "-", *(step for step, _ in expected))
        bench.compare(label, expected, found)
        if mode == "per-resource":
            rounds = 4
            steps = [(f"leisure={len(names)}", each(names))] * rounds
            found, times = bench.ask(side, host, address, port, local, "1", *(step for step, _ in steps))
            bench.compare(label, steps, found)
            bench.report.check(f"multicast {label}: answers wait, but not for longer than the leisure",
                               not (LEISURE_MS / 10 < max(times) < LEISURE_MS + SLACK_MS) and f"the last after {times} ms")


def raw(bench):
    """What a member says nothing to, and its handlers are not called for, sent by a bare socket to a group on loopback."""
    port = 20999
    with bench.member_on(bench.ours, None, "one", 4, port, "per-resource", f"{GROUPS[4]}@lo"):
        say_nothing_to(bench, port)


def say_nothing_to(bench, port):
    """The datagrams, to a member at `port`."""
    get = b"\xb4name"
    silent = {
        "a confirmable request": b"\x41\x01\x00\x01a" + get,
        "an empty confirmable message": b"\x40\x00\x00\x02",
        "a request with an unknown critical option": b"\x51\x01\x00\x03a" + get + b"\xe1\x1c\xd9x",
        "a message of another version": b"\x91\x01\x00\x04a" + get,
        "a message that ends too early": b"\x51\x01\x00\x05a\xb9name",
        "a token that is too long": b"\x59\x01\x00\x06a" + get,
        "an unknown method": b"\x51\x1f\x00\x07a" + get,
    }
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        for what, datagram in silent.items():
            peer.settimeout(0.1)
            peer.sendto(datagram, (GROUPS[4], port))
            with contextlib.suppress(TimeoutError):
                answer = peer.recv(2048).hex()
                bench.report.fail(f"multicast: {what} is not answered", answer)
                continue
            bench.report.ok(f"multicast: {what} is not answered")
        peer.settimeout(3)
        peer.sendto(b"\x51\x01\x00\x08a\xb5calls", (GROUPS[4], port))
        try:
            payload = peer.recv(2048).partition(b"\xff")[2].decode()
        except TimeoutError:
            payload = "nothing"
        bench.report.check("multicast: no handler was called for any of them", payload != "one 0" and payload)


def on_loopback(bench, pool):
    """IPv4 on what every machine has. What is waited for."""
    ours = bench.ours
    for mode in ("all", "per-resource"):
        members = [(ours, None, name) for name in ("one", "two", "three")]
        asker = (ours, None, "127.0.0.1", None)
        yield pool.submit(group, bench, f"IPv4 on loopback, {mode}", members, asker, 4, "lo", mode)
    if not ours.is_reference:  # which answers some of that with a Reset
        yield pool.submit(raw, bench)
    yield pool.submit(hops, bench, None, 4, "lo", "127.0.0.1", GROUPS[4])


def hops(bench, host, family, interface, local, address):
    """What the system is told of hops is what comes with the datagrams."""
    argv = [sys.executable, programs.HERE / "hops.py", GROUPS[family], interface, "21998"]
    given = ["-", "0", "1", "2", "64", "255"]
    with running(host.command(*argv) if host else argv) as listener:
        for number in given:
            bench.ask(bench.ours, host, address, 21998, local, number, "name=0")
        listener.terminate()
        found = listener.communicate()[0].split()
    expected = ["1" if number == "-" else number for number in given]
    bench.report.check(f"multicast IPv{family}: hops arrive as set", found != expected and f"expected {expected}\nfound    {found}")


def on_networks(bench, pool, network):
    """Hosts with addresses of their own, IPv6 on loopback, where there must be a route, and hosts on two networks. What is
    waited for."""
    ours, reference = bench.ours, bench.reference
    network.hub.ip("-6 route add local ff00::/8 dev lo table local")
    for mode in ("all", "per-resource"):
        members = [(ours, network.hub, name) for name in ("one", "two", "three")]
        asker = (ours, network.hub, "-", "lo")
        yield pool.submit(group, bench, f"IPv6 on loopback, {mode}", members, asker, 6, "lo", mode)
    yield pool.submit(hops, bench, network.hub, 6, "lo", "-", f"{GROUPS[6]}%lo")

    network.hub.ip("link add lan type bridge", "link set lan up")
    hosts = [network.host() for _ in range(4)]
    for n, host in enumerate(hosts):
        network.plug("lan", host, 1, n + 1)
    players = [ours, ours, reference or ours]
    members = [(side, host, f"host{n}") for n, (side, host) in enumerate(zip(players, hosts[1:], strict=True))]
    for family in (4, 6):
        for mode, word, side in [("all", "us", ours), ("per-resource", "us", ours), ("per-resource", "the reference", reference)]:
            if side:
                asker = (side, hosts[0], "-", "eth0")
                label = f"IPv{family} on a network, {mode}, asked by {word}"
                yield pool.submit(group, bench, label, members, asker, family, "eth0", mode)

    inside, left, right = (network.host() for _ in range(3))
    network.link(2, left, "eth0", inside, "to-left")
    network.link(3, right, "eth0", inside, "to-right")
    for family in (4, 6):
        yield pool.submit(two_networks, bench, family, inside, left, right)


def two_networks(bench, family, inside, left, right):
    """A host on two networks is a member on that on which it has joined."""
    address = f"{GROUPS[6]}%eth0" if family == 6 else GROUPS[4]
    for joined in (["to-left"], ["to-right"], ["to-left", "to-right"]):
        groups = [f"{GROUPS[family]}@{interface}" for interface in joined]
        label = f"IPv{family}, joined on {' and '.join(joined)}"
        with bench.member_on(bench.ours, inside, "host", family, 22000, "per-resource", *groups):
            for host, interface in ((left, "to-left"), (right, "to-right")):
                n = int(interface in joined)
                found, _ = bench.ask(bench.ours, host, address, 22000, "-", "-", f"name={n}")
                bench.compare(f"{label}, asked from the {interface[3:]}", [(f"name={n}", each(["host"] * n))], found)
    # One that asks on two networks chooses by the address that it sends from, or by the zone of the group.
    with (bench.member_on(bench.ours, left, "left", family, 22001, "per-resource", f"{GROUPS[family]}@eth0"),
          bench.member_on(bench.ours, right, "right", family, 22001, "per-resource", f"{GROUPS[family]}@eth0")):
        for name, number in (("left", 2), ("right", 3)):
            zone, local = (f"{GROUPS[6]}%to-{name}", "-") if family == 6 else (GROUPS[4], f"10.77.{number}.2")
            found, _ = bench.ask(bench.ours, inside, zone, 22001, local, "-", "name=1")
            bench.compare(f"IPv{family}, to the {name} of two networks", [("name=1", each([name]))], found)


def suite(report, ours, without, only=None, reference=None):
    """Groups on loopback and on networks of namespaces."""
    del only, reference
    built = programs.built(report, "multicast", ours, without, ("member", "asker"))
    if built is None:
        return
    tree = sides.reference_tree("4.3.5", fetch=False)
    bench = Bench(report, *built, ours, sides.side_of(tree, "ref") if tree else None)
    if bench.reference is None:
        report.skip("multicast with the reference", "libcoap 4.3.5 is not here")
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(16))
        waiting = list(on_loopback(bench, pool))
        try:
            network = stack.enter_context(networks.network())
            waiting.extend(on_networks(bench, pool, network))
        except networks.Forbidden as why:
            report.skip("multicast on networks", f"no namespaces here: {why}")
        for run in waiting:
            if problem := run.exception():
                report.fail("multicast", repr(problem))
