"""Checks whether this installation is compiled, and which sources changed since it was built."""

from __future__ import annotations

import functools
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
SUMS = PACKAGE / "_compiled.sha256"  # checksums, written by setup.py if it compiled the modules


@functools.cache
def compiled() -> bool:
    """Whether this installation is compiled; the build compiles all modules or none."""
    return any((PACKAGE / f"integers{suffix}").exists() for suffix in EXTENSION_SUFFIXES)


def modules() -> list[str]:
    """Returns the sorted names of the modules that can be compiled: those with a .pxd file."""
    paths = sorted(PACKAGE.rglob("*.pxd"))
    return [".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts) for path in paths]


def stale() -> list[str]:
    """Returns the relative paths of sources that were edited after they were compiled.

    Python loads the compiled module as long as it exists, so such an edit has no effect. Empty if
    nothing is compiled or the checksums of the build are missing.
    """
    if not compiled():
        return []
    from hashlib import sha256  # its import costs more than a small capture

    try:
        lines = SUMS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        digest, _, name = line.partition("  ")
        try:
            content = (PACKAGE.parent / name).read_bytes()
        except OSError:
            content = b""
        if sha256(content).hexdigest() != digest:
            found.append(name)
    return found
