"""`dissector show`: lines, trees and dumps of control packets."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from dissector import analysis
from dissector.capture.rings import groups
from dissector.engines.native import PacketSink
from dissector.options import Options
from dissector.rules.examples import ACCEPTED_311, CONNECT_311
from samples.build import conversation, pcap
from tests.cli.running import dissector

WITH_PASSWORD = (
    "C 10 1d 00 04 4d 51 54 54 04 c2 00 3c 00 02 63 31 00 01 75 00 0a 68 75 73 68 21 68 75 73 68 21"
)


@pytest.fixture
def heavy(tmp_path: Path) -> Path:
    """A capture with a PUBLISH of a thousand bytes."""
    path = tmp_path / "heavy.pcap"
    publish = "C 30 eb 07 00 01 61" + " 78" * 1000
    path.write_bytes(pcap(conversation((CONNECT_311, ACCEPTED_311, publish, "C e0 00", "C FIN"))))
    return path


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A capture with a password in it."""
    path = tmp_path / "secret.pcap"
    path.write_bytes(pcap(conversation((WITH_PASSWORD, "S 20 02 00 00", "C e0 00", "C FIN"))))
    return path


def test_one_line_per_packet(bad: Path) -> None:
    """Every line has frame, time, stream, direction and summary of a control packet."""
    lines = dissector("show", str(bad)).out.splitlines()
    assert len(lines) == 3
    assert lines[0].split()[:6] == ["4", "2023-11-14T22:13:20.003000Z", "stream", "0", "C", ">"]
    assert "CONNACK accepted sessionPresent=1" in lines[1]


def test_filters(bad: Path) -> None:
    """A frame, a count, a stream or a client id restricts what is shown."""
    assert "CONNACK" in dissector("show", "--frame", "6", str(bad)).out
    assert len(dissector("show", "-c", "1", str(bad)).out.splitlines()) == 1
    assert dissector("show", "--stream", "7", str(bad)).out == ""
    assert "no control packet" in dissector("show", "--client", "zzz", str(bad)).err
    assert dissector("show", "--frame", "x", str(bad)).code == 2


def test_a_tree_truncates_a_payload(heavy: Path) -> None:
    """A tree shows the start of a payload and how to see all of it; a dump shows all bytes."""
    lines = dissector("show", "-V", "--frame", "8", str(heavy)).out.splitlines()
    assert max(map(len, lines)) < 240
    assert lines[-1].endswith("xxx… (-x shows all bytes)")
    dump = dissector("show", "-x", "--frame", "8", str(heavy)).out
    assert dump.count(" 78") == 1000


def test_trees_and_dumps_mask_secrets(secret: Path) -> None:
    """A password is replaced by asterisks in the line, the tree and the dump."""
    text = dissector("show", "-V", "-x", str(secret)).out
    assert "hush" not in text
    assert "68 75 73 68" not in text
    assert "password  = b'**********'" in text


@pytest.mark.parametrize(
    "words",
    [("20020100",), ("20", "02", "01", "00"), ("20:02:01:00",), ("0x20020100",)],
)
def test_hex_from_the_command_line(words: tuple[str, ...]) -> None:
    """Bytes may be given in one or several words, with or without separators."""
    ran = dissector("show", "hex", *words)
    assert ran.code == 0
    assert ran.out.startswith("CONNACK accepted sessionPresent=1")
    assert "sessionPresent= 1" in ran.out


def test_hex_from_standard_input() -> None:
    """`-` reads the digits from a pipe."""
    assert dissector("show", "hex", "-", stdin=b"e0 00\n").out.startswith("DISCONNECT")


def test_escape_sequences_are_escaped() -> None:
    """Terminal escape sequences in captured text are printed in escaped form."""
    wire = "10 12 00 04 4d 51 54 54 04 02 00 3c 00 06 1b 5b 33 31 6d 0a"
    text = dissector("show", "-x", "hex", *wire.split()).out
    assert all(line.isprintable() for line in text.splitlines())


def test_packets_are_yielded_while_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packets are yielded a few frames later; a capture of tiny packets is not held in memory."""
    most = 0
    kept = PacketSink.packet

    def counted(self: PacketSink, *packet: Any) -> None:
        nonlocal most
        kept(self, *packet)
        most = max(most, len(self.packets))

    monkeypatch.setattr(PacketSink, "packet", counted)
    zeros = [f"C {bytes(1400).hex()}"] * 100
    data = pcap(conversation((CONNECT_311, ACCEPTED_311, *zeros)))
    shown = sum(1 for _ in analysis.packets(groups([io.BytesIO(data)]), Options()))
    assert shown == 2 + 100 * 700
    assert most < shown / 5


@pytest.mark.parametrize(
    ("name", "over"),
    [
        ("aedes-mqttjs-3.1.1-proxy-v2-websocket", " (ws, proxied) "),
        ("aedes-paho-3.1.1-proxy-v1", " (proxied) "),
        ("mosquitto-paho-3.1.1-websocket-qos-levels", " (ws) "),
        ("mosquitto-paho-3.1.1-takeover", " "),
    ],
)
def test_the_encapsulation_is_shown(name: str, over: str) -> None:
    """Each line, and the handshake table, show the encapsulation of a stream."""
    path = f"samples/recorded/{name}.pcap"
    for line in dissector("show", path).out.splitlines():
        stream, _, rest = line.partition("stream ")[2].partition(" ")
        assert stream.isdigit()
        assert f" {rest}".startswith((f"{over}C > S", f"{over}S > C"))
    head = dissector(path).out.splitlines()[1]
    assert (" over " in head) == bool(over.strip())
    assert over.strip(" ()") in dissector(path).out
