"""How this installation was built: compiled or interpreted, and whether sources changed since."""

from __future__ import annotations

import functools
from hashlib import sha256
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
SUMS = PACKAGE / "_compiled.sha256"  # written by setup.py where it compiled the modules


@functools.cache
def compiled() -> bool:
    """Whether the modules that can be compiled are; the build compiles all of them or none."""
    return any((PACKAGE / f"integers{suffix}").exists() for suffix in EXTENSION_SUFFIXES)


def modules() -> list[str]:
    """Names of the modules that can be compiled: those with a .pxd beside them, in order."""
    paths = sorted(PACKAGE.rglob("*.pxd"))
    return [".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts) for path in paths]


def stale() -> list[str]:
    """Sources of compiled modules that were edited after they were compiled, as relative paths.

    Python loads the compiled module as long as it is there, so such an edit has no effect. Empty
    where nothing is compiled or the sums of the build are missing.
    """
    if not compiled():
        return []
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
