"""Builds a pcap file from the steps of a small conversation; equal steps give equal bytes.

The steps are those of the rules' examples: ``"C 10 0c …"`` (the client sends these bytes in one TCP
segment), ``"S 20 02 00 00"``, ``"+6"`` (six seconds pass, shown by a keep-alive probe and its
answer), ``"C FIN"``, ``"S RST"``, ``"NEW"`` (the next TCP connection to the same server),
``"HOST 7"`` (the same from 10.0.0.7), ``"ON 0"`` (back to the first of these connections). Every
data segment is acknowledged by a frame of its own. Timings and addresses are fixed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from samples.frames import (
    ACK,
    FIN,
    IPV4,
    IPV6,
    MAC_A,
    MAC_B,
    START,
    SegmentBuilder,
    ethernet,
    ipv4,
    ipv6,
    pcap_file,
)

START_NS = START
STEP_NS = 1_000_000  # between two frames
CLIENT_MAC, SERVER_MAC = MAC_A, MAC_B
CLIENT, SERVER = 0, 1


class Frame(NamedTuple):
    """One frame of a capture: its time and its bytes from the Ethernet header on.

    `side` is "C" or "S", `payload` the TCP payload: for tests that leave frames out.
    """

    time_ns: int
    data: bytes
    side: str
    payload: bytes


class SampleConnection(SegmentBuilder):
    """A TCP connection on Ethernet whose frames go to a capture, the first at `start_ns`."""

    def __init__(
        self,
        capture: list[Frame],
        start_ns: int,
        ips: tuple[bytes, bytes],
        ports: tuple[int, int],
        client_mac: bytes,
    ) -> None:
        super().__init__(ports, between=ips)
        self.ips = ips
        self.macs = (client_mac, SERVER_MAC)
        self._capture = capture
        self._start_ns = start_ns

    def captured(self, side: int, segment: bytes, payload: bytes, pause: int | None) -> None:
        """Adds the frame of a segment."""
        last = self._capture[-1].time_ns if self._capture else self._start_ns - STEP_NS
        source, target = self.ips[side], self.ips[1 - side]
        if len(source) == 4:
            datagram, kind = ipv4(segment, source, target, whole=True), IPV4
        else:
            datagram, kind = ipv6(segment, source, target), IPV6
        data = ethernet(datagram, kind, self.macs[side], self.macs[1 - side])
        time_ns = last + (pause or 0) + STEP_NS
        self._capture.append(Frame(time_ns, data, "CS"[side], payload))


def conversation(
    steps: Sequence[str | Callable[[], str]],
    *,
    server_port: int = 1883,
    client_port: int = 40000,
    client_ip: bytes = bytes((10, 0, 0, 1)),
    server_ip: bytes = bytes((10, 0, 0, 2)),
    start_ns: int = START_NS,
) -> list[Frame]:
    """Returns the frames of the steps; the first TCP connection begins with its SYN."""
    frames: list[Frame] = []

    def opened(ip: bytes, port: int, mac: bytes) -> SampleConnection:
        ends = (ip, server_ip)
        return SampleConnection(frames, start_ns, ends, (port, server_port), mac).open()

    now = opened(client_ip, client_port, CLIENT_MAC)
    connections = [now]
    for item in steps:
        step = item if isinstance(item, str) else item()
        if step.startswith("ON "):
            now = connections[int(step[3:])]
        elif step == "NEW" or step.startswith("HOST "):
            last = connections[-1]
            ip, mac = last.ips[CLIENT], last.macs[CLIENT]
            if step != "NEW":
                number = int(step[5:])
                ip, mac = client_ip[:-1] + bytes([number]), CLIENT_MAC[:-1] + bytes([number])
            now = opened(ip, last.ports[CLIENT] + 1, mac)
            connections.append(now)
        elif step.startswith("+"):
            pause = int(float(step[1:]) * 1_000_000_000)
            now.add(CLIENT, ACK, seq=now.seq[CLIENT] - 1, pause=pause).ack(SERVER)
        else:
            who, _, what = step.partition(" ")
            side = "CS".index(who)
            if what == "FIN":
                now.add(side, FIN | ACK).ack(1 - side)
            elif what == "RST":
                now.reset(side)
            else:
                now.send_acked(side, bytes.fromhex(what))
    return frames


def pcap(frames: Iterable[Frame]) -> bytes:
    """Returns frames as the bytes of a pcap file: microseconds, Ethernet."""
    return pcap_file((frame.data, frame.time_ns) for frame in frames)
