"""libcoapy, which uses the C interface from Python: the same programs on ours and on the reference, against each other."""

import pathlib

import processes
import sides
import venvs
from comparison import Comparisons, difference

# The last that asks for no functions of later releases.
VERSION = "2025.4.9"
HERE = pathlib.Path(__file__).resolve().parent


def run(python, client, server):
    """{case: what came of it} of a client and a server on these libraries."""
    def start(side, program, uri):
        # The interpreter itself: a virtual environment's is a link, and the reference is started by a dynamic linker.
        argv = side.command(python.resolve(), HERE / program, uri)
        packages = next(python.parents[1].glob("lib/python*/site-packages"))
        return [str(word) for word in argv], dict(side.environment(), LIBCOAPY_LIB=str(side.object), PYTHONPATH=str(packages))

    host = processes.loopback_address()
    argv, env = start(server, "libcoapy_server.py", f"coap://{host}")
    with processes.server(argv, env, (host, 5683)) as running:
        if not running.came_up:
            return {"the server": f"it did not come up: {running.stderr()[-500:]}"}
        argv, env = start(client, "libcoapy_client.py", f"coap://{host}")
        code, out, err = processes.run(argv, env, within=60.0)
        results = dict(line.split(" | ", 1) for line in out.splitlines() if " | " in line)
        results["the end"] = f"exit {code} {err[-500:] if code else ''}, server running {running.is_running()}"
    return results


def suite(report, ours, without, only=None, reference=None):
    """All four pairings."""
    del without, reference
    if only and only not in "libcoapy":
        return
    tree = sides.reference_tree("4.3.5", fetch=False)
    python = venvs.python_with(f"libcoapy-{VERSION}", f"libcoapy=={VERSION}") if tree else None
    if python is None:
        report.skip("libcoapy", f"4.3.5 is not here, or libcoapy {VERSION} cannot be installed")
        return
    ref = sides.side_of(tree, "ref")

    def judge(_, wanted, found):
        return difference(wanted, found)

    comparisons = Comparisons(report)
    expected = run(python, ref, ref)
    if "the server" in expected:
        report.skip("libcoapy", f"this Python does not run on the reference: {expected['the server']}")
        return
    for name, client, server in (("ours/ours", ours, ours), ("ours/ref", ours, ref), ("ref/ours", ref, ours)):
        def again(client=client, server=server):
            return run(python, ref, ref), run(python, client, server)

        found = run(python, client, server)
        comparisons.hold(f"libcoapy {name}", expected, found, judge, again)
    comparisons.settle()
