"""The C programs of these tests, compiled against our public headers and linked with the object under test."""

import pathlib
import shutil
import subprocess

import sides

HERE = pathlib.Path(__file__).resolve().parent
OUT = sides.ROOT / "target/interop"
FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1", "-g"]


def headers(side):
    """The headers that were installed together with a library, else those of this source tree."""
    for include in (side.libdir.parent / "include", side.libdir.parents[1] / "include", sides.ROOT / "include"):
        if (include / "coap3/coap.h").exists():
            return include
    return sides.ROOT / "include"


def build(name, side, without):
    """Compile one C file for a side: (its path, None), or (None, what the compiler said)."""
    defines = [f"-DWITHOUT_{part.upper()}" for part in sorted(without)]
    program = OUT / side.variant / name
    program.parent.mkdir(parents=True, exist_ok=True)
    # A library made for a newer C library has symbols that this machine's linker cannot resolve, and need not.
    link = [f"-L{side.libdir}", f"-l:{sides.soname(side.variant)}", "-Wl,--unresolved-symbols=ignore-in-shared-libs"]
    source = str(HERE / f"{name}.c")
    done = subprocess.run(["cc", *FLAGS, *defines, f"-I{headers(side)}", source, *link, "-o", str(program)],
                          capture_output=True, text=True)
    return (program, None) if done.returncode == 0 else (None, done.stderr)


def built(report, suite, side, without, names):
    """The paths of these programs, or None when the report says why there are none."""
    if shutil.which("cc") is None:
        report.skip(suite, "no C compiler")
        return None
    done = {name: build(name, side, without) for name in names}
    for name, (_, complaint) in done.items():
        if complaint:
            report.fail(f"{suite}: {name}.c compiles", complaint)
    return None if any(c for _, c in done.values()) else [program for program, _ in done.values()]


def server_and_client(report, suite, side, without):
    """Those two."""
    return built(report, suite, side, without, ("server", "client"))


def stand_ins(program, side):
    """An object for what a program needs at its start and the library does not have yet: each function of it ends the
    program when it is called. None where nothing is missing."""
    def functions(path, kind):
        listed = subprocess.run(["nm", "-D", kind, str(path)], capture_output=True, text=True, check=True).stdout
        return {line.split()[-1].partition("@")[0] for line in listed.splitlines() if " coap_" in line}

    missing = sorted(functions(program, "--undefined-only") - functions(side.object, "--defined-only"))
    if not missing:
        return None
    OUT.mkdir(parents=True, exist_ok=True)
    source, symbols, made = (OUT / f"missing-in-{pathlib.Path(program).name}.{end}" for end in ("c", "map", "so"))
    source.write_text("#include <stdlib.h>\n" + "".join(f"void {name}(void);\nvoid {name}(void) {{ abort(); }}\n" for name in missing))
    symbols.write_text("VER_3 { global: coap_*; };\n")
    subprocess.run(["cc", "-shared", "-fPIC", f"-Wl,--version-script={symbols}", str(source), "-o", str(made)], check=True)
    return made
