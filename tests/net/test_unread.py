"""Encapsulations that may carry TCP and are not read: counted by kind, with advice that works."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

import dissector
from dissector.net.unread import ENCAPSULATIONS
from tests.conftest import ROOT
from tests.net import wire
from tests.net.recording import run
from tests.net.test_frame import ETH, FOUR, NOT_TCP, SIX, TCP, nested, over_ip, over_udp

# tshark finds Ethernet in a pseudowire by known vendors
VENDORS = wire.ethernet(FOUR, src=bytes.fromhex("001b21000001"), dst=bytes.fromhex("000c29000002"))
CASES = ROOT / "tests" / "cases"
INNER_MACS = wire.MAC_B + wire.MAC_A
PPP = b"\xff\3\0\x21" + FOUR
WIFI = b"\x08\1" + bytes(2) + wire.MAC_A * 3 + bytes(2) + b"\xaa\xaa\3\0\0\0\x08\0" + FOUR


def tagged(ethertype: int, fields: bytes, payload: bytes) -> bytes:
    return wire.ethernet(fields + payload, ethertype)


# By kind of the warning: frames of it, all of which hold the same TCP segment where in clear
UNREAD: dict[str, list[bytes]] = {
    "unread-trill": [tagged(0x22F3, b"\0\1\0\1\0\2", ETH)],
    "unread-batman": [tagged(0x4305, b"\x40\x0f\x32\0" + wire.MAC_A, ETH)],
    "unread-fabricpath": [tagged(0x8903, b"\0\x60", ETH)],
    "unread-cisco-metadata": [tagged(0x8909, b"\1\1\0\1\0\7\x08\0", FOUR)],
    "unread-vn-tag": [tagged(0x8926, b"\0\1\0\2\x08\0", FOUR)],
    "unread-hsr": [tagged(0x892F, struct.pack(">HH", 6 + len(FOUR), 1) + b"\x08\0", FOUR)],
    "unread-e-tag": [tagged(0x893F, b"\0\0\0\1\0\0\x08\0", FOUR)],
    "unread-nsh": [tagged(0x894F, b"\x0f\xc2\2\1\0\0\1\xff", FOUR)],
    "unread-lwapp": [
        tagged(0x88BB, bytes(6) + b"\0\0\0\x40\0\0", WIFI),
        tagged(0xBBBB, b"\0\0\0\x40\0\0", WIFI),
        over_udp(12222, b"\0\0\0\x40\0\0" + WIFI),
    ],
    "unread-macsec": [tagged(0x88E5, b"\x0c\0\0\0\0\1", bytes(60))],
    "unread-802.1ah": [tagged(0x88E7, b"\0\0\0\7" + INNER_MACS + b"\x08\0", FOUR)],
    "unread-r-tag": [tagged(0xF1C1, b"\0\0\0\1\x08\0", FOUR)],
    "unread-gre": [
        over_ip(wire.gre(PPP[2:], 0x880B), 47),
        over_ip(wire.gre(WIFI, 0x8200), 47),
    ],
    "unread-esp": [
        over_ip(bytes(60), 50),
        wire.ethernet(wire.ipv6(bytes(60), protocol=50), 0x86DD),
        over_udp(4500, b"\0\0\1\0" + bytes(60)),
        wire.ethernet(wire.ipv4(bytes(64), protocol=50, more=True)),
    ],
    "unread-minimal-encapsulation": [over_ip(b"\6\0" + bytes(6) + TCP, 55)],
    "unread-etherip": [over_ip(b"\x30\0" + ETH, 97)],
    "unread-encrypted-ip": [over_ip(bytes(60), 99)],
    "unread-ipcomp": [over_ip(b"\6\0\0\2" + bytes(60), 108)],
    "unread-l2tp": [
        over_udp(1701, b"\0\2\0\1\0\2" + PPP),
        over_udp(1701, b"\x40\2" + struct.pack(">HHH", 8 + len(PPP), 1, 2) + PPP),
        over_ip(b"\0\0\0\7" + bytes(4) + PPP, 115),
    ],
    "unread-mpls": [
        over_ip(wire.mpls(FOUR, [16]), 137),
        over_udp(6635, wire.mpls(FOUR, [16])),
    ],
    "unread-ethernet-in-ip": [over_ip(ETH, 143)],
    "unread-openvpn": [over_udp(1194, b"\x48\0\0\1" + bytes(60))],
    "unread-teredo": [over_udp(3544, SIX)],
    "unread-lisp": [over_udp(4341, b"\x08\0\0\0\0\0\0\1" + FOUR)],
    "unread-gre-in-udp": [over_udp(4754, wire.gre(FOUR, 0x0800))],
    "unread-vxlan": [over_udp(4789, bytes(8) + ETH)],
    "unread-vxlan-gpe": [over_udp(4790, b"\x0c\0\0\1\0\0\7\0" + FOUR)],
    "unread-capwap": [
        over_udp(5247, b"\0\x10\2\0\0\0\0\0" + ETH),
        over_udp(5247, b"\1\0\0\0\x17\xfe\xfd" + bytes(60)),
    ],
    "unread-gue": [over_udp(6080, FOUR)],
    "unread-tzsp": [over_udp(37008, b"\1\0\0\1\1" + ETH)],
    "unread-wireguard": [
        over_udp(51820, b"\4\0\0\0" + bytes(60)),
        over_udp(41641, b"\4\0\0\0" + bytes(60)),
    ],
    "unread-nested": [nested(9), wire.ethernet(FOUR, vlans=[0x8100] * 9)],
    "unread-ppp": [
        wire.ethernet(wire.pppoe(bytes(60), protocol), 0x8864) for protocol in (0x2D, 0x3D, 0xFD)
    ],
    "unread-pseudowire": [wire.ethernet(wire.mpls(bytes(4) + VENDORS, [16]), 0x8847)],
    "unread-gtp-u": [over_udp(2152, wire.gtp(ETH))],
    "unread-pptp": [
        over_ip(wire.gre(PPP, 0x880B, 0x3001, struct.pack(">HHI", len(PPP), 3, 1)), 47)
    ],
    "unread-bridged": [
        INNER_MACS + struct.pack(">H", 10 + len(ETH)) + b"\xaa\xaa\3\0\x80\xc2\0\7" + bytes(2) + ETH
    ],
}  # fmt: skip
OTHER_LINKS = {"unread-raw-ip"}  # kinds whose frames need another link type

# UDP on the same ports, which is none of them
ORDINARY = {
    "L2TP control": over_udp(1701, b"\xc8\2\0\x14" + bytes(16)),
    "IKE behind ESP's port": over_udp(4500, bytes(4) + bytes(60)),
    "keep-alive of ESP": over_udp(4500, b"\xff"),
    "GTP-U echo": over_udp(2152, b"\x32\1\0\4" + bytes(8)),
    "WireGuard handshake": over_udp(51820, b"\1\0\0\0" + bytes(144)),
    "DNS from a port of VXLAN": over_ip(wire.udp(4789, 53, b"\1\2\1\0\0\1" + bytes(30)), 17),
    "DNS from a port of GTP-U": over_ip(wire.udp(2152, 53, b"\1\2\1\0\0\1" + bytes(30)), 17),
    "QUIC data": over_udp(443, b"\x40" + bytes(60)),
    "CAPWAP keep-alive": over_udp(5247, b"\0\x10\2\x08\0\0\0\0" + bytes(20)),
}


def test_every_kind_has_a_frame() -> None:
    """Every kind that the table can warn of is built here."""
    kinds = {found.kind for found in ENCAPSULATIONS.values()} - {""}
    assert kinds == UNREAD.keys() | OTHER_LINKS


@pytest.mark.parametrize("kind", UNREAD)
def test_one_warning_with_count_first_frame_and_advice(kind: str) -> None:
    """All frames of a kind give one warning that has their number and the first of them."""
    frames = [ETH, *UNREAD[kind], *UNREAD[kind]]
    result = run(frames)
    (warning,) = (w for w in result.warnings if w[0] != "missing-fragment")
    assert warning[0] == kind
    assert warning[1].startswith(f"{len(frames) - 1} frames hold ")
    assert warning[2] == 2
    assert (result.streams.frames, result.streams.tcp_frames) == (len(frames), 1)


def test_kinds_are_counted_apart() -> None:
    """Frames of all kinds in one capture give one warning a kind, each with its own count."""
    result = run([frame for frames in UNREAD.values() for frame in frames])
    counts = {kind: int(text.split()[0]) for kind, text, *_ in result.warnings if "unread" in kind}
    assert counts == {kind: len(frames) for kind, frames in UNREAD.items()}


@pytest.mark.parametrize("name", ORDINARY)
def test_other_datagrams_on_these_ports_are_not_counted(name: str) -> None:
    """A port alone does not make a tunnel: control messages and other protocols are ignored."""
    assert run([ORDINARY[name]]).kinds == []


@pytest.mark.parametrize("kind", ["unread-esp", "unread-l2tp", "unread-nested", "unread-trill"])
def test_quoted_by_icmp_is_not_counted(kind: str) -> None:
    """What an ICMP error quotes carries nothing more."""
    quoted = UNREAD[kind][0][14:]
    assert run([over_ip(b"\3\1" + bytes(6) + quoted, 1)]).kinds == []


def test_raw_ip_called_ethernet() -> None:
    """Raw IP in a file of Ethernet is read, whatever its addresses are, with one warning."""
    for src in ("10.0.0.1", "8.0.0.1", "129.0.0.1", "134.221.0.1"):
        for frame in (wire.ipv4(TCP, src=src), SIX):
            result = run([frame, frame])
            assert result.only.text(0) == b"bytes"
            assert result.kinds == ["wrong-link-type"]
            assert result.warnings[0][1].startswith("2 frames of link type EN10MB ")


@pytest.mark.parametrize("link", [12, 14, 101, 228, 229])
@pytest.mark.parametrize("mac", ["020000000001", "485d36000001", "60a44c000001"])
def test_ethernet_called_raw_ip(link: int, mac: str) -> None:
    """Ethernet in a file of raw IP is read, also if its first digit looks like an IP version."""
    for payload, ethertype in ((FOUR, 0x0800), (SIX, 0x86DD)):
        result = run([wire.ethernet(payload, ethertype, dst=bytes.fromhex(mac))], link)
        assert result.only.text(0) == b"bytes"
        assert result.kinds == ["wrong-link-type"]


def test_raw_ip_without_a_version() -> None:
    """Frames of raw IP that begin with no IP version are counted."""
    result = run([b"\x55" * 60] * 3, 101)
    assert result.kinds == ["unread-raw-ip"]
    assert result.warnings[0][1].startswith("3 frames ")


@pytest.mark.parametrize("size", [6, 13, 20, 33, 40])
def test_frames_cut_before_tcp(size: int) -> None:
    """Frames that the snap length cuts before the TCP header give the warning about it."""
    assert run([ETH[:size]] * 2, originals=[len(ETH)] * 2).kinds == ["snap-length"]


def test_short_frames_that_were_not_cut() -> None:
    """A frame that was short on the wire is no matter of the snap length."""
    assert run([ETH[:20], ETH[:13]]).kinds == []


@pytest.mark.parametrize("name", NOT_TCP)
def test_frames_of_other_protocols_are_not_counted(name: str) -> None:
    """Protocols that carry no TCP are not reported."""
    link, frame = NOT_TCP[name]
    assert run([frame] * 2, link).kinds == []


def test_quic_and_mqtt_sn_are_counted_without_a_warning() -> None:
    """Datagrams of QUIC and MQTT-SN are counted for the note that there was no MQTT."""
    quic = b"\xc3\0\0\0\1\x08" + bytes(40)
    connect = b"\x0c\4\4\1\0\x3csensor"
    frames = [
        over_udp(443, quic),
        over_udp(14567, quic),
        over_udp(1884, connect),
        over_udp(53, quic),
    ]
    result = run(frames)
    assert result.streams.datagrams == {"quic": 2, "mqtt-sn": 1}
    assert result.kinds == []


def test_tshark_decodes_what_the_advice_says(tshark: str, tmp_path: Path) -> None:
    """Where a warning advises `--engine tshark` without a reservation, tshark finds the segment."""
    numbered = [(kind, frame) for kind, frames in UNREAD.items() for frame in frames]
    path = tmp_path / "all.pcap"
    path.write_bytes(wire.pcap([frame for _, frame in numbered]))
    fields = ("-T", "fields", "-e", "frame.number")
    done = subprocess.run(
        [tshark, "-n", "-r", str(path), "-Y", "tcp.srcport==40000", *fields],
        capture_output=True,
        check=True,
        timeout=120,
    )
    decoded = {numbered[int(line) - 1][0] for line in done.stdout.split()}
    advised = {
        found.kind
        for found in ENCAPSULATIONS.values()
        if found.advice == "--engine tshark decodes it"
    }
    assert advised <= decoded


@pytest.mark.parametrize(
    ("name", "frames", "handshakes"), [("null-with-ethertype", 12, 1), ("gtp-u-and-plain", 26, 2)]
)
def test_captures_from_the_field(name: str, frames: int, handshakes: int) -> None:
    """A loopback capture with an ethertype as family, and GTP-U beside Ethernet, are read whole."""
    report = dissector.analyze(CASES / f"{name}.pcap")
    assert (report.capture.frames, len(report.handshakes)) == (frames, handshakes)
    assert [finding.rule for finding in report.findings if finding.rule != "CON14"] == ["SES01"]
    assert report.warnings == []
