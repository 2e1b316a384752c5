"""`--engine scapy`: the same results from link types and tunnels unknown to the native engine."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dissector
from dissector.engines.scapy import Decoder
from dissector.net.link import is_known
from dissector.report.json_document import document
from dissector.rules.registry import find
from samples.build import Frame, conversation, pcap
from tests.cli.running import CLEAN
from tests.cli.running import dissector as command
from tests.conftest import ROOT, SHARED
from tests.engines import wrapping
from tests.engines.wrapping import Wrap, wifi, wrapped
from tests.fuzz.records import Record
from tests.fuzz.records import pcap as capture
from tests.transport.recorded import RECORDED
from tests.transport.test_transport import ROWS

SAMPLES = sorted(
    path
    for folder in (RECORDED, RECORDED.parent / "made", SHARED)
    for path in folder.glob("*.pcap*")
)
SIX = {"client_ip": bytes(15) + b"\1", "server_ip": bytes(15) + b"\2"}
# link type, wrapper, whether it keeps MAC addresses
LINKS: dict[str, tuple[int, Wrap, bool]] = {
    "802.11": (105, lambda ether: bytes(wifi(ether)), True),
    "802.11 with QoS": (105, lambda ether: bytes(wifi(ether, quality=True)), True),
    "802.11 between access points": (105, lambda ether: bytes(wifi(ether, relay=True)), True),
    "radiotap": (127, wrapping.radiotap, True),
    "radiotap with a check sequence": (127, wrapping.radiotap_with_checksum, True),
    "PPI": (192, wrapping.ppi, True),
    "NFLOG": (239, wrapping.nflog, False),
    "NFLOG of a big-endian host": (239, partial(wrapping.nflog, order="big"), False),
    "Prism": (119, wrapping.prism, True),
    "AVS": (163, wrapping.avs, True),
    "PFLOG": (117, wrapping.pflog, False),
    "PPP": (9, wrapping.ppp, False),
    "PPP in HDLC": (50, wrapping.ppp_in_hdlc, False),
    "PPP with direction": (204, wrapping.ppp_with_direction, False),
    "Cisco HDLC": (104, wrapping.hdlc, False),
    "GTP-U": (1, wrapping.gtp, True),
    "L2TP": (1, wrapping.l2tp, True),
    "PPTP": (1, wrapping.pptp, True),
    "EtherIP": (1, wrapping.etherip, True),
}


def examples(**ends: Any) -> list[Frame]:
    """Returns the frames of a conversation with a finding."""
    rule = find("SES01")
    assert rule is not None
    return conversation(rule.bad[0].steps, **ends)


def analysed(data: bytes, engine: str) -> dict[str, Any]:
    """Analyses a capture with an engine, and returns the JSON document."""
    report = dissector.analyze(io.BytesIO(data), engine=engine)
    return document(report, key=b"the same for all")


def without_addresses(document: dict[str, Any]) -> None:
    """Removes the MAC addresses."""
    for record in (*document["handshakes"], *document["findings"]):
        for end in ("client", "server"):
            record[end].pop("mac")


@pytest.mark.parametrize("ends", [{}, SIX], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("name", LINKS)
def test_the_same_as_on_ethernet(name: str, ends: dict[str, Any]) -> None:
    """Handshakes, findings and frame numbers are the same as on Ethernet."""
    link, wrap, addresses = LINKS[name]
    frames = examples(**ends)
    expected = analysed(pcap(frames), "native")
    got = analysed(wrapped(frames, link, wrap), "scapy")
    assert got["captureWarnings"] == []
    assert got["tool"]["engine"] == "scapy"
    if not addresses:
        without_addresses(expected)
        without_addresses(got)
    assert got["findings"] == expected["findings"] != []
    assert got["handshakes"] == expected["handshakes"]


@pytest.mark.parametrize("name", LINKS)
def test_native_does_not_know_them(name: str) -> None:
    """Alone, the native engine reads GTP-U only; of the rest it says what to do."""
    link, wrap, _ = LINKS[name]
    data = wrapped(examples(), link, wrap)
    if not is_known(link):
        with pytest.raises(dissector.CaptureError, match="without --engine native"):
            analysed(data, "native")
        return
    report = analysed(data, "native")
    if name == "GTP-U":
        assert len(report["handshakes"]) == 1
        return
    assert report["handshakes"] == []
    (warning,) = report["captureWarnings"]
    assert "13 frames" in warning["message"] and "--engine" in warning["message"]


def test_the_hardware_address_in_nflog() -> None:
    """The sender's hardware address in NFLOG is used as the client's MAC address."""
    (handshake,) = analysed(wrapped(examples(), 239, wrapping.nflog), "scapy")["handshakes"]
    assert handshake["client"]["mac"] == "02:00:00:00:00:01"


def _same(native: dissector.Report, scapy: dissector.Report) -> None:
    one, other = (document(report, key=b"the same for all") for report in (native, scapy))
    assert (one.pop("tool")["engine"], other.pop("tool")["engine"]) == ("native", "scapy")
    assert one == other


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_every_capture_gives_the_same_as_native(path: Path) -> None:
    """For captures that the native engine reads, both engines give the same report."""
    _same(dissector.analyze(path), dissector.analyze(path, engine="scapy"))


@pytest.mark.parametrize("name", ROWS)
def test_every_transport_gives_the_same_as_native(name: str, tmp_path: Path) -> None:
    """For all transport cases (tunnels, fragments, tags, …) both engines give the same report."""
    row = ROWS[name]
    paths = []
    for at, data in enumerate(row.files(row.timed())):
        path = tmp_path / f"{at}.pcap"
        path.write_bytes(data)
        paths.append(str(path))
    paths = row.path_order(paths)
    joined = dissector.analyze(*paths, join=True)
    _same(joined, dissector.analyze(*paths, engine="scapy", join=True))


def test_encrypted_802_11_gives_a_warning() -> None:
    """Frames that are encrypted by 802.11 give one warning with their number."""
    data = wrapped(examples(), 105, lambda ether: bytes(wifi(ether, protected=True)))
    report = analysed(data, "scapy")
    assert [warning["kind"] for warning in report["captureWarnings"]] == ["link-encrypted"]
    assert report["captureWarnings"][0]["frame"] == 1
    assert report["captureWarnings"][0]["message"].startswith("13 frames encrypted by 802.11")
    assert report["handshakes"] == []


@pytest.mark.parametrize("first", [0x09, 0x0A, 0x0B, 0xB0])
def test_another_version_of_802_11_is_not_encrypted(first: int) -> None:
    """The bit of encryption means nothing in a frame of another protocol version, or no data."""
    data = bytes((first, wrapping.PROTECTED)) + bytes(60)
    frames = [Record(at, 105, data, len(data)) for at in range(3)]
    report = analysed(capture(frames, link=105), "scapy")
    assert report["captureWarnings"] == []


def test_an_unknown_link_type() -> None:
    """A file with only an unknown link type is an error."""
    data = wrapped(examples(), 147, bytes)
    with pytest.raises(dissector.CaptureError, match="unknown to scapy, too; --engine tshark"):
        analysed(data, "scapy")


@settings(max_examples=400)
@given(
    link=st.sampled_from([1, 9, 104, 105, 113, 117, 119, 127, 163, 187, 192, 195, 201, 239, 256]),
    data=st.binary(max_size=120),
    inside=st.booleans(),
)
def test_any_bytes(link: int, data: bytes, inside: bool) -> None:
    """Any exception of scapy on captured bytes becomes a warning at most."""
    if inside:
        data += examples()[3].data
    report = dissector.analyze(
        io.BytesIO(capture([Record(1, link, data, len(data))], link=link)), engine="scapy"
    )
    assert {warning.kind for warning in report.warnings} <= {
        "undecoded", "link-encrypted", "snap-length", "missing-fragment", "mid-stream",
    }  # fmt: skip


def test_an_exception_of_scapy_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame for which scapy raises is skipped, and the exception is reported once."""

    def broken(self: Decoder, packet: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Decoder, "_innermost", broken)
    report = analysed(wrapped(examples(), 105, lambda ether: bytes(wifi(ether))), "scapy")
    assert [warning["kind"] for warning in report["captureWarnings"]] == ["undecoded"]
    assert "ZeroDivisionError" in report["captureWarnings"][0]["message"]


def test_it_never_imports_all_of_scapy() -> None:
    """The engine does not import scapy.all, which would take a second."""
    code = (
        "import sys; from dissector.engines.scapy import Decoder; Decoder(); "
        "assert not {'scapy.all', 'scapy.layers.all'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=CLEAN, cwd=ROOT, timeout=60)


@pytest.mark.parametrize("name", ["analyze", "audit", "show"])
def test_commands_accept_the_engine(name: str, tmp_path: Path) -> None:
    """`--engine scapy` reads an 802.11 capture in every command, and the report says so."""
    path = tmp_path / "wifi.pcap"
    path.write_bytes(wrapped(examples(), 127, wrapping.radiotap))
    form = () if name == "show" else ("--format", "json")
    ran = command(name, "--engine", "scapy", *form, str(path))
    if name == "show":
        assert "CONNECT" in ran.out
        assert "CONNACK" in ran.out
        assert ran.code == 0
        return
    assert ran.code == 1
    assert json.loads(ran.out)["tool"]["engine"] == "scapy"
    assert len(json.loads(ran.out)["handshakes"]) == 1
    assert ran.err == ""
