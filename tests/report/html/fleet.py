"""Builds a capture of a fleet of devices, some of them with faults."""

from __future__ import annotations

from collections.abc import Iterator

from dissector.rules.examples import ACCEPTED_311, DISCONNECT, REFUSED_311, connect
from samples.build import CLIENT_MAC, START_NS, Frame, conversation, pcap

_STEP_NS = 50_000_000


def _frames(devices: int) -> Iterator[Frame]:
    for number in range(devices):
        name, password = f"sensor{number:04d}", f"Zq7-{number}-unlikely"
        answer = ACCEPTED_311
        if number % 10 == 1:
            answer = "S 20 02 01 00"  # a false Session Present
        elif number % 10 == 2:
            answer = REFUSED_311
        elif number % 10 == 3:
            password = "12345"
        elif number % 10 == 4:
            name = f"sensor/{number}/of the fleet"
        login = (None, None) if number % 10 == 5 else (name, password)
        steps = (connect(name, *login), answer, DISCONNECT, "C FIN", "S FIN")
        mac = CLIENT_MAC[:4] + (number + 256).to_bytes(2, "big")
        for frame in conversation(
            steps,
            client_ip=bytes((10, 1, number // 250, number % 250 + 1)),
            client_port=40_000 + number % 20_000,
            server_ip=bytes((10, 0, 0, 2 + number % 3)),
            start_ns=START_NS + number * _STEP_NS,
        ):
            head = frame.data[:12].replace(CLIENT_MAC, mac)
            yield frame._replace(data=head + frame.data[12:])


def capture(devices: int) -> bytes:
    """Returns the capture, one connection after the other."""
    return pcap(_frames(devices))
