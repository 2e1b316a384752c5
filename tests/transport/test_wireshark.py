"""All transport cases in one capture: frames, streams and client ids are those of tshark."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

import dissector
from tests.capture.builders import SECOND
from tests.transport import containers, encapsulations, endings, segments
from tests.transport.row import PORT, START, Timed, TransportRow, timed

ROWS: dict[str, TransportRow] = {**encapsulations.ROWS, **segments.ROWS, **endings.ROWS}
APART = 100  # client ports between two cases
PAUSE_NS = 10 * SECOND

Packet = tuple[int, int, int, str]  # frame, stream, type, client id

# Cases that tshark 4.0 reads differently; those in which it sees no TCP would shift the numbers of
# all later streams, and are left out
UNSEEN_BY_TSHARK = {
    "segmentation offload, IPv6 without length": "tshark takes a length of 0 for no payload",
    "segmentation offload, a frame over 64 KiB, IPv6 jumbo": "the same",
}
KNOWN = {
    "the capture starts within the CONNECT": "tshark reads the middle of a CONNECT as a CONNECT",
    "a 4-tuple and its first sequence number are reused": "tshark sees retransmissions",
    "the snap length cuts the CONNECT": "tshark reads the captured part",
}
# In the long capture it is correct to report that nothing followed the TCP handshake
STALLED = {"half-open connections before it"}


def joined(leave: Iterable[str]) -> tuple[list[Timed], dict[str, range]]:
    """Returns the frames of all cases except `leave` in succession, and each case's numbers."""
    frames: list[Timed] = []
    numbers: dict[str, range] = {}
    start = START
    for at, name in enumerate(sorted(ROWS.keys() - leave)):
        own = timed(ROWS[name].make_frames(PORT - at * APART), start)
        start = own[-1].time_ns + PAUSE_NS
        numbers[name] = range(len(frames) + 1, len(frames) + len(own) + 1)
        frames += own
    return frames, numbers


def ours(path: Path) -> list[Packet]:
    """Returns the CONNECT and CONNACK packets that the analysis finds."""
    found: list[Packet] = []
    for handshake in dissector.analyze(path).handshakes:
        if handshake.connect is not None and handshake.connect.frame is not None:
            frame = handshake.connect.frame.number
            found.append((frame, handshake.stream, 1, handshake.connect.client_id))
        if handshake.connack is not None and handshake.connack.frame is not None:
            found.append((handshake.connack.frame.number, handshake.stream, 2, ""))
    return sorted(found)


def theirs(tshark: str, path: Path) -> list[Packet]:
    """Returns those that tshark finds; of nested connections the innermost counts."""
    fields = ("frame.number", "tcp.stream", "mqtt.msgtype", "mqtt.clientid")
    command = [tshark, "-n", "-r", str(path), "-T", "fields", "-Y", "mqtt.msgtype<=2 && !icmp"]
    command += ["-o", "tcp.reassemble_out_of_order:TRUE"]
    command += ["-d", f"tcp.port=={segments.OTHER_PORT},mqtt", "-d", "udp.port==8472,vxlan"]
    for field in fields:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: list[Packet] = []
    for line in done.stdout.splitlines():
        frame, stream, kinds, client = line.split("\t")
        for kind in kinds.split(","):
            if kind in ("1", "2"):
                number = int(stream.split(",")[-1])
                found.append((int(frame), number, int(kind), client if kind == "1" else ""))
    return sorted(found)


def test_all_cases_in_one_capture_equal_tshark(tshark: str, tmp_path: Path) -> None:
    """Frame and stream numbers and client ids equal those of tshark, except for known limits."""
    frames, numbers = joined(UNSEEN_BY_TSHARK)
    path = tmp_path / "all.pcapng"
    path.write_bytes(containers.interfaces(frames)[0])
    mine, other = ours(path), theirs(tshark, path)
    different = {
        name
        for name, own in numbers.items()
        if [item for item in mine if item[0] in own] != [item for item in other if item[0] in own]
    }
    assert different == set(KNOWN)


def test_cases_do_not_affect_each_other(tmp_path: Path) -> None:
    """In one capture the cases give the same findings as alone."""
    frames, numbers = joined(STALLED)
    path = tmp_path / "all.pcapng"
    path.write_bytes(containers.interfaces(frames)[0])
    report = dissector.analyze(path)
    found = [(item.rule, item.frame) for item in report.findings]
    expected = [
        (rule, own[0] + place - 1)
        for name, own in numbers.items()
        for rule, place in ROWS[name].expected()
        if isinstance(place, int)
    ]
    assert sorted(found) == sorted(expected)
