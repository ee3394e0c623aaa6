"""Pythons with packages from the Python Package Index, made under target/ when they are missing."""

import subprocess
import sys

import sides


def python_with(name, *packages):
    """A Python of this name that has these packages; None where it cannot be made."""
    directory = sides.ROOT / "target/venv" / name
    python, marker = directory / "bin/python", directory / "complete"
    if marker.exists():
        return python
    try:
        subprocess.run([sys.executable, "-m", "venv", str(directory)], check=True, capture_output=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *packages], check=True, capture_output=True)
    except (subprocess.CalledProcessError, OSError):
        return None
    marker.touch()
    return python
