"""The libraries that programs are run on, and where the reference's unmodified programs come from."""

import glob
import os
import pathlib
import shutil
import subprocess
import sysconfig

ROOT = pathlib.Path(__file__).resolve().parents[2]


def soname(variant):
    """The name of a variant's shared object."""
    return f"libcoap-3-{variant}.so.3"


def multiarch():
    """Debian's name of this machine's libraries, as in /usr/lib/x86_64-linux-gnu."""
    return sysconfig.get_config_var("MULTIARCH") or "x86_64-linux-gnu"


class Side:
    """One build of the library: its name in reports, its directory, and how to start a program on it."""

    def __init__(self, name, libdir, variant="notls"):
        self.name, self.variant = name, variant
        self.libdir = pathlib.Path(libdir).resolve()
        if not self.object.exists():
            raise FileNotFoundError(f"no {soname(variant)} in {self.libdir}")
        self.loader = loader_of(self.libdir.parents[2])

    @property
    def object(self):
        """The shared object."""
        return self.libdir / soname(self.variant)

    @property
    def is_reference(self):
        """Whether this is the reference at our own API level: what it is known to do otherwise is then left out."""
        return self.loader is not None

    def command(self, program, *args, loader=None, preload=None):
        """The argument list that runs `program` on this library; with this dynamic linker, if it needs a newer one, which
        loads another object first."""
        program = shutil.which(str(program)) or str(program)
        loader = self.loader or loader
        if loader is None:
            return [program, *args]
        path = f"{self.libdir}:{loader.parent}"
        return [str(loader), "--library-path", path, *(["--preload", str(preload)] if preload else []), program, *args]

    def environment(self):
        """This process's environment, pointed at this library, with English messages and UTC log times."""
        env = dict(os.environ, LC_ALL="C.UTF-8", TZ="UTC")
        if self.loader is None:
            env["LD_LIBRARY_PATH"] = str(self.libdir)
        else:
            env.pop("LD_LIBRARY_PATH", None)
        return env


def loader_of(tree):
    """What was made for a newer Debian brings its own C library and dynamic linker along: the latter, or None."""
    found = sorted(glob.glob(str(tree / "runtime/usr/lib/*/ld-linux*.so.*")))
    return pathlib.Path(found[0]) if found else None


def reference_tree(version, fetch=True):
    """The unpacked Debian packages of a version of the reference, or None.

    They are looked for where COAP_REFERENCE or the user's cache has them. 4.3.1 is in Debian 12's own archive, so it
    is fetched from there when it is missing: unpacked under target/, never installed, never committed.
    """
    cache = pathlib.Path(os.environ.get("COAP_REFERENCE") or pathlib.Path.home() / ".cache/coap-reference")
    for tree in (cache / version, ROOT / "target/reference" / version):
        if list(tree.glob(f"usr/lib/*/{soname('notls')}")):
            return tree
    return fetch_debian(ROOT / "target/reference" / version, version) if fetch else None


def fetch_debian(tree, version):
    """Download and unpack the library and its programs with the machine's own apt; None when that does not work."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return None
    packages = tree.parent / f"packages-{version}"
    packages.mkdir(parents=True, exist_ok=True)
    wanted = [f"{name}={version}-*" for name in ("libcoap3", "libcoap3-bin")]
    download = ["apt-get", "download", "-qq", *wanted]
    got = subprocess.run(download, cwd=packages, capture_output=True)
    if got.returncode != 0 and os.geteuid() == 0:  # a fresh machine has no lists of packages
        subprocess.run(["apt-get", "update", "-qq"], capture_output=True)
        got = subprocess.run(download, cwd=packages, capture_output=True)
    debs = sorted(packages.glob("*.deb"))
    if got.returncode != 0 or len(debs) < len(wanted):
        return None
    tree.mkdir(parents=True, exist_ok=True)
    for deb in debs:
        subprocess.run(["dpkg-deb", "-x", deb, tree], check=True)
    return tree


def side_of(tree, name, variant="notls"):
    """The library inside an unpacked tree."""
    return Side(name, next(tree.glob(f"usr/lib/*/{soname(variant)}")).parent, variant)


def variant_beside(libdir, variant):
    """The directory of a variant that was built together with the one in `libdir`: the same, or build/VARIANT/lib."""
    libdir = pathlib.Path(libdir).resolve()
    built = libdir.parents[1] / variant / "lib"
    return built if not (libdir / soname(variant)).exists() and built.exists() else libdir
