"""Records of the checks of this machine; this module needs only the standard library."""

from __future__ import annotations

import enum
from typing import NamedTuple


class State(enum.Enum):
    """Result of a check: works, works with limits, or is missing."""

    OK = "ok"
    LIMITED = "limited"
    MISSING = "missing"


class Check(NamedTuple):
    """Result of one check.

    `message` says what was found and what needs it, `fix` is the command that fixes the problem,
    None if there is none. `version` and `path` are those of a program or package.
    """

    group: str
    name: str
    state: State
    message: str
    fix: str | None = None
    version: str | None = None
    path: str | None = None
