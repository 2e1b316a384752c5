"""Selects connections from the records of an analysis and collects comments on their frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dissector.connections.handshake import Handshake
from dissector.model import CaptureWarning, Finding, FrameRef
from dissector.text import printable

if TYPE_CHECKING:
    from dissector.connections.tls_handshake import TlsHandshake

MESSAGE = 2000
COMMENTS = 64  # per frame


class FlaggedConnections:
    """A sink of the analysis. `flagged` selects only connections with a finding, else all.

    `streams` are the selected connections as pairs of capture and stream, `comments` the comments
    on frames by file and frame number.
    """

    def __init__(self, *, flagged: bool) -> None:
        self.streams: set[tuple[int, int]] = set()
        self.comments: dict[tuple[str, int], list[str]] = {}
        self.findings = 0
        self._flagged = flagged
        self.precision: Callable[[int], None] = _ignore
        self.warning: Callable[[CaptureWarning], None] = _ignore

    def handshake(self, record: Handshake) -> None:
        """Selects its connection, unless only those with a finding are selected."""
        if not self._flagged:
            self.streams.add((record.capture, record.stream))

    def tls_handshake(self, record: TlsHandshake) -> None:
        """Selects its connection, unless only those with a finding are selected."""
        if not self._flagged:
            self.streams.add((record.capture, record.stream))

    def finding(self, record: Finding) -> None:
        """Selects its connection and adds comments to its frames."""
        self.streams.add((record.capture, record.stream))
        self.findings += 1
        at = (record.file, record.frame)
        where = f"frame {record.frame} of {printable(record.file.rpartition('/')[2])}"
        self._add(at, f"{_comment(record)} (Originally {where}.)")
        for frame in record.frames:
            if (frame.file, frame.number) != at:
                text = f"{record.rule}: belongs to the finding originally on {where}"
                self._add(_place(frame), text)

    def _add(self, place: tuple[str, int], text: str) -> None:
        comments = self.comments.setdefault(place, [])
        if len(comments) < COMMENTS and text not in comments:
            comments.append(text)


def _place(frame: FrameRef) -> tuple[str, int]:
    return frame.file, frame.number


def _comment(finding: Finding) -> str:
    cited = ", ".join(finding.statements)
    breaks = f" Breaks {cited} of MQTT {finding.cited_version}." if cited else ""
    return (
        f"{finding.rule} {finding.name}: {finding.severity.value}, at fault is the "
        f"{finding.side.value}. {printable(finding.message, MESSAGE)}.{breaks}"
    )


def _ignore(record: object) -> None:
    """Ignores a record."""
