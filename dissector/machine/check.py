"""What one look at this machine found: records, nothing printed. They need nothing but Python."""

from __future__ import annotations

import enum
from typing import NamedTuple


class State(enum.Enum):
    """How something does: as it should, with something left out, or not at all."""

    OK = "ok"
    LIMITED = "limited"
    MISSING = "missing"


class Check(NamedTuple):
    """One thing that was looked at.

    `message` says what was found and what needs it, `fix` is the command that mends it, None where
    nothing is to be mended. `version` and `path` are those of a program or package.
    """

    group: str
    name: str
    state: State
    message: str
    fix: str | None = None
    version: str | None = None
    path: str | None = None
