"""Opens the output of a report and chooses its encoding, colour and width."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, BinaryIO

from dissector.cli.terminal import columns
from dissector.errors import OptionError
from dissector.report.style import Style

if TYPE_CHECKING:
    from dissector.report.reporter import ByteStream

_WIDEST = 120


class _LogDirectory:
    """A stream of logs: each is a file NAME.log in a directory. `stack` closes the files."""

    def __init__(
        self, directory: str, inputs: Sequence[str], stack: ExitStack, *, private: bool
    ) -> None:
        self._directory = directory
        self._inputs = inputs
        self._stack = stack
        self._private = private
        self._log: BinaryIO | None = None

    def begin_log(self, name: str) -> None:
        """Opens the file of a log."""
        place = os.path.join(self._directory, f"{name}.log")
        self._log = self._stack.enter_context(opened(place, self._inputs, private=self._private))

    def write(self, data: bytes, /) -> object:
        """Writes to the log that was begun last."""
        assert self._log is not None
        return self._log.write(data)

    def flush(self) -> object:
        """Flushes the log that was begun last."""
        return None if self._log is None else self._log.flush()


@contextmanager
def opened_report(
    path: str | None, inputs: Sequence[str], form: str, *, private: bool = False
) -> Iterator[ByteStream]:
    """Opens the output of a report in a format: a file, or a directory for the logs of Zeek."""
    if path is None or not (path.endswith(os.sep) or os.path.isdir(path)):
        with opened(path, inputs, private=private) as stream:
            yield stream
        return
    if form != "zeek":
        raise OptionError(f"--output {path} is a directory; only --format zeek writes into one")
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise OptionError(f"--output {path}: {error.strerror}") from error
    with ExitStack() as stack:
        yield _LogDirectory(path, inputs, stack, private=private)


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
