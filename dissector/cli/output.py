"""Opens the output of a report and chooses its encoding, colour and width."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from dissector.capture.recorder import SYMBOLIC_LINK, open_in_place
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
    path: str | None,
    inputs: Sequence[str],
    *,
    private: bool = False,
    in_place: bool = False,
    option: str = "--output",
) -> Iterator[BinaryIO]:
    """Opens the file that the report is written to; standard output for None and "-".

    The file gets its name, and replaces an earlier one of that name, when the block ends without an
    exception. `in_place`: it is written under its name from the start, as it is read meanwhile. A
    `private` file is readable and writable by its owner only, even if it existed before. Devices
    and pipes are written directly. OptionError if it cannot be written, or is a symbolic link.
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
        made = None
        stream: BinaryIO
        existing = _lstat(path)
        descriptor = _DESCRIPTOR.fullmatch(path)
        if descriptor is not None:
            number = _STANDARD.get(path) or int(descriptor[1])
            stream = open(os.dup(number), "wb")  # noqa: SIM115 (closed below)
        elif _is_special(path, existing):
            stream = open(path, "wb")  # noqa: SIM115 (closed below)
        elif existing is not None and stat.S_ISLNK(existing.st_mode):
            raise OSError(errno.ELOOP, SYMBOLIC_LINK)
        elif in_place:
            stream = open(path, "wb", opener=partial(open_in_place, private=private))  # noqa: SIM115
        else:
            made = _new_file(path, existing, private)
            stream = made.stream
    except OSError as error:
        raise OptionError(f"{option} {path}: {error.strerror}") from error
    try:
        with stream:
            yield stream
            if made is not None:
                stream.flush()
                made.put(path, existing, private)
    finally:
        if made is not None:
            made.discard()


_STANDARD = {"/dev/stdout": 1, "/dev/stderr": 2}
_DESCRIPTOR = re.compile(r"/dev/std(?:out|err)|/(?:dev|proc/self)/fd/([0-9]{1,9})")


def _lstat(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None


def _is_special(path: str, existing: os.stat_result | None) -> bool:
    """Whether a path leads to something that exists and is no regular file."""
    if existing is None:
        return False
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False  # a symbolic link to nothing


class _NewFile:
    """A file without a name, or with a temporary one where the system has no such files.

    The file is gone when `stream` is closed, unless it got its name before.
    """

    def __init__(self, folder: str, mode: int) -> None:
        self._temporary = ""
        if hasattr(os, "O_TMPFILE"):
            try:
                number = os.open(folder, os.O_TMPFILE | os.O_RDWR, mode)
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
                    raise
            else:
                self.stream: BinaryIO = open(number, "wb")  # noqa: SIM115 (the caller closes it)
                return
        self._temporary = _temporary_name(folder)
        number = os.open(self._temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, mode)
        self.stream = open(number, "wb")  # noqa: SIM115 (the caller closes it)
        for name in ("SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._killed)

    def put(self, path: str, existing: os.stat_result | None, private: bool) -> None:
        """Gives it its name, and the mode and owner of the file that it replaces."""
        number = self.stream.fileno()
        if existing is not None and hasattr(os, "fchown"):
            with contextlib.suppress(OSError):
                os.fchown(number, existing.st_uid, existing.st_gid)
            os.fchmod(number, 0o600 if private else existing.st_mode & 0o777)
        try:
            if existing is None and not self._temporary:
                self._link(path)
            else:
                self._replace(path)
        except OSError:
            self._copy(path)

    def discard(self) -> None:
        """Removes its temporary name, if it has one."""
        if self._temporary:
            with contextlib.suppress(OSError):
                os.unlink(self._temporary)
            self._temporary = ""

    def _link(self, path: str) -> None:
        number = self.stream.fileno()
        # With a directory Python calls linkat(AT_SYMLINK_FOLLOW); an absolute path ignores it.
        os.link(f"/proc/self/fd/{number}", path, src_dir_fd=number, follow_symlinks=True)

    def _replace(self, path: str) -> None:
        if not self._temporary:
            name = _temporary_name(os.path.dirname(path) or os.curdir)
            self._link(name)
            self._temporary = name
        os.replace(self._temporary, path)
        self._temporary = ""

    def _copy(self, path: str) -> None:
        """Copies it into a file that cannot be replaced, such as a mount point."""
        import shutil

        with (
            open(os.dup(self.stream.fileno()), "rb") as source,
            open(path, "wb", opener=partial(open_in_place, private=False)) as file,
        ):
            source.seek(0)
            shutil.copyfileobj(source, file)

    def _killed(self, number: int, frame: object) -> None:
        self.discard()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _temporary_name(folder: str) -> str:
    return os.path.join(folder, f".dissector-{os.getpid()}-{os.urandom(4).hex()}")


def _new_file(path: str, existing: os.stat_result | None, private: bool) -> _NewFile:
    """Returns a new file in the folder of `path`, or elsewhere if only `path` is writable."""
    if not os.path.basename(path):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    if existing is not None and not os.access(path, os.W_OK):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    mode = 0o600 if private else 0o666
    try:
        return _NewFile(os.path.dirname(path) or os.curdir, mode)
    except OSError:
        if existing is None:
            raise
    import tempfile

    return _NewFile(tempfile.gettempdir(), mode)


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
