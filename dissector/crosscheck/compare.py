"""A capture in, all in which the engines differ about its CONNECT and CONNACK packets out.

Our native engine is held against the scapy engine, which reads frames by other means, and against
tshark's own decoding of MQTT, which shares nothing with ours.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

from dissector.capture.source import open_capture
from dissector.crosscheck.faults import PACKET, DifferingField, Fault, explain
from dissector.crosscheck.headers import split_lengths
from dissector.crosscheck.observation import OwnObservation, PacketObservation, ours
from dissector.crosscheck.wireshark import theirs
from dissector.engines import decryption
from dissector.engines.native import NativeEngine
from dissector.errors import CaptureError
from dissector.mqtt import spec

STREAM = "stream"  # the field of a difference about which connection a packet is on
# tshark has no line for what holds no bit and no byte
NOTHING: tuple[Any, ...] = (0, b"", [])


class Difference(NamedTuple):
    """One field of one packet that an engine reads otherwise than native.

    `native` and `other` are the values, None where there is none. `fault` is the known fault that
    explains it, of tshark's.
    """

    engine: str
    frame: int
    stream: int
    packet: str
    field: str
    native: Any
    other: Any
    fault: Fault | None = None


class Comparison(NamedTuple):
    """What came out: `packets` were read by native, `carried` streams cannot be asked about."""

    packets: int
    carried: int
    differences: list[Difference]

    @property
    def unexplained(self) -> list[Difference]:
        """The differences that no known fault explains."""
        return [each for each in self.differences if each.fault is None]


def compare(
    path: str,
    ports: frozenset[int] = frozenset(),
    tls_ports: frozenset[int] = frozenset(),
    key_log: bytes | None = None,
) -> Comparison:
    """Compare the engines over one capture file.

    `ports` are those of MQTT besides 1883; tshark is told those on which MQTT was found, too.
    Raises CaptureError, and EngineError where tshark is missing or fails.
    """
    from dissector.engines.scapy import ScapyEngine

    if path == "-" or (os.path.exists(path) and not decryption.is_plain(path)):
        raise CaptureError(
            f"{path}: tshark has to read it, too; give a capture file as it is, not compressed and "
            "not by a pipe"
        )
    if key_log is None and _holds_keys(path):
        key_log = b""
    with ExitStack() as stack:
        decrypted = None
        key_file = None
        if key_log is not None:
            opening = decryption.decrypt([path], key_log, NativeEngine)
            decrypted = opening.decrypted
            tls_ports |= opening.ports
            if decrypted is not None:
                stack.callback(decrypted.close)
                key_file = str(stack.enter_context(decryption.key_log_file(key_log)))
        mine = ours(path, ports, tls_ports, decrypted=decrypted)
        found = list(against_scapy(mine, ours(path, ports, tls_ports, kind=ScapyEngine)))
        other = theirs(path, ports | mine.ports, tls_ports, key_file)
    found += against_tshark(mine, other, lambda: split_lengths(path, ports | mine.ports))
    return Comparison(len(mine.seen), len(mine.carried), found)


def _holds_keys(path: str) -> bool:
    """Whether a capture holds keys itself, which tshark uses without being asked."""
    with open_capture(path) as reader:
        return decryption.has_secrets([reader])


def against_scapy(mine: OwnObservation, other: OwnObservation) -> Iterator[Difference]:
    """Give what the scapy engine reads otherwise; what was decrypted is out of its reach."""
    seen = [each for each in mine.seen if "decrypted" not in each.facts]
    for left, right, field in _differing(seen, other.seen, exact=True):
        yield _difference("scapy", left, right, field)


def against_tshark(
    mine: OwnObservation, other: Iterable[PacketObservation], split: Callable[[], frozenset[int]]
) -> Iterator[Difference]:
    """Give what tshark reads otherwise, with the fault that explains it.

    `split` gives the streams with a split Remaining Length; it is asked only where that matters.
    """
    streams: frozenset[int] | None = None
    theirs_too = [each for each in other if each.stream not in mine.carried]
    for left, right, field in _differing(mine.seen, theirs_too, exact=False):
        stream = _stream(left, right)
        case = DifferingField(field, left, right, stream in mine.endless, split=False)
        fault = explain(case)
        if fault is None and field == PACKET:
            streams = split() if streams is None else streams
            fault = explain(case._replace(split=stream in streams))
        yield _difference("tshark", left, right, field)._replace(fault=fault)


Pair = tuple[PacketObservation | None, PacketObservation | None, str]


def _differing(
    mine: list[PacketObservation], other: list[PacketObservation], *, exact: bool
) -> Iterator[Pair]:
    """Give both sides of each field that differs; `exact`: both are ours and hide nothing."""
    left = {(each.frame, each.place): each for each in mine}
    right = {(each.frame, each.place): each for each in other}
    for place in sorted(left.keys() | right.keys()):
        one, two = left.get(place), right.get(place)
        if one is None or two is None:
            yield one, two, PACKET
            continue
        if one.stream != two.stream:
            yield one, two, STREAM
        for field in sorted(one.fields.keys() | two.fields.keys()):
            if _differs(one, two, field, exact):
                yield one, two, field


def _differs(one: PacketObservation, two: PacketObservation, field: str, exact: bool) -> bool:
    left, right = one.fields.get(field), two.fields.get(field)
    if exact:
        return bool(left != right)
    if field not in two.fields and left in NOTHING:
        return False
    return bool(_comparable(left) != _comparable(right))


def _comparable(value: Any) -> Any:
    """Give a field's value without that of unknown properties, whose end nobody knows."""
    if not isinstance(value, list):
        return value
    return [(number, item if number in spec.PROPERTIES else None) for number, item in value]


def _stream(left: PacketObservation | None, right: PacketObservation | None) -> int:
    either = left or right
    assert either is not None
    return either.stream


def _difference(
    engine: str, left: PacketObservation | None, right: PacketObservation | None, field: str
) -> Difference:
    either = left or right
    assert either is not None
    kind = spec.packet_name(either.fields["type"])
    if field == PACKET:
        values: tuple[Any, Any] = (left is not None, right is not None)
    elif field == STREAM:
        values = (_stream(left, None), _stream(right, None))
    else:
        assert left is not None and right is not None
        values = (left.fields.get(field), right.fields.get(field))
    return Difference(engine, either.frame, either.stream, kind, field, *values)
