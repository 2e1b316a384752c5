"""Which connection and side a frame belongs to, while the connection is open and afterwards."""

from __future__ import annotations

import pytest

from dissector.net.flow_table import reversed_key
from tests.net import wire
from tests.net.recording import run
from tests.net.wire import ACK, RST, SYN

IPV4 = ("10.0.0.1", "10.0.0.2")
IPV6 = ("fd00::1", "fd00::2")


def key(ends: tuple[str, str], ports: tuple[int, int]) -> bytes:
    """Return addresses and ports in the order of the headers."""
    addresses = b"".join(map(wire.address, ends))
    return addresses + b"".join(port.to_bytes(2, "big") for port in ports)


def frame(ends: tuple[str, str], side: int, flags: int, port: int = 40000) -> bytes:
    """Build a segment without payload; side 0 is the client."""
    ports = (port, 1883)
    segment = wire.tcp(ports[side], ports[1 - side], 1000, 0, flags)
    if ends is IPV6:
        return wire.ethernet(wire.ipv6(segment, ends[side], ends[1 - side]), 0x86DD)
    return wire.ethernet(wire.ipv4(segment, ends[side], ends[1 - side]))


@pytest.mark.parametrize("ends", [IPV4, IPV6])
def test_the_key_of_the_opposite_direction(ends: tuple[str, str]) -> None:
    """Addresses are swapped, and so are ports."""
    forth, back = key(ends, (40000, 1883)), key((ends[1], ends[0]), (1883, 40000))
    assert (reversed_key(forth), reversed_key(back)) == (back, forth)


@pytest.mark.parametrize("ends", [IPV4, IPV6])
@pytest.mark.parametrize("side", [0, 1])
def test_a_segment_of_an_open_connection(ends: tuple[str, str], side: int) -> None:
    """It belongs to the side that sent it."""
    result = run([frame(ends, 0, SYN), frame(ends, side, ACK)], finish=False)
    assert result.streams.owner(result.streams.segment) == (0, side)


@pytest.mark.parametrize("ends", [IPV4, IPV6])
@pytest.mark.parametrize("side", [0, 1])
def test_a_segment_of_a_connection_that_has_ended(ends: tuple[str, str], side: int) -> None:
    """A late segment still belongs to its connection, in either direction."""
    other = frame(ends, 0, SYN, port=40001)
    frames = [frame(ends, 0, SYN), frame(ends, 0, RST), other, frame(ends, side, ACK)]
    times = [wire.START + at * 600 * wire.SECOND for at in range(len(frames))]
    result = run(frames, times=times, finish=False)
    assert list(result.streams.connections) == [1]
    assert result.streams.owner(result.streams.segment) == (0, side)
