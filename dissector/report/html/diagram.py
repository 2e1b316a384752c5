"""Lays out the sequence diagram of a handshake with its findings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dissector.connections.handshake import Handshake
from dissector.model import Finding, FrameRef, Side
from dissector.mqtt import spec
from dissector.report.clock import duration
from dissector.report.identity import address
from dissector.text import printable

_TOP, _STEP = 44, 34
_SHOWN = 40


class Step(NamedTuple):
    """One arrow. `marks` are the rules with findings on it."""

    y: int
    from_client: bool
    text: str
    when: str
    frame: int
    marks: str


class Diagram(NamedTuple):
    """One handshake; `unplaced` are rules with findings on none of its steps."""

    id: int
    file: str
    stream: int
    client: str
    server: str
    title: str
    height: int
    steps: list[Step]
    unplaced: str


def diagram(handshake: Handshake, findings: Sequence[Finding]) -> Diagram:
    """Lays out a handshake."""
    marks: dict[tuple[str, int], list[str]] = {}
    for finding in findings:
        marks.setdefault((finding.file, finding.frame), []).append(finding.rule)
    events = _events(handshake)
    start = min((frame.time_ns for frame, _, _ in events), default=0)
    steps: list[Step] = []
    for index, (frame, side, text) in enumerate(events):
        rules = marks.pop((frame.file, frame.number), [])
        steps.append(
            Step(
                _TOP + index * _STEP,
                side is Side.CLIENT,
                fitted(text),
                "" if frame.time_ns == start else f"+{duration(frame.time_ns - start)}",
                frame.number,
                " ".join(dict.fromkeys(rules)),
            )
        )
    unplaced = list(dict.fromkeys(rule for rules in marks.values() for rule in rules))
    return Diagram(
        handshake.id,
        short(events[0][0].file.rpartition("/")[2]) if events else "",
        handshake.stream,
        address(handshake.client),
        address(handshake.server),
        f"Handshake on stream {handshake.stream}, {handshake.outcome.value}",
        _TOP + len(steps) * _STEP - 8,
        steps,
        " ".join(unplaced),
    )


def _events(handshake: Handshake) -> list[tuple[FrameRef, Side, str]]:
    events: list[tuple[FrameRef, Side, str]] = []
    connect, connack, close = handshake.connect, handshake.connack, handshake.close
    if connect is not None and connect.frame is not None:
        clean = "clean" if connect.clean_session else "kept session"
        name = f'"{fitted(connect.client_id, 24)}"' if connect.client_id else "no client id"
        text = f"CONNECT {name}, {clean}, keep alive {connect.keep_alive} s"
        events.append((connect.frame, Side.CLIENT, text))
    events += [
        (auth.frame, auth.side or Side.CLIENT, f"AUTH 0x{auth.reason_code or 0:02x}")
        for auth in handshake.auths
        if auth.frame is not None
    ]
    if connack is not None and connack.frame is not None:
        text = "CONNACK"
        if connack.return_code is not None:
            name = spec.return_code_name(connack.return_code, connack.version)
            text += f" {connack.return_code}, {name}"
        if connack.session_present:
            text += ", session present"
        events.append((connack.frame, Side.SERVER, text))
    if close is not None:
        names = {"disconnect": "DISCONNECT", "fin": "FIN", "rst": "RST", "close-frame": "Close"}
        events.append((close.frame, close.by, names.get(close.how, close.how)))
    return sorted(events, key=lambda event: event[0].time_ns)


def fitted(text: str, most: int = 66) -> str:
    """Truncates a text so that it fits after its control characters are escaped."""
    if len(printable(text[: most + 1])) <= most:
        return text
    cut = text[:most]
    while len(printable(cut)) >= most:
        cut = cut[:-1]
    return cut + "…"


def short(text: str, most: int = _SHOWN) -> str:
    """Truncates a text."""
    return text if len(text) <= most else text[: most - 1] + "…"
