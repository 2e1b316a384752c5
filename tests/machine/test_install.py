"""Install commands for each system, and the checks of programs."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from dissector.machine import install, programs
from dissector.machine.check import State


@pytest.mark.parametrize(
    ("release", "family"),
    [
        ({"ID": "debian"}, "debian"),
        ({"ID": "raspbian", "ID_LIKE": "debian"}, "debian"),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, "debian"),
        ({"ID": "rocky", "ID_LIKE": "rhel centos fedora"}, "fedora"),
        ({"ID": "opensuse-leap", "ID_LIKE": "suse opensuse"}, "suse"),
        ({"ID": "alpine"}, "alpine"),
        ({"ID": "nixos"}, ""),
    ],
)
def test_each_system_has_its_own_command(
    release: dict[str, str], family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system is identified by ID or ID_LIKE; an unknown one gets a general instruction."""
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: release)
    assert install.system() == family
    for name in ("tshark", "dumpcap", "compiler"):
        command = install.program(name)
        assert "\n" not in command
        assert command.startswith("sudo " if family else "install ")


def test_a_package_is_for_this_python() -> None:
    """The command uses the running Python and quotes the requirement for the shell."""
    command = install.package("scapy>=2.6")
    assert command.endswith(" -m pip install 'scapy>=2.6'")


@pytest.mark.parametrize(
    ("source", "editable", "end"),
    [
        (None, False, "--no-binary mqtt-dissector mqtt-dissector"),
        ("/a b", False, " '/a b'"),
        ("/src", True, " -e /src"),
    ],
)
def test_rebuild_from_the_original_source(source: str | None, editable: bool, end: str) -> None:
    """The package is rebuilt from the directory it was installed from, or from the index."""
    assert install.rebuild(source, editable).endswith(end)


def test_a_program_that_may_not_be_run_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file with the name is found whether or not this user may run it, on PATH first."""
    (tmp_path / "dumpcap").write_text("")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert programs.located("dumpcap") == (str(tmp_path / "dumpcap"), True)
    assert programs.located("no-such-program") == (None, False)


def test_permission_to_capture_is_read_from_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dumpcap may capture for a user without privileges only if it has capabilities."""
    program = tmp_path / "dumpcap"
    program.write_text("#!/bin/sh\necho 'Dumpcap (Wireshark) 4.0.17'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found = programs.dumpcap(may_capture=False)
    assert found.state is State.LIMITED
    assert found.fix is not None and found.fix.startswith("sudo ")
    assert programs.dumpcap(may_capture=True).state is State.OK
    if os.geteuid() == 0:
        both = (1 << 12 | 1 << 13).to_bytes(4, "little")
        # version 2, effective; permitted, inheritable, and the upper halves of both
        os.setxattr(program, "security.capability", b"\1\0\0\2" + both + bytes(12))
        assert programs.dumpcap(may_capture=False).state is State.OK
