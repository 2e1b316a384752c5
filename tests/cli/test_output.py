"""Files that commands write: complete or not at all, and never through a symbolic link."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dissector.cli import output
from dissector.errors import OptionError
from tests.cli.running import CLEAN, dissector
from tests.conftest import ROOT

UNNAMED = pytest.mark.parametrize("unnamed", [True, False], ids=["O_TMPFILE", "temporary name"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder."""
    made = tmp_path / "reports"
    made.mkdir()
    return made


@pytest.fixture
def without_names(unnamed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the system have no files without a name, if `unnamed` is false."""
    if not unnamed:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)


@UNNAMED
@pytest.mark.usefixtures("without_names")
@pytest.mark.parametrize("before", [None, b"earlier"], ids=["new", "existing"])
@pytest.mark.parametrize("private", [False, True])
def test_a_file_appears_when_it_is_complete(
    folder: Path, before: bytes | None, private: bool
) -> None:
    """Until the end there is the earlier file or none, then the new one, and nothing else."""
    path = folder / "report"
    if before is not None:
        path.write_bytes(before)
        path.chmod(0o640)
    with output.opened(str(path), [], private=private) as stream:
        stream.write(b"later")
        stream.flush()
        assert (path.read_bytes() if path.exists() else None) == before
    assert path.read_bytes() == b"later"
    assert [each.name for each in folder.iterdir()] == ["report"]
    mode = stat.S_IMODE(path.stat().st_mode)
    assert mode == (0o600 if private else 0o640 if before else 0o666 & ~_umask())


@UNNAMED
@pytest.mark.usefixtures("without_names")
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_a_failure_leaves_the_earlier_file(folder: Path, error: type[BaseException]) -> None:
    """If the block fails, the earlier file is unchanged and nothing else is left."""
    path = folder / "report"
    path.write_bytes(b"earlier")

    def fail() -> None:
        with output.opened(str(path), []) as stream:
            stream.write(b"half")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_bytes() == b"earlier"
    assert [each.name for each in folder.iterdir()] == ["report"]


def test_a_file_that_cannot_be_replaced_is_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that cannot be renamed to, such as a mount point, gets the new content in place."""
    path = folder / "report"
    path.write_bytes(b"earlier and longer")
    before = path.stat().st_ino

    def busy(source: str, target: str) -> None:
        raise OSError(16, "busy")

    monkeypatch.setattr(os, "replace", busy)
    with output.opened(str(path), []) as stream:
        stream.write(b"later")
    assert (path.read_bytes(), path.stat().st_ino) == (b"later", before)
    assert [each.name for each in folder.iterdir()] == ["report"]


@pytest.mark.parametrize("target", ["there", "nowhere"])
@pytest.mark.parametrize("in_place", [False, True])
def test_a_symbolic_link_is_refused(folder: Path, target: str, in_place: bool) -> None:
    """A symbolic link is not followed: the error says so, and its target is unchanged."""
    (folder / "there").write_bytes(b"kept")
    (folder / "link").symlink_to(folder / target)
    with (
        pytest.raises(OptionError, match="symbolic link"),
        output.opened(str(folder / "link"), [], in_place=in_place) as stream,
    ):
        stream.write(b"x")
    assert (folder / "there").read_bytes() == b"kept"
    assert not (folder / "nowhere").exists()


@pytest.mark.parametrize("in_place", [False, True])
def test_devices_pipes_and_descriptors_are_written(folder: Path, in_place: bool) -> None:
    """/dev/stdout, also where it is a file, a named pipe and a device are written directly."""
    for name in ("/dev/null", "/dev/stderr"):
        with output.opened(name, [], in_place=in_place) as stream:
            stream.write(b"")
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with output.opened(str(pipe), [], in_place=in_place) as stream:
        stream.write(b"through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)


def test_dev_stdout_is_standard_output(bad: Path, folder: Path) -> None:
    """`--output /dev/stdout` with standard output in a file gives what standard output gives."""
    place = folder / "out"
    with place.open("wb") as file:
        command = [sys.executable, "-m", "dissector", str(bad), "--output", "/dev/stdout"]
        subprocess.run(command, stdout=file, env=CLEAN, cwd=ROOT, check=False, timeout=60)
    assert place.read_text() == dissector(str(bad)).out


@pytest.mark.parametrize(
    "arguments",
    [("--format", "json"), ("audit",), ("extract", "--flagged")],
    ids=lambda each: each[0],
)
def test_a_failing_command_leaves_the_earlier_report(
    folder: Path, arguments: tuple[str, ...]
) -> None:
    """A command whose input is missing does not touch the file that it would have written."""
    path = folder / "report"
    path.write_bytes(b"earlier")
    option = "-w" if "extract" in arguments else "--output"
    ran = dissector(*arguments, option, str(path), str(folder / "missing.pcap"))
    assert ran.code == 2
    assert path.read_bytes() == b"earlier"
    assert [each.name for each in folder.iterdir()] == ["report"]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
