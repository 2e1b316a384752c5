"""Decryption of TLS connections with a key log by tshark, and analysis of the MQTT inside."""

from __future__ import annotations

import asyncio
import gzip
import io
import random
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import dissector
from dissector.analysis import Report
from dissector.errors import EngineError, OptionError
from dissector.model import Outcome
from samples.build import START_NS, Frame, conversation, pcap
from tests.cli.running import LIMIT
from tests.cli.running import dissector as run
from tests.conftest import need_tool
from tests.tls_peers import CONNACK, CONNECT, DISCONNECT, TALK, Peers, steps

Wire = Sequence[tuple[str, bytes]]
Change = Callable[[list[Frame], int], list[Frame]]
PUBLISHED = bytes.fromhex("30eadd01000161") + bytes(28391)  # longer than a TLS record
LONG = (("C", CONNECT), ("S", CONNACK), ("C", PUBLISHED[:16000]), ("C", PUBLISHED[16000:]),
        ("C", DISCONNECT))  # fmt: skip
BAD = (("C", CONNECT), ("S", bytes.fromhex("20020100")), ("C", DISCONNECT))  # SES01


class Recorded:
    """A capture of real TLS and its key log, on disk."""

    def __init__(self, folder: Path, frames: Sequence[Frame], keys: bytes) -> None:
        self.frames = frames
        self.capture = folder / "tls.pcap"
        self.keys = folder / "tls.keys"
        self.capture.write_bytes(pcap(frames))
        self.keys.write_bytes(keys)

    def analyzed(self, frames: Sequence[Frame] | None = None) -> Report:
        if frames is not None:
            self.capture.write_bytes(pcap(frames))
        return dissector.analyze(self.capture, keylog=str(self.keys))


def recorded(
    folder: Path,
    version: str,
    messages: Wire = TALK,
    *,
    port: int = 8883,
    alpn: Sequence[str] = (),
    cut: int = 1400,
) -> Recorded:
    """Records one TLS connection of real peers, in segments of at most `cut` bytes."""
    with Peers(version, alpn=alpn) as peers:
        wire = peers.talk(messages)
        keys = peers.keys
    wire = [(side, data[at : at + cut]) for side, data in wire for at in range(0, len(data), cut)]
    return Recorded(folder, conversation(steps(wire), server_port=port), keys)


@pytest.fixture(params=["1.2", "1.3"])
def version(request: pytest.FixtureRequest, tshark: str) -> str:
    """Each TLS version in use; needs tshark."""
    text: str = request.param
    return text


@pytest.mark.parametrize(
    ("port", "alpn"), [(8883, []), (443, ["mqtt"]), (443, ["x-amzn-mqtt-ca"]), (4711, [])]
)
def test_any_port_and_alpn(tmp_path: Path, version: str, port: int, alpn: list[str]) -> None:
    """With any port and any ALPN, the MQTT inside is found with its fields."""
    report = recorded(tmp_path, version, LONG, port=port, alpn=alpn).analyzed()
    (handshake,) = report.handshakes
    assert handshake.transport == "tls"
    assert handshake.outcome is Outcome.ACCEPTED
    assert handshake.connect is not None and handshake.connect.client_id == "a"
    assert handshake.client.port == 40000
    assert handshake.close is not None and handshake.close.how == "disconnect"
    assert report.capture.control_packets == {
        "CONNECT": 1, "CONNACK": 1, "PUBLISH": 1, "DISCONNECT": 1,
    }  # fmt: skip
    (record,) = report.tls_handshakes
    assert record.decrypted
    assert record.because == ("port" if port == 8883 else "alpn" if alpn else "keys")
    assert report.summary.encrypted == 0
    assert "tls" not in report.capture.other_traffic
    assert report.warnings == []


V1 = b"PROXY TCP4 192.0.2.7 10.0.0.2 51000 8883\r\n"
V2 = bytes.fromhex("0d0a0d0a000d0a515549540a2111000cc00002070a000002c73822b3")


@pytest.mark.parametrize(
    ("header", "apart"), [(V1, True), (V1, False), (V2, True)], ids=["v1", "v1 joined", "v2"]
)
@pytest.mark.parametrize("port", [8883, 4711])
def test_behind_a_proxy(
    tmp_path: Path, version: str, header: bytes, apart: bool, port: int
) -> None:
    """A PROXY protocol header before the ClientHello is read, and the MQTT inside TLS, too."""
    report = _proxied(tmp_path, version, header, apart=apart, port=port)
    (handshake,) = report.handshakes
    assert (handshake.transport, handshake.outcome) == ("tls", Outcome.ACCEPTED)
    assert handshake.connect is not None and handshake.connect.client_id == "a"
    assert handshake.encapsulation is not None and handshake.encapsulation.forwarded == "192.0.2.7"
    assert report.warnings == []


def test_undecrypted_connections_give_a_warning(tmp_path: Path, version: str) -> None:
    """Tshark finds no TLS after a PROXY header of version 2 in one segment: that is a warning."""
    report = _proxied(tmp_path, version, V2, apart=False, port=8883)
    (record,) = report.tls_handshakes
    if record.decrypted:  # by a newer tshark
        assert report.handshakes
        return
    assert not report.handshakes
    (warning,) = report.warnings
    assert warning.kind == "keys"
    assert warning.message.startswith("tshark decrypted nothing of 1 of 1 TLS connections")


def _proxied(folder: Path, version: str, header: bytes, *, apart: bool, port: int) -> Report:
    """Returns the report on a TLS connection with a PROXY protocol header before it."""
    with Peers(version) as peers:
        (side, first), *rest = peers.talk()
        keys = peers.keys
    begin = [(side, header), (side, first)] if apart else [(side, header + first)]
    return Recorded(folder, conversation(steps([*begin, *rest]), server_port=port), keys).analyzed()


def test_findings_inside_tls(tmp_path: Path, version: str) -> None:
    """A violation inside TLS is a finding like any other, in the frame that carried it."""
    made = recorded(tmp_path, version, BAD)
    (finding,) = [each for each in made.analyzed().findings if each.severity.rank == 2]
    assert finding.rule == "SES01"
    connack = next(at for at, frame in enumerate(made.frames) if frame.side == "S" and at > 10
                   and len(frame.payload) in (26, 33))  # fmt: skip
    assert finding.frame == connack + 1


def test_resumed_sessions(tmp_path: Path, version: str) -> None:
    """Resumed TLS sessions are decrypted, too."""
    with Peers(version) as peers:
        frames = conversation(steps(peers.talk()), server_port=8883)
        frames += conversation(steps(peers.talk(resume=True)), server_port=8883, client_port=40001)
        keys = peers.keys
    report = Recorded(tmp_path, frames, keys).analyzed()
    assert [record.resumed for record in report.tls_handshakes] == [False, True]
    assert [record.outcome for record in report.handshakes] == [Outcome.ACCEPTED] * 2


def test_small_segments(tmp_path: Path, version: str) -> None:
    """Segments of five bytes, shorter than most records, give the same handshake."""
    report = recorded(tmp_path, version, cut=5).analyzed()
    assert [record.outcome for record in report.handshakes] == [Outcome.ACCEPTED]
    assert report.findings == [] and report.warnings == []


def test_several_records_in_a_segment(tmp_path: Path, version: str) -> None:
    """All records in one segment are read."""
    messages = (
        ("C", CONNECT),
        ("S", CONNACK),
        ("C", b"\xc0\0"),
        ("C", b"\xc0\0"),
        ("C", b"\xe0\0"),
    )
    with Peers(version) as peers:
        wire: list[tuple[str, bytes]] = []
        for side, data in peers.talk(messages):
            if wire and wire[-1][0] == side:
                wire[-1] = (side, wire[-1][1] + data)
            else:
                wire.append((side, data))
        keys = peers.keys
    report = Recorded(tmp_path, conversation(steps(wire), server_port=8883), keys).analyzed()
    assert report.capture.control_packets == {
        "CONNECT": 1, "CONNACK": 1, "PINGREQ": 2, "DISCONNECT": 1,
    }  # fmt: skip


def side_by_side(folder: Path, version: str, cut: int, change: Change, count: int) -> Report:
    """Returns the report on many copies of one connection, each with other frames changed."""
    with Peers(version) as peers:
        wire = peers.talk()
        keys = peers.keys
    wire = [(side, data[at : at + cut]) for side, data in wire for at in range(0, len(data), cut)]
    frames: list[Frame] = []
    for number in range(count):
        start = START_NS + number * 1_000_000_000_000
        played = conversation(
            steps(wire), server_port=8883, client_port=40000 + number, start_ns=start
        )
        frames += change(played, number)
    return Recorded(folder, frames, keys).analyzed()


def swapped(frames: list[Frame], number: int) -> list[Frame]:
    """Swaps some consecutive frames of one side."""
    numbers = random.Random(number)
    for at in range(3, len(frames) - 6, 2):
        if numbers.random() < 0.3 and frames[at].side == frames[at + 2].side:
            times = frames[at].time_ns, frames[at + 2].time_ns
            frames[at], frames[at + 2] = (
                frames[at + 2]._replace(time_ns=times[0]),
                frames[at]._replace(time_ns=times[1]),
            )
    return frames


def test_out_of_order(tmp_path: Path, version: str) -> None:
    """Reordered segments give the same handshake and no finding."""
    report = side_by_side(tmp_path, version, 40, swapped, 12)
    assert report.findings == []
    assert [record.outcome for record in report.handshakes] == [Outcome.ACCEPTED] * 12


def without(frames: list[Frame], number: int) -> list[Frame]:
    """Removes one frame with payload."""
    full = [at for at, frame in enumerate(frames) if frame.payload]
    at = full[number % len(full)]
    return frames[:at] + frames[at + 1 :]


def test_each_frame_lost(tmp_path: Path, version: str) -> None:
    """With any one frame missing, there is no finding that the whole does not give."""
    report = side_by_side(tmp_path, version, 300, without, 24)
    assert report.findings == []
    outcomes = {record.outcome for record in report.handshakes}
    assert outcomes <= {Outcome.ACCEPTED, Outcome.INCOMPLETE}
    assert sum(record.decrypted for record in report.tls_handshakes) >= 5


def test_an_undecryptable_record(tmp_path: Path, version: str) -> None:
    """A record that cannot be decrypted is a gap, after which rules are not evaluated."""
    with Peers(version) as peers:
        wire = peers.talk(LONG)
        keys = peers.keys
    at = max(range(len(wire)), key=lambda index: len(wire[index][1]))
    side, data = wire[at]
    wire[at] = (side, data[:-30] + bytes([data[-30] ^ 1]) + data[-29:])
    report = Recorded(tmp_path, conversation(steps(wire), server_port=8883), keys).analyzed()
    assert report.findings == []
    assert [record.outcome for record in report.handshakes] == [Outcome.ACCEPTED]
    assert ["could not be decrypted" in each.message for each in report.warnings] == [True]


def test_other_sources(tmp_path: Path, tshark: str) -> None:
    """Compressed captures, file objects and several files are decrypted like a plain file."""
    made = recorded(tmp_path, "1.3")
    packed = tmp_path / "tls.pcap.gz"
    packed.write_bytes(gzip.compress(made.capture.read_bytes()))
    halves = [tmp_path / "a.pcap", tmp_path / "b.pcap"]
    middle = len(made.frames) // 2
    halves[0].write_bytes(pcap(made.frames[:middle]))
    halves[1].write_bytes(pcap(made.frames[middle:]))
    for sources in ([packed], halves, [io.BytesIO(made.capture.read_bytes())]):
        report = dissector.analyze(*sources, keylog=str(made.keys), join=True)
        assert [record.outcome for record in report.handshakes] == [Outcome.ACCEPTED]
        connack = report.handshakes[0].connack
        assert connack is not None and connack.frame is not None
        if sources == halves:
            assert connack.frame.file == str(halves[1])
            assert connack.frame.number <= len(made.frames) - middle


def test_by_a_pipe(tmp_path: Path, tshark: str) -> None:
    """Standard input is decrypted, too."""
    made = recorded(tmp_path, "1.2")
    ran = run("--keylog", str(made.keys), "-", stdin=made.capture.read_bytes())
    assert ran.code == 0 and "1 handshake: 1 accepted" in ran.out


def test_secrets_in_the_capture(tmp_path: Path, version: str) -> None:
    """Keys that a pcapng contains before its frames are used by default."""
    made = recorded(tmp_path, version)
    capture = tmp_path / "with-keys.pcapng"
    command = [need_tool("editcap"), "--inject-secrets", f"tls,{made.keys}", str(made.capture)]
    subprocess.run([*command, str(capture)], check=True)
    report = dissector.analyze(capture)
    assert [record.transport for record in report.handshakes] == ["tls"]
    ran = run("-", stdin=capture.read_bytes())
    assert "--export-tls-session-keys" in ran.out


def test_keys_of_other_connections(tmp_path: Path, tshark: str) -> None:
    """A key log without keys of any captured connection gives a warning."""
    made = recorded(tmp_path, "1.3")
    with Peers("1.3") as others:
        others.talk()
        made.keys.write_bytes(others.keys)
    report = made.analyzed()
    assert report.handshakes == [] and report.summary.encrypted == 1
    assert [(each.kind, "no keys" in each.message) for each in report.warnings] == [("keys", True)]


def test_not_mqtt(tmp_path: Path, version: str) -> None:
    """Decrypted connections without MQTT are counted by protocol, and not reported."""
    messages = (("C", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), ("S", b"HTTP/1.1 200 OK\r\n\r\n"))
    report = recorded(tmp_path, version, messages, port=443).analyzed()
    assert report.tls_handshakes == [] == report.handshakes
    assert report.capture.other_traffic == {"http": 1, "port 443": 1}


def test_no_key_log(tmp_path: Path) -> None:
    """A missing file, or one that is not a key log, is an error that names the option."""
    capture = tmp_path / "a.pcap"
    capture.write_bytes(pcap([]))
    for path in (tmp_path / "missing", capture):
        with pytest.raises(OptionError, match="--keylog"):
            dissector.analyze(capture, keylog=str(path))


def test_inside_of_an_event_loop(tmp_path: Path, tshark: str) -> None:
    """Decryption also works in an event loop and in threads."""
    made = recorded(tmp_path, "1.3")
    found: list[int] = []

    async def inside() -> None:
        found.append(len(made.analyzed().handshakes))

    asyncio.run(inside())
    thread = threading.Thread(target=asyncio.run, args=(inside(),), daemon=True)
    thread.start()
    thread.join(LIMIT)
    assert found == [1, 1]


def test_without_tshark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without tshark, decryption fails and says how to install it; everything else works."""
    made = recorded(tmp_path, "1.3")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match=r"tshark is not installed.*apt install tshark"):
        made.analyzed()
    assert dissector.analyze(made.capture).summary.encrypted == 1
    ran = run("--keylog", str(made.keys), str(made.capture), PATH=str(tmp_path))
    assert ran.code == 2 and ran.err.count("\n") == 1 and ran.out == ""


FAULTS = {
    "too old": ('echo "TShark (Wireshark) 2.6.20"', "2.6.20 is too old"),
    "no version": ("echo no display >&2; exit 3", "does not print its version (no display)"),
    "dies": (
        '[ "$1" = --version ] || [ "$1" = -v ] && { echo "TShark (Wireshark) 4.0.17"; exit; }\n'
        "echo 'Running as user \"root\"' >&2; echo 'tshark: out of luck' >&2; exit 5",
        "ended with exit code 5: tshark: out of luck",
    ),
    "killed": (
        '[ "$1" = --version ] || [ "$1" = -v ] && { echo "TShark (Wireshark) 4.0.17"; exit; }\n'
        "kill -9 $$",
        "ended by signal 9: it printed no error message",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_tshark(fault: str, tmp_path: Path) -> None:
    """A tshark that is too old or dies gives one line with its error, and exit code 2."""
    script, words = FAULTS[fault]
    made = recorded(tmp_path, "1.3")
    place = tmp_path / "bin"
    place.mkdir()
    (place / "tshark").write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    (place / "tshark").chmod(0o755)
    ran = run("--keylog", str(made.keys), str(made.capture), PATH=f"{place}:/bin:/usr/bin")
    assert ran.code == 2
    assert words in ran.err and ran.err.count("\n") == 1
    assert ran.out == ""
