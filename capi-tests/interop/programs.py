"""The C programs of these tests, compiled against our public headers and linked with the object under test."""

import shutil
import subprocess

import sides

OUT = sides.ROOT / "target/interop"
FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1", "-g"]


class CannotBuild(Exception):
    """Why the C programs cannot be built here."""


def headers():
    """Our own headers; the reference's where ours have not been generated yet."""
    for include in (sides.ROOT / "include", *(t / "usr/include" for t in [sides.reference_tree("4.3.5", False)] if t)):
        if (include / "coap3/coap.h").exists():
            return include
    raise CannotBuild("no include/coap3/coap.h")


def build(source, side):
    """Compile one C file for a side; the path of the program."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise CannotBuild("no C compiler")
    OUT.mkdir(parents=True, exist_ok=True)
    program = OUT / source.stem
    # A library made for a newer C library has symbols that this machine's linker cannot resolve, and need not.
    link = [f"-L{side.libdir}", f"-l:{sides.SONAME}", "-Wl,--unresolved-symbols=ignore-in-shared-libs"]
    done = subprocess.run([compiler, *FLAGS, f"-I{headers()}", str(source), *link, "-o", str(program)],
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{source.name} does not compile:\n{done.stderr}")
    return program
