"""Networks of their own: namespaces with interfaces between them, which end with the run."""

import contextlib
import subprocess


class Forbidden(Exception):
    """The system allows no namespaces here; the text says why."""


class Host:
    """A network namespace. It lasts as long as the process in it, which ends when this one closes its input or ends."""

    def __init__(self, argv):
        try:
            self._holder = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        except FileNotFoundError as missing:
            raise Forbidden(str(missing)) from missing
        with contextlib.suppress(BrokenPipeError):
            self._holder.stdin.write(b"up\n")
            self._holder.stdin.flush()
        if self._holder.stdout.readline() != b"up\n":  # `cat` says it once it is in there
            raise Forbidden(self._holder.communicate()[1].decode().strip())
        self.pid = self._holder.pid

    def command(self, *argv):
        """The argument list that runs a program here."""
        return ["nsenter", "-t", str(self.pid), "-U", "--preserve-credentials", "-n", *argv]

    def ip(self, *lines):
        """Run `ip` with each of these lines."""
        for line in lines:
            done = subprocess.run(self.command("ip", *line.split()), capture_output=True, text=True)
            if done.returncode != 0:
                raise Forbidden(f"ip {line}: {done.stderr.strip()}")

    def close(self):
        self._holder.stdin.close()
        self._holder.wait()


class Network:
    """Hosts that the programs of one test run on."""

    def __init__(self, stack):
        self._stack = stack
        self.hub = self._host(["unshare", "-rn", "cat"])
        self.hub.ip("link set lo up")

    def _host(self, argv):
        host = Host(argv)
        self._stack.callback(host.close)
        return host

    def host(self):
        """One more namespace, with nothing but a loopback interface."""
        host = self._host(self.hub.command("unshare", "-n", "cat"))
        host.ip("link set lo up")
        return host

    def link(self, number, one, one_name, other, other_name):
        """A pair of interfaces; `one` has the first address of network `number`, `other` the second."""
        one.ip(f"link add {one_name} type veth peer name {other_name} netns {other.pid}")
        for host, name, last in ((one, one_name, 1), (other, other_name, 2)):
            self.configure(host, name, number, last)

    def plug(self, bridge, host, number, last):
        """Give `host` an interface eth0 on `bridge` of the hub."""
        self.hub.ip(f"link add {bridge}-{last} type veth peer name eth0 netns {host.pid}",
                    f"link set {bridge}-{last} master {bridge} up")
        self.configure(host, "eth0", number, last)

    @staticmethod
    def configure(host, name, number, last):
        """Addresses that can be used at once, without a search for duplicates."""
        host.ip(f"link set {name} addrgenmode none", f"link set {name} up",
                f"addr add 10.77.{number}.{last}/24 dev {name}",
                f"-6 addr add fe80::{number}:{last}/64 dev {name} nodad",
                f"route add 224.0.0.0/4 dev {name} metric {10 + number}")


@contextlib.contextmanager
def network():
    """A network for the length of a block. Forbidden where there is none to be had."""
    with contextlib.ExitStack() as stack:
        yield Network(stack)
