"""Opens the output of a report and chooses its encoding, colour and width."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from dissector.cli.terminal import columns
from dissector.errors import OptionError
from dissector.report.style import Style

_WIDEST = 120


@contextmanager
def opened(
    path: str | None, inputs: Sequence[str], *, private: bool = False, option: str = "--output"
) -> Iterator[BinaryIO]:
    """Opens the file that the report is written to; standard output for None and "-".

    A `private` file is readable and writable by its owner only, even if it existed before.
    """
    if path is None or path == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    for name in inputs:
        both = name != "-" and os.path.exists(path) and os.path.exists(name)
        if both and os.path.samefile(path, name):
            raise OptionError(f"{option} {path} would overwrite an input capture")
    try:
        stream = open(path, "wb", opener=_private if private else None)  # noqa: SIM115 (closed below)
    except OSError as error:
        raise OptionError(f"{option} {path}: {error.strerror}") from error
    with stream:
        yield stream


def _private(path: str, flags: int) -> int:
    """Opens a file with mode 0600."""
    import stat

    descriptor = os.open(path, flags, 0o600)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.fchmod(descriptor, 0o600)
    return descriptor


def encoding(to_file: bool) -> str:
    """Returns the encoding of a report for people."""
    return "utf-8" if to_file else sys.stdout.encoding or "utf-8"


def style(color: str, environment: Mapping[str, str], *, to_file: bool = False) -> Style:
    """Returns colour (`auto`: on a terminal, unless NO_COLOR is set) and width, 40 to 120."""
    if color == "auto":
        colored = (
            not to_file
            and sys.stdout.isatty()
            and not environment.get("NO_COLOR")
            and environment.get("TERM") != "dumb"
        )
    else:
        colored = color == "always"
    width = 80 if to_file else columns()
    return Style(colored, min(max(width, 40), _WIDEST))
