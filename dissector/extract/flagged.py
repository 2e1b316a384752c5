"""An analysis' records in, the wanted connections and the comments on their frames out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dissector.connections.handshake import Handshake
from dissector.model import CaptureWarning, Finding, FrameRef
from dissector.text import printable

if TYPE_CHECKING:
    from dissector.connections.tls_handshake import TlsHandshake

MESSAGE = 2000
COMMENTS = 64  # that one frame bears


class FlaggedConnections:
    """A sink of the analysis. `flagged`: only connections with a finding; else all it hears of.

    `streams` are the numbers of the wanted connections, `comments` what is said about a frame, by
    file and number.
    """

    def __init__(self, *, flagged: bool) -> None:
        self.streams: set[int] = set()
        self.comments: dict[tuple[str, int], list[str]] = {}
        self.findings = 0
        self._flagged = flagged
        self.precision: Callable[[int], None] = _ignore
        self.warning: Callable[[CaptureWarning], None] = _ignore

    def handshake(self, record: Handshake) -> None:
        """Want its connection, unless only those with a finding are wanted."""
        if not self._flagged:
            self.streams.add(record.stream)

    def tls_handshake(self, record: TlsHandshake) -> None:
        """Want its connection, unless only those with a finding are wanted."""
        if not self._flagged:
            self.streams.add(record.stream)

    def finding(self, record: Finding) -> None:
        """Want its connection, and comment its frames."""
        self.streams.add(record.stream)
        self.findings += 1
        at = (record.file, record.frame)
        where = f"frame {record.frame} of {printable(record.file.rpartition('/')[2])}"
        self._comment(at, f"{_said(record)} (This was {where}.)")
        for frame in record.frames:
            if (frame.file, frame.number) != at:
                self._comment(_place(frame), f"{record.rule}: belongs to what was {where}")

    def _comment(self, place: tuple[str, int], text: str) -> None:
        comments = self.comments.setdefault(place, [])
        if len(comments) < COMMENTS and text not in comments:
            comments.append(text)


def _place(frame: FrameRef) -> tuple[str, int]:
    return frame.file, frame.number


def _said(finding: Finding) -> str:
    version = finding.version
    cited = ", ".join(finding.statements)
    breaks = f" Breaks {cited} of MQTT {version.value}." if cited and version else ""
    return (
        f"{finding.rule} {finding.name}: {finding.severity.value}, at fault is the "
        f"{finding.side.value}. {printable(finding.message, MESSAGE)}.{breaks}"
    )


def _ignore(record: object) -> None:
    """Take a record and do nothing with it."""
