"""Which means of capturing is used, the errors if there is none, and clock steps."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from dissector.capture import interfaces, live, packet_filter, rights
from dissector.capture.live_source import LiveSource
from dissector.errors import CaptureError, EngineError, OptionError
from tests.conftest import need_tool
from tests.live.harness import (
    NOBODY,
    Place,
    following,
    mosquitto,
    namespaces,
    need_root,
    open_to_others,
    publish,
)


def test_dumpcap_is_used_if_it_has_privileges(tmp_path: Path) -> None:
    """A user without privileges captures with a dumpcap that has them."""
    need_root()
    need_tool("setpriv")
    setcap, dumpcap = need_tool("setcap"), need_tool("dumpcap")
    open_to_others(tmp_path)
    own = tmp_path / "dumpcap"
    own.write_bytes(Path(dumpcap).read_bytes())
    own.chmod(0o755)
    subprocess.run([setcap, "cap_net_raw,cap_net_admin=eip", str(own)], check=True, timeout=20)
    path = f"{tmp_path}:{os.environ['PATH']}"
    with namespaces() as place, mosquitto(place, 1883, tmp_path):
        other: Place = place._replace(server=(*place.server, *NOBODY))
        with following(
            "-i", place.interface, "--format", "jsonl", place=other, environment={"PATH": path}
        ) as run:
            assert "with dumpcap" in run.stderr
            publish(place, place.v4, 1883, "seen")
            run.wait_for("handshake")
            assert run.stop() == 0
    assert run.of("handshake")[0]["connect"]["clientId"] == "seen"


def test_without_libpcap_every_frame_is_captured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without libpcap the default filter is omitted, and a notice reports it."""
    need_root()

    def missing(expression: str, link: int) -> bytes:
        raise EngineError("libpcap is missing")

    monkeypatch.setattr(live, "compiled", missing)
    expression = packet_filter.default_filter(())
    source = live.open_live(["lo"], expression, vlan_too=True, means="socket")
    source.close()
    assert [kind for kind, _ in source.notices] == ["no-filter"]
    with pytest.raises(EngineError, match="libpcap"):
        live.open_live(["lo"], "tcp port 1", vlan_too=False, means="socket")


def test_invalid_filters_are_refused() -> None:
    """The error contains libpcap's message about the filter."""
    with pytest.raises(OptionError, match="-f tcp prt 3: can't parse filter expression"):
        packet_filter.compiled("tcp prt 3", 1)


def test_an_interface_that_is_down_is_waited_for(tmp_path: Path) -> None:
    """An interface that is down is reported, and captured once it is up."""
    need_root()
    with namespaces() as place, mosquitto(place, 1883, tmp_path):
        ip = [*place.server, "ip", "link", "set", place.interface]
        subprocess.run([*ip, "down"], check=True, timeout=20)
        with following("-i", place.interface, "--format", "jsonl", place=place) as run:
            assert run.wait_for("captureWarning")[0]["kind"] == "interface-down"
            subprocess.run([*ip, "up"], check=True, timeout=20)
            publish(place, place.v4, 1883, "up")
            run.wait_for("handshake")
            assert run.stop() == 0


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is the only one in PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("dissector.capture.rights.sys.platform", "linux")
    return tmp_path


def program(place: Path, name: str) -> None:
    path = place / name
    path.write_text("#!/bin/sh\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def test_remedies_are_for_this_system(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Advice: a group if dumpcap is installed, a pipe if tcpdump is; never setcap on Python."""
    program(system, "dumpcap")
    text = rights.remedy("eth0")
    assert "usermod -aG wireshark" in text
    assert ("dpkg-reconfigure wireshark-common" in text) == Path("/etc/debian_version").exists()
    program(system, "tcpdump")
    assert "sudo tcpdump -i eth0 -U -w - | dissector live -" in rights.remedy("eth0,eth1")
    for platform, words in (("darwin", "ChmodBPF"), ("win32", "npcap")):
        monkeypatch.setattr("dissector.capture.rights.sys.platform", platform)
        text = rights.remedy("en0")
        assert words in text
        assert "setcap" not in text


def test_a_clock_step_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A jump of the wall clock against the monotonic clock is reported, once."""
    wall, even = [1_700_000_000_000_000_000], [5_000_000_000]
    monkeypatch.setattr("dissector.capture.live_source.time.time_ns", lambda: wall[0])
    monkeypatch.setattr("dissector.capture.live_source.time.monotonic_ns", lambda: even[0])
    source = LiveSource("eth0")
    for passed, step in ((100_000_000, 0), (100_000_000, 900_000_000), (60_000_000_000, 0)):
        even[0] += passed
        wall[0] += passed + step
        assert source.wall_ns() == wall[0]
    assert (source.interruptions, source.notices) == (0, [])
    wall[0] += 3_600_000_000_000
    source.wall_ns()
    source.wall_ns()
    assert source.interruptions == 1
    assert [kind for kind, _ in source.notices] == ["clock-step"]


def test_interfaces_are_found_by_name_and_number() -> None:
    """An interface is found by its name or by its number in `-D`; `any` always exists."""
    known = interfaces.interfaces()
    assert interfaces.interface(known[0].name) == interfaces.interface("1") == known[0]
    assert interfaces.interface("any").number == 0
    lo = interfaces.interface("lo")
    assert (lo.loopback, lo.ethernet, lo.up) == (True, True, True)
    with pytest.raises(CaptureError, match=r"there is no interface no-such; there are .*lo"):
        interfaces.interface("no-such")
