"""Server processes that are known to listen before anything is sent to them, and that never outlive the run."""

import contextlib
import itertools
import os
import pathlib
import random
import signal
import socket
import subprocess
import tempfile
import threading
import time

import wire

_addresses = itertools.count(random.SystemRandom().randrange(1 << 16))
_taken = threading.Lock()


def loopback_address():
    """An own 127.x.y.z for each server: the standard port is free there, so that no Uri-Port is in the way."""
    with _taken:
        n = next(_addresses)
    return f"127.{16 + (n >> 16) % 200}.{n >> 8 & 255}.{1 + n % 254}"


def free_port_v6():
    """A port of ::1 below the range that the system gives to clients; None without IPv6."""
    for _ in range(50):
        port = random.SystemRandom().randrange(20000, 32000)
        try:
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
                probe.bind(("::1", port))
            return port
        except OSError as error:
            if error.errno not in (98,):  # EADDRINUSE
                return None
    return None


def free_ports(count=4):
    """The first of so many ports of 127.0.0.1 in a row, free for datagrams and for streams, below those that the system
    gives to clients."""
    while True:
        first = random.SystemRandom().randrange(20000, 32000)
        try:
            for port in range(first, first + count):
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    with socket.socket(socket.AF_INET, kind) as probe:
                        probe.bind(("127.0.0.1", port))
            return first
        except OSError:
            continue


UNIX_PATHS = r"/tmp/cu[0-9a-f]{8}|/tmp/coap-client\S*"


def unix_path():
    """A path for each server, as short as addresses want it."""
    return f"/tmp/cu{random.SystemRandom().randrange(1 << 32):08x}"


class Server:
    """A running server process; its output goes to files, so that it never blocks on a full pipe."""

    def __init__(self, argv, env, address, ready_within=10.0, protocol="udp", listens=None):
        self.address, self.protocol, self.listens = address, protocol, listens
        self._directory = tempfile.TemporaryDirectory(prefix="coap-interop-")
        directory = pathlib.Path(self._directory.name)
        self._stdout, self._stderr = directory / "stdout", directory / "stderr"
        with open(self._stdout, "wb") as out, open(self._stderr, "wb") as err:
            self.process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        self.came_up = self._wait_until_bound(ready_within)

    def _wait_until_bound(self, within):
        """Read the kernel's socket table: a probing datagram would show in the server's own log."""
        deadline = threading.Event()
        timer = threading.Timer(within, deadline.set)
        timer.start()
        try:
            while not deadline.is_set() and self.process.poll() is None:
                host, port = self.address[:2]
                if _is_bound(host, port, self.protocol) and (self.listens is None or _is_bound(host, self.listens, "tcp")):
                    return True
                deadline.wait(0.01)
            return False
        finally:
            timer.cancel()

    def settles(self, quiet=0.3, within=3.0):
        """Wait until it has printed nothing for that long."""
        end, printed, since = time.monotonic() + within, -1, time.monotonic()
        while time.monotonic() < min(end, since + quiet):
            now = self._stdout.stat().st_size + self._stderr.stat().st_size
            if now != printed:
                printed, since = now, time.monotonic()
            time.sleep(0.02)

    def is_running(self):
        return self.process.poll() is None

    def stop(self, within=10.0):
        """Ask it to end as Ctrl-C does; (exit code, stdout, stderr)."""
        if self.is_running():
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return self.process.returncode, self.stdout(), self.stderr()

    def stdout(self):
        return self._stdout.read_text(errors="backslashreplace")

    def stderr(self):
        return self._stderr.read_text(errors="backslashreplace")

    def resident_kib(self):
        """Resident memory in KiB."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        return 0

    def open_files(self):
        """How many file descriptors it holds."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def close(self):
        if self.is_running():
            self.process.kill()
        self.process.wait()
        self._directory.cleanup()


@contextlib.contextmanager
def server(argv, env, address, ready_within=10.0, protocol="udp", listens=None):
    """A server for the length of a block; killed at its end if it still runs. It is up when it has the port of its
    address, and listens at a TCP port beside that if one is named."""
    running = Server(argv, env, address, ready_within, protocol, listens)
    try:
        yield running
    finally:
        running.close()


def protocol_of(scheme):
    """What a scheme of CoAP runs over: udp or tcp."""
    return "udp" if scheme in ("coap", "coaps") else "tcp"


def _is_bound(host, port, protocol="udp"):
    """Whether a socket is bound to exactly this address, by /proc/net/udp or /proc/net/tcp, and listens if it is one for
    streams."""
    if host.startswith("/"):
        datagrams, listening = "0002", 0x10000
        with open("/proc/net/unix") as lines:
            rows = (line.split() for line in lines)
            return any(row[-1] == host and (row[4] == datagrams or int(row[3], 16) & listening) for row in rows)
    if ":" in host:
        table = f"/proc/net/{protocol}6"
        raw = socket.inet_pton(socket.AF_INET6, host)
        text = "".join(raw[i:i + 4][::-1].hex() for i in range(0, 16, 4)).upper()
    else:
        table = f"/proc/net/{protocol}"
        text = socket.inet_aton(host)[::-1].hex().upper()
    wanted = f"{text}:{port:04X}"
    with open(table) as lines:
        return any(line.split()[1] == wanted for line in lines if ":" in line)


class Background:
    """A program that runs while others do; its output goes to files in a directory of the caller's."""

    def __init__(self, argv, env, directory):
        self._stdout, self._stderr = directory / "stdout", directory / "stderr"
        with open(self._stdout, "wb") as out, open(self._stderr, "wb") as err:
            self._process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err)

    def has_printed(self, size, within):
        """Whether it has printed that many bytes, at last."""
        pause, end = threading.Event(), time.monotonic() + within
        while self._stdout.stat().st_size < size:
            if self._process.poll() is not None or time.monotonic() > end:
                return False
            pause.wait(0.01)
        return True

    def wait(self, within):
        """(exit code, stdout, stderr), with exit code None when it does not end."""
        try:
            code = self._process.wait(within)
        except subprocess.TimeoutExpired:
            code = None
        return code, *(f.read_text(errors="backslashreplace") for f in (self._stdout, self._stderr))

    def interrupt(self, within=10.0):
        """Asks it to end as Ctrl-C does; what `wait` gives."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        return self.wait(within)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()


def run(argv, env, stdin=None, within=30.0, cwd=None):
    """(exit code, stdout, stderr) of a program that ends by itself; exit code None when it does not."""
    try:
        done = subprocess.run(argv, env=env, input=stdin, capture_output=True, timeout=within, cwd=cwd)
    except subprocess.TimeoutExpired as late:
        return None, (late.stdout or b"").decode(errors="backslashreplace"), (late.stderr or b"").decode(
            errors="backslashreplace")
    return done.returncode, done.stdout.decode(errors="backslashreplace"), done.stderr.decode(errors="backslashreplace")


def probe_alive(address, mid=0x7A7A, within=5.0):
    """CoAP ping from a fresh socket."""
    with wire.Peer(address) as peer:
        return peer.is_alive(mid, within)
