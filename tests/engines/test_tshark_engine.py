"""`--engine tshark`: the same results as the native engine, from any link type."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import dissector
from dissector.report.json_document import document
from samples.build import pcap
from tests.cli.running import dissector as run
from tests.conftest import ROOT, SHARED
from tests.engines.test_scapy import LINKS, SIX, examples, without_addresses
from tests.engines.wrapping import wrapped

# Wireshark reads NFLOG in this host's byte order, unless a preference sets another
UNSUPPORTED = {"NFLOG of a big-endian host"}
RECORDED = ROOT / "samples" / "recorded"
FAULTY = ROOT / "samples" / "made" / "ses01-session-present-after-clean-session.pcap"


def reported(sources: Sequence[Any], engine: str, keylog: str | None = None) -> dict[str, Any]:
    """Returns the report as a JSON document, without the engine's name."""
    found = document(dissector.analyze(*sources, engine=engine, keylog=keylog, join=True), key=b"k")
    assert found.pop("tool")["engine"] == engine
    return found


@pytest.mark.parametrize("folder", [RECORDED, FAULTY.parent, SHARED], ids=lambda path: path.name)
def test_the_same_reports(folder: Path, tshark: str) -> None:
    """All captures of a folder, analysed together, give the same report."""
    paths = sorted(path for path in folder.glob("*.pcap*") if "resumption" not in path.name)
    if not paths:
        pytest.skip(f"{folder} is not there")
    paths = paths[:: len(paths) // 15 or 1]  # a thousand frames take seconds
    assert reported(paths, "tshark") == reported(paths, "native")


@pytest.mark.parametrize("name", ["paho-3.1.1-tls12-refusals", "mqttjs-5.0-wss-round-trip"])
def test_the_same_inside_of_tls(name: str, tshark: str) -> None:
    """With a key log, both engines read the MQTT inside TLS."""
    path = RECORDED / f"mosquitto-{name}.pcap"
    keys = str(path.with_suffix(".keys"))
    found = reported([path], "tshark", keys)
    assert found["handshakes"] != []
    assert found == reported([path], "native", keys)


@pytest.mark.parametrize("name", [name for name in LINKS if name not in UNSUPPORTED])
def test_other_link_types(name: str, tshark: str) -> None:
    """Link types and tunnels unknown to the native engine give the same results as Ethernet."""
    link, wrap, _ = LINKS[name]
    for ends in ({}, SIX):
        frames = examples(**ends)
        expected = reported([io.BytesIO(pcap(frames))], "native")
        got = reported([io.BytesIO(wrapped(frames, link, wrap))], "tshark")
        without_addresses(expected)
        without_addresses(got)
        assert got["findings"] == expected["findings"] != []
        assert got["handshakes"] == expected["handshakes"]


def test_truncated_frames(tshark: str, tmp_path: Path) -> None:
    """Frames truncated by a snap length give the same report."""
    frames = examples()
    cut = tmp_path / "cut.pcap"
    for limit in (60, 66, 70):
        whole = pcap(frames)
        cut.write_bytes(_cut(whole, limit))
        assert reported([cut], "tshark") == reported([cut], "native"), limit


@pytest.mark.parametrize("keep", [-5, -40, -60])
def test_a_last_record_that_is_cut(tshark: str, tmp_path: Path, keep: int) -> None:
    """A truncated last record, of which tshark warns, gives the same report."""
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(FAULTY.read_bytes()[:keep])
    assert reported([cut], "tshark") == reported([cut], "native")
    assert [warning.kind for warning in dissector.analyze(cut).warnings] == ["cut-record"]


def _cut(capture: bytes, limit: int) -> bytes:
    """Truncates every record of a pcap to `limit` bytes."""
    made, at = capture[:24], 24
    while at < len(capture):
        size = int.from_bytes(capture[at + 8 : at + 12], "little")
        kept = min(size, limit)
        made += capture[at : at + 8] + kept.to_bytes(4, "little") + capture[at + 12 : at + 16]
        made += capture[at + 16 : at + 16 + kept]
        at += 16 + size
    return made


def test_the_command(tshark: str) -> None:
    """The engine is selected by name, and also reads standard input."""
    ran = run("--engine", "tshark", "--format", "concise", str(FAULTY))
    assert ran.code == 1 and "SES01" in ran.out
    ran = run("--engine", "tshark", "--format", "concise", "-", stdin=FAULTY.read_bytes())
    assert ran.code == 1 and "SES01" in ran.out
    assert run("show", "--engine", "tshark", str(FAULTY)).out == run("show", str(FAULTY)).out


def test_without_tshark(tmp_path: Path) -> None:
    """If tshark is missing, the error says how to install it."""
    ran = run("--engine", "tshark", str(FAULTY), PATH=str(tmp_path))
    assert ran.code == 2 and ran.out == ""
    assert "--engine tshark needs it" in ran.err and "apt install tshark" in ran.err


def test_a_file_that_is_not_a_capture(tshark: str, tmp_path: Path) -> None:
    """A missing file, or one that is not a capture, gives the same error."""
    junk = tmp_path / "junk"
    junk.write_bytes(b"no capture at all")
    for path in (tmp_path / "missing", junk):
        one, other = (run("--engine", name, str(path)) for name in ("native", "tshark"))
        assert (one.code, one.err) == (other.code, other.err)
