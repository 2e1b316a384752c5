"""Formats the example finding of a rule for the page: party, frames, statements and bytes."""

from __future__ import annotations

import msgspec

from dissector.model import Finding, FrameRef
from dissector.mqtt.statements import paraphrase
from dissector.report.html.diagram import short
from dissector.report.html.facts import ID_SHOWN, timestamp
from dissector.report.identity import address

BYTES = 96


class FindingPlace(msgspec.Struct, frozen=True):
    """What the page says of a finding that is no exemplar: its message and its frames."""

    message: str
    file: str
    frame: int
    frames: tuple[FrameRef, ...]
    time_ns: int


def fault(finding: Finding) -> str:
    """Returns the side and the party at fault."""
    end = finding.server if finding.side.value == "server" else finding.client
    parts = [finding.side.value]
    if end is not None:
        parts.append(address(end) if finding.side.value == "server" else end.ip)
    if finding.client_id:
        parts.append(f'client id "{short(finding.client_id)}"')
    return ", ".join(parts)


def where(finding: Finding | FindingPlace) -> str:
    """Returns the file, the frames and the time of a finding."""
    numbers = dict.fromkeys(frame.number for frame in finding.frames) or {finding.frame: None}
    shown = ", ".join(map(str, list(numbers)[:8])) + (" …" if len(numbers) > 8 else "")
    name = short(finding.file.rpartition("/")[2], ID_SHOWN)
    return f"{name}, frame {shown}, {timestamp(finding.time_ns)}"


def statements(finding: Finding) -> list[str]:
    """Returns the statements that it breaks, with a paraphrase of each."""
    version = finding.version
    lines = []
    for identifier in finding.statements:
        name = f"{identifier} of {finding.cited_version}"
        text = paraphrase(version, identifier)
        lines.append(f"{name}: {text}" if text else name)
    if not lines and finding.section:
        lines.append(f"{finding.section} of MQTT {finding.cited_version}")
    return lines


def packet(finding: Finding) -> tuple[str, str, str] | None:
    """Returns the packet in hex in three parts: before, in and after the bytes at fault."""
    data = finding.packet
    if not data:
        return None
    start, length = finding.span or (0, 0)
    low = max(min(start, len(data)) - BYTES // 2, 0)
    high = min(low + BYTES, len(data))
    stop = min(start + length, high)
    dots = ("… " if low else "", " …" if high < len(data) else "")
    return (
        dots[0] + data[low:start].hex(" "), data[start:stop].hex(" "),
        data[max(stop, start) : high].hex(" ") + dots[1],
    )  # fmt: skip
