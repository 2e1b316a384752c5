"""Differences between the engines, and the known faults that explain them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from dissector.cli import crosscheck as command
from dissector.crosscheck import compare as module
from dissector.crosscheck.compare import Difference, compare
from dissector.engines.scapy import ScapyEngine
from samples.build import conversation, pcap
from tests.cli.running import dissector as run
from tests.conftest import ROOT
from tests.tls_peers import CONNACK, TALK, Peers, steps

RECORDED = ROOT / "samples" / "recorded"
MALFORMED = RECORDED / "aedes-raw-3.1.1-malformed-connects.pcap"


def written(folder: Path, wire: list[tuple[str, bytes]], port: int = 1883) -> str:
    """Writes a conversation to a capture."""
    path = folder / "made.pcap"
    path.write_bytes(pcap(conversation(steps(wire), server_port=port)))
    return str(path)


def test_no_differences(tmp_path: Path, tshark: str) -> None:
    """A valid conversation has no differences, even on a port that tshark does not know."""
    for port, ports in ((1883, ()), (1884, (1884,)), (5000, ())):
        found = compare(written(tmp_path, list(TALK), port), frozenset(ports))
        assert (found.packets, found.differences) == (2, [])


def test_split_lengths(tmp_path: Path, tshark: str) -> None:
    """A Remaining Length that is split over segments is a known fault of tshark."""
    connect = bytes.fromhex("10c601 00044d5154540402003c 00ba") + b"a" * 186
    for cut, faults in ((1, []), (2, ["split-length"]), (3, [])):
        found = compare(
            written(tmp_path, [("C", connect[:cut]), ("C", connect[cut:]), ("S", CONNACK)])
        )
        assert found.packets == 2
        assert [each.fault and each.fault.name for each in found.differences] == faults


def test_a_truncated_capture(tmp_path: Path, tshark: str) -> None:
    """Complete packets are compared although tshark ends with an error."""
    path = Path(written(tmp_path, list(TALK)))
    path.write_bytes(path.read_bytes()[:-5])
    found = compare(str(path))
    assert (found.packets, found.differences) == (2, [])


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_inside_tls(tmp_path: Path, tshark: str, version: str) -> None:
    """With a key log both decode the content of TLS, on any port and with any ALPN."""
    for port, alpn in ((8883, ["mqtt"]), (443, [])):
        with Peers(version, alpn=alpn) as peers:
            path = written(tmp_path, peers.talk(), port)
            found = compare(path, key_log=peers.keys)
        assert (found.packets, found.differences) == (2, [])


@pytest.mark.parametrize("keys", sorted(RECORDED.glob("*.keys")), ids=lambda path: path.stem)
def test_recorded_tls(tshark: str, keys: Path) -> None:
    """With the same keys tshark decodes all TLS recordings as native does."""
    found = compare(str(keys.with_suffix(".pcap")), key_log=keys.read_bytes())
    assert found.differences == []
    assert found.packets or found.carried


def test_keys_in_the_capture(tshark: str) -> None:
    """Keys in a pcapng are used by both."""
    found = compare(str(RECORDED / "mosquitto-mqttjs-5.0-tls13-resumption.pcapng"))
    assert (found.packets, found.differences) == (4, [])


def test_websocket_streams_are_counted(tshark: str) -> None:
    """Streams in WebSocket are not compared, but counted."""
    found = compare(str(RECORDED / "mosquitto-mqttjs-3.1-websocket-round-trip.pcap"))
    assert (found.carried, found.differences) == (1, [])


def test_known_faults_are_listed(tshark: str) -> None:
    """A known fault is listed with its name, and the exit code is 0."""
    ran = run("crosscheck", str(MALFORMED))
    assert ran.code == 0
    assert "0 unexplained differences, 1 by known faults of tshark" in ran.out
    assert "five-byte-length" in ran.out


def test_unexplained_differences(
    tshark: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a difference that no known fault explains the exit code is 1, in every format."""
    monkeypatch.setattr(module, "explain", lambda case: None)
    assert command.run([str(MALFORMED)]) == 1
    assert "1 unexplained difference" in capsys.readouterr().out
    assert command.run(["--format", "json", str(MALFORMED)]) == 1
    record = json.loads(capsys.readouterr().out)
    assert record["unexplained"] == 1
    assert record["differences"][0]["fault"] is None


def test_the_scapy_engine_is_compared_with_native(
    tmp_path: Path, tshark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A packet that the scapy engine does not decode is a difference."""
    path = written(tmp_path, list(TALK))
    monkeypatch.setattr(ScapyEngine, "batches", lambda engine, readers: iter(()))
    found = compare(path).unexplained
    assert [(each.engine, each.field) for each in found] == [("scapy", "packet")] * 2


def test_secrets_are_stars() -> None:
    """Passwords and authentication data of any engine are not shown."""
    one = Difference("tshark", 1, 0, "CONNECT", "password", b"secret", b"secret2")
    two = one._replace(field="properties", native=[(22, b"secret"), (21, b"SCRAM")])
    for each in (one, two):
        assert "secret" not in command._value(each, each.native)
    assert "SCRAM" in command._value(two, two.native)


def test_captures_that_tshark_cannot_read(tmp_path: Path) -> None:
    """For compressed captures and pipes the error names what to give instead."""
    packed = tmp_path / "a.pcap.gz"
    packed.write_bytes(gzip.compress(MALFORMED.read_bytes()))
    for name in (str(packed), "-"):
        ran = run("crosscheck", name)
        assert ran.code == 2 and "not compressed" in ran.err
    assert run("crosscheck", str(tmp_path / "missing")).code == 2


def test_without_tshark(tmp_path: Path) -> None:
    """Without tshark the error says how to install it."""
    ran = run("crosscheck", str(MALFORMED), PATH=str(tmp_path))
    assert ran.code == 2 and ran.err.count("\n") == 1
    assert "apt install tshark" in ran.err


def test_files_of_one_capture_are_compared_together(tmp_path: Path) -> None:
    """The files of a ring are compared as one capture; a difference names the file of its frame."""
    data = MALFORMED.read_bytes()
    ends = [24]  # of the file header and of each record
    while ends[-1] < len(data):
        ends.append(ends[-1] + 16 + int.from_bytes(data[ends[-1] + 8 : ends[-1] + 12], "little"))
    count = len(ends) // 2  # frames in the first file
    paths = [tmp_path / "x.pcap", tmp_path / "x.pcap1"]
    paths[0].write_bytes(data[: ends[count]])
    paths[1].write_bytes(data[:24] + data[ends[count] :])
    ran = run("crosscheck", "--format", "json", *map(str, paths))
    found = json.loads(ran.out)
    alone = json.loads(run("crosscheck", "--format", "json", str(MALFORMED)).out)
    assert found["files"] == [str(path) for path in paths]
    assert found["packets"] == alone["packets"]
    assert alone["differences"]
    assert [(each["file"], each["frame"]) for each in found["differences"]] == [
        (str(paths[each["frame"] > count]), each["frame"] - count * (each["frame"] > count))
        for each in alone["differences"]
    ]
