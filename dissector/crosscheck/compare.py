"""Compares what the engines decode of a capture's CONNECT and CONNACK packets.

The native engine is compared with the scapy engine, which reads frames by other means, and with
tshark's own MQTT dissector, which shares no code with this project.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

from dissector.capture.source import open_capture
from dissector.crosscheck.faults import PACKET, DifferingField, Fault, explain
from dissector.crosscheck.headers import split_lengths
from dissector.crosscheck.observation import OwnObservation, PacketObservation, observe
from dissector.crosscheck.wireshark import observe_tshark
from dissector.engines import decryption
from dissector.engines.native import NativeEngine
from dissector.errors import CaptureError
from dissector.mqtt import spec

STREAM = "stream"  # field of a difference about the connection of a packet
# values of fields that tshark leaves out, because they have no bit set or no byte
NOTHING: tuple[Any, ...] = (0, b"", [])


class Difference(NamedTuple):
    """One field of one packet that another engine decodes differently from native.

    `native` and `other` are the values, None if missing. `fault` is the known fault of tshark that
    explains the difference, `file` the file of the frame if the capture has several.
    """

    engine: str
    frame: int
    stream: int
    packet: str
    field: str
    native: Any
    other: Any
    fault: Fault | None = None
    file: str | None = None


class Comparison(NamedTuple):
    """Result: `packets` decoded by native, `carried` streams that tshark cannot decode."""

    packets: int
    carried: int
    differences: list[Difference]

    @property
    def unexplained(self) -> list[Difference]:
        """Differences that no known fault explains."""
        return [each for each in self.differences if each.fault is None]


def compare(
    path: str,
    ports: frozenset[int] = frozenset(),
    tls_ports: frozenset[int] = frozenset(),
    key_log: bytes | None = None,
) -> Comparison:
    """Compares the engines on one capture file.

    `ports` are MQTT ports besides 1883; ports on which native found MQTT are passed to tshark, too.
    Raises CaptureError, and EngineError if tshark is missing or fails.
    """
    from dissector.engines.scapy import ScapyEngine

    if path == "-" or (os.path.exists(path) and not decryption.is_plain(path)):
        raise CaptureError(
            f"{path}: tshark has to read the file, too; give a capture file that is not "
            "compressed, and not a pipe"
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
                key_file = stack.enter_context(decryption.key_log_file(key_log))
        native = observe(path, ports, tls_ports, decrypted=decrypted)
        found = list(against_scapy(native, observe(path, ports, tls_ports, kind=ScapyEngine)))
        other = observe_tshark(path, ports | native.ports, tls_ports, key_file)
    found += against_tshark(native, other, lambda: split_lengths(path, ports | native.ports))
    return Comparison(len(native.seen), len(native.carried), found)


def compare_together(
    paths: Sequence[str],
    ports: frozenset[int] = frozenset(),
    tls_ports: frozenset[int] = frozenset(),
    key_log: bytes | None = None,
) -> Comparison:
    """Compares the engines on several files that are one capture; as `compare`.

    tshark reads one file, so all are first merged into a temporary one.
    """
    if len(paths) == 1:
        return compare(paths[0], ports, tls_ports, key_log)
    for path in paths:
        open_capture(path).close()  # reports one that cannot be read
    with decryption.single_capture(paths) as whole:
        path = whole.file
        if whole.inherited and os.path.isdir("/proc/self/fd"):  # a name that tshark can open, too
            path = f"/proc/{os.getpid()}/fd/{whole.inherited[0]}"
        found = compare(path, ports, tls_ports, key_log)
        differences = []
        for each in found.differences:
            key = whole.key(each.frame)
            differences.append(each._replace(file=paths[key >> 40], frame=key & ((1 << 40) - 1)))
    return found._replace(differences=differences)


def _holds_keys(path: str) -> bool:
    """Whether a capture contains TLS keys, which tshark then uses by default."""
    with open_capture(path) as reader:
        return decryption.has_secrets([reader])


def against_scapy(native: OwnObservation, other: OwnObservation) -> Iterator[Difference]:
    """Returns what the scapy engine decodes differently, without decrypted packets."""
    seen = [each for each in native.seen if "decrypted" not in each.facts]
    for left, right, field in _differing(seen, other.seen, exact=True):
        yield _difference("scapy", left, right, field)


def against_tshark(
    native: OwnObservation, other: Iterable[PacketObservation], split: Callable[[], frozenset[int]]
) -> Iterator[Difference]:
    """Returns what tshark decodes differently, with the fault that explains it.

    `split` returns the streams with a split Remaining Length; it is called only if needed.
    """
    streams: frozenset[int] | None = None
    comparable = [each for each in other if each.stream not in native.carried]
    for left, right, field in _differing(native.seen, comparable, exact=False):
        stream = _stream(left, right)
        case = DifferingField(field, left, right, stream in native.overlong, split=False)
        fault = explain(case)
        if fault is None and field == PACKET:
            streams = split() if streams is None else streams
            fault = explain(case._replace(split=stream in streams))
        yield _difference("tshark", left, right, field)._replace(fault=fault)


Pair = tuple[PacketObservation | None, PacketObservation | None, str]


def _differing(
    native: list[PacketObservation], other: list[PacketObservation], *, exact: bool
) -> Iterator[Pair]:
    """Returns both sides of each field that differs; `exact` if both are our own engines."""
    left = {(each.frame, each.place): each for each in native}
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
    """Returns a field's value without the values of unknown properties, whose length is unknown."""
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
