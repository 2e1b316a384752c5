"""Without `--engine`: link types unknown to native are decoded by scapy, or else by tshark."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import dissector
from dissector.engines import automatic
from samples.build import pcap
from tests.capture import builders
from tests.cli.running import CLEAN
from tests.cli.running import dissector as command
from tests.conftest import ROOT
from tests.engines import wrapping
from tests.engines.test_scapy import LINKS, SIX, analysed, examples, without_addresses
from tests.engines.wrapping import Wrap, wrapped
from tests.net import wire

FOREIGN = {name: row for name, row in LINKS.items() if row[0] != 1}
# Link types that scapy does not know, either
TSHARK_ONLY: dict[str, tuple[int, Wrap]] = {
    "Token ring": (6, wrapping.token_ring),
    "FDDI": (10, wrapping.fddi),
    "ATM": (100, wrapping.snap),
    "frame relay": (107, wrapping.frame_relay),
    "IP over Fibre Channel": (122, wrapping.fibre_channel),
    "Juniper": (178, wrapping.juniper),
    "IP over InfiniBand": (242, wrapping.infiniband),
}


def without_engine(document: dict[str, Any]) -> list[str]:
    """Removes what may differ from Ethernet; returns the texts about engines."""
    without_addresses(document)
    texts = [w["message"] for w in document["captureWarnings"] if w["kind"] == "engine"]
    document["captureWarnings"] = [w for w in document["captureWarnings"] if w["kind"] != "engine"]
    return texts


@pytest.mark.parametrize("ends", [{}, SIX], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("name", FOREIGN)
def test_scapy_is_used_for_link_types_that_it_knows(name: str, ends: dict[str, Any]) -> None:
    """The report is that of Ethernet, and says that scapy decoded every frame."""
    link, wrap, _ = FOREIGN[name]
    frames = examples(**ends)
    expected, got = analysed(pcap(frames), "auto"), analysed(wrapped(frames, link, wrap), "auto")
    assert (expected["tool"]["engine"], got["tool"]["engine"]) == ("native", "scapy")
    assert without_engine(expected) == []
    (text,) = without_engine(got)
    assert f"({len(frames)} frames) by scapy" in text
    for part in ("handshakes", "findings", "captureWarnings", "notEvaluated", "summary"):
        assert got[part] == expected[part]


@pytest.mark.parametrize("ends", [{}, SIX], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("name", TSHARK_ONLY)
def test_tshark_is_used_for_the_others(tshark: str, name: str, ends: dict[str, Any]) -> None:
    """The report is that of Ethernet, and says that tshark decoded every frame."""
    link, wrap = TSHARK_ONLY[name]
    frames = examples(**ends)
    expected, got = analysed(pcap(frames), "auto"), analysed(wrapped(frames, link, wrap), "auto")
    assert got["tool"]["engine"] == "tshark"
    without_engine(expected)
    (text,) = without_engine(got)
    assert f"({len(frames)} frames) by tshark" in text
    for part in ("handshakes", "findings", "captureWarnings", "notEvaluated", "summary"):
        assert got[part] == expected[part]


def mixed(*links: tuple[int, Wrap]) -> bytes:
    """Returns a pcapng whose frames are on interfaces of these link types in turn, and Ethernet."""
    from scapy.layers.l2 import Ether

    blocks = [builders.section(), *(builders.interface(link) for link, _ in links)]
    blocks.append(builders.interface(1))
    for at, frame in enumerate(examples()):
        place = at % (len(links) + 1)
        data = links[place][1](Ether(frame.data)) if place < len(links) else frame.data
        blocks.append(builders.enhanced(data, frame.time_ns // 1000, number=place))
    return b"".join(blocks)


def test_interface_by_interface(tshark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One connection whose frames are on Ethernet, PPP and InfiniBand is read as a whole."""
    data = mixed((9, wrapping.ppp), (242, wrapping.infiniband))
    expected = analysed(pcap(examples()), "auto")
    without_engine(expected)
    for chunk in (8192, 2, 1):
        monkeypatch.setattr(automatic, "_CHUNK", chunk)
        got = analysed(data, "auto")
        (text,) = without_engine(got)
        assert text.endswith("PPP (5 frames) by scapy, IPOIB (4 frames) by tshark")
        assert got["handshakes"] == expected["handshakes"]
        assert got["findings"] == expected["findings"] != []


def test_file_by_file(tshark: str, tmp_path: Path) -> None:
    """Of several files each is decoded by the engine that its link type needs."""
    whole = examples()
    parts = [
        pcap(whole[0::3]),
        wrapped(whole[1::3], 9, wrapping.ppp),
        wrapped(whole[2::3], 10, wrapping.fddi),
    ]
    paths = [tmp_path / f"{at}.pcap" for at in range(3)]
    for path, data in zip(paths, parts, strict=True):
        path.write_bytes(data)
    report = dissector.analyze(*paths, join=True)
    assert len(report.handshakes) == 1
    assert [finding.rule for finding in report.findings] == ["SES01"]
    assert [warning.kind for warning in report.warnings] == ["engine"]


@pytest.mark.parametrize("six", [False, True], ids=["IPv4", "IPv6"])
def test_fragments_in_different_runs_of_tshark(
    tshark: str, six: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """IP fragments are joined also if tshark decoded them in different runs."""
    monkeypatch.setattr(automatic, "_CHUNK", 1)
    made = []
    for at, frame in enumerate(examples(**(SIX if six else {}))):
        payload = frame.data[54:] if six else frame.data[34:]
        for start in range(0, len(payload), 16):
            piece, more = payload[start : start + 16], start + 16 < len(payload)
            if six:
                data = frame.data[14:18] + struct.pack(">HBB", 8 + len(piece), 44, 64)
                data += frame.data[22:54] + wire.ipv6_fragment(piece, at, start, more)
            else:
                data = wire.ipv4(piece, ident=at, more=more, offset=start)
                data = data[:12] + frame.data[26:34] + piece
            made.append((frame.time_ns // 1000, data))
    head = bytes(40) + (b"\x86\xdd" if six else b"\x08\0") + b"\0\0"
    blocks = [builders.section(), builders.interface(242)]
    blocks += [builders.enhanced(head + data, time, number=0) for time, data in made]
    report = dissector.analyze(io.BytesIO(b"".join(blocks)))
    assert len(report.handshakes) == 1
    assert [warning.kind for warning in report.warnings] == ["engine"]


@pytest.mark.parametrize("name", ["PPP", "IEEE802_11"])
def test_native_alone_forbids_it(name: str) -> None:
    """`--engine native` decodes none of these, and says that other engines may."""
    link, wrap = {"PPP": (9, wrapping.ppp), "IEEE802_11": (105, lambda e: bytes(wrapping.wifi(e)))}[
        name
    ]
    with pytest.raises(dissector.CaptureError, match=f"{name} .* without --engine native"):
        dissector.analyze(io.BytesIO(wrapped(examples(), link, wrap)), engine="native")


def test_an_unknown_link_type_is_an_error(tshark: str) -> None:
    """A file with only link types that no engine knows is an error."""
    with pytest.raises(dissector.CaptureError, match="USER0 is unknown: neither scapy nor tshark"):
        dissector.analyze(io.BytesIO(wrapped(examples(), 147, bytes)))


def test_without_tshark(tmp_path: Path) -> None:
    """If tshark would be needed and is missing, the error says how to install it."""
    path = tmp_path / "fddi.pcap"
    path.write_bytes(wrapped(examples(), 10, wrapping.fddi))
    ran = command(str(path), PATH=str(tmp_path))
    assert ran.code == 2
    assert "FDDI" in ran.err and "apt install tshark" in ran.err
    assert "13" in ran.out and "unknown-link-type" in ran.out


def test_a_link_type_is_given_up_after_some_runs(
    tshark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tshark is not run again and again for a link type in which it finds no IP."""
    runs = []
    decode = automatic._decoded

    def counted(frames: Any) -> Any:
        runs.append(len(frames))
        return decode(frames)

    monkeypatch.setattr(automatic, "_CHUNK", 1)
    monkeypatch.setattr(automatic, "_decoded", counted)
    data = mixed((147, bytes))
    for at in range(2, 12):
        data += builders.enhanced(bytes(60), at, number=0)
    report = dissector.analyze(io.BytesIO(data))
    assert len(runs) <= 4
    assert [warning.kind for warning in report.warnings if "link" in warning.kind] == [
        "unknown-link-type"
    ]


@pytest.mark.parametrize("command_name", ["analyze", "audit", "show"])
def test_commands(command_name: str, tmp_path: Path) -> None:
    """Every command reads PPP without a flag."""
    path = tmp_path / "ppp.pcap"
    path.write_bytes(wrapped(examples(), 9, wrapping.ppp))
    form = () if command_name == "show" else ("--format", "json")
    ran = command(command_name, *form, str(path))
    if command_name == "show":
        assert "CONNACK" in ran.out
        return
    assert json.loads(ran.out)["tool"]["engine"] == "scapy"
    assert len(json.loads(ran.out)["handshakes"]) == 1


def test_other_engines_are_not_loaded_for_ethernet(tmp_path: Path) -> None:
    """Scapy and pyshark are imported only if a link type needs them."""
    path = tmp_path / "plain.pcap"
    path.write_bytes(pcap(examples()))
    code = (
        "import sys, dissector; dissector.analyze(sys.argv[1]); "
        "assert not {'scapy', 'pyshark', 'dissector.engines.scapy'} & set(sys.modules)"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(path)], check=True, env=CLEAN, cwd=ROOT, timeout=60
    )


def test_any_bytes_of_any_link_type(tshark: str) -> None:
    """Frames of any bytes and link types give warnings at most, and nothing is lost."""
    blocks = [builders.section()]
    links = (1, 9, 10, 100, 105, 107, 127, 147, 178, 195, 242)
    blocks += [builders.interface(link) for link in links]
    for at in range(200):
        data = struct.pack(">Q", at * 0x9E3779B97F4A7C15 % 2**64) * (at % 9)
        blocks.append(builders.enhanced(data, at, number=at % len(links)))
    report = dissector.analyze(io.BytesIO(b"".join(blocks)))
    assert report.capture.frames == 200
    assert report.handshakes == []
