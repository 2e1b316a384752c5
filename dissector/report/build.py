"""Nothing in, how this installation was built out: the one place that asks."""

from __future__ import annotations

import functools


@functools.cache
def compiled() -> bool:
    """Whether the modules of the hot path are compiled; not whether all of them are."""
    from dissector.capture import batch

    return not (batch.__file__ or "").endswith((".py", ".pyc"))
