"""Writes each record of a live capture as a line for people, and at the end what `analyze` reports.

Repeats of the same finding from the same client are shown once per interval, with a count.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from dissector.connections.handshake import Handshake
from dissector.model import Capture, CaptureWarning, Finding, NotEvaluated, Outcome, Side, Summary
from dissector.mqtt import spec
from dissector.mqtt.packets import Connect
from dissector.net.limits import ByteBudget
from dissector.report.clock import duration, rfc3339
from dissector.report.concise import line
from dissector.report.folding import finding_bytes
from dissector.report.identity import address
from dissector.report.reporter import ByteStream
from dissector.report.style import Style
from dissector.report.text_report import TextReport, refusal_code
from dissector.text import printable

if TYPE_CHECKING:
    from dissector.connections.tls_handshake import TlsHandshake

_CLIENT_ID, _TOPIC = 64, 40  # characters shown
_REPEATS_KEPT = 10_000  # pairs of finding and client; the oldest are evicted first
_REPEATS_BYTES = 16 << 20  # memory of those pairs
_COLORS = {Outcome.ACCEPTED: "green", Outcome.REFUSED: "yellow"}


class LiveText:
    """The `text` format of a live capture; `repeat` is the interval of repeats in seconds.

    `columns` returns the current width of the terminal: lines break between words. Without it, each
    record is one line.
    """

    def __init__(
        self,
        stream: ByteStream,
        style: Style,
        *,
        repeat: float = 60.0,
        columns: Callable[[], int] | None = None,
        everything: bool = False,
        encoding: str = "utf-8",
    ) -> None:
        self.stream = stream
        self._style = style
        self._encoding = encoding
        self._columns = columns
        self._repeats = _Repeats(repeat)
        self._ending = TextReport(
            stream, style, everything=everything, handshakes=False, encoding=encoding
        )

    def precision(self, digits: int) -> None:
        """Ignored: people need no more than microseconds."""

    def handshake(self, record: Handshake) -> None:
        """Shows a handshake."""
        self._line(" ".join(_handshake(record, self._style)))

    def closed(self, record: Handshake) -> None:
        """Passes the handshake to the report at the end."""
        self._ending.handshake(record)

    def tls_handshake(self, record: TlsHandshake) -> None:
        """Shows a TLS connection that has ended; its content is unknown."""
        self._ending.tls_handshake(record)
        self._line(" ".join(_encrypted(record, self._style)))

    def finding(self, record: Finding) -> None:
        """Shows a finding, unless the same was shown within the interval."""
        self._ending.finding(record)
        between = self._repeats.take(record)
        if between is not None:
            self._show(record, between)

    def warning(self, record: CaptureWarning) -> None:
        """Shows a capture warning; those of a single stream are shown at the end."""
        self._ending.warning(record)
        if record.stream is None:
            label = self._style.paint("NOTE", "bold")
            self._line(f"{_now()} {label} {record.kind}: {printable(record.message)}")

    def tick(self) -> None:
        """Shows suppressed repeats whose interval is over."""
        for finding, between in self._repeats.due():
            self._show(finding, between)

    def finish(
        self, capture: Capture, summary: Summary, not_evaluated: Sequence[NotEvaluated]
    ) -> None:
        """Writes the report at the end."""
        self._line("")
        self._ending.finish(capture, summary, not_evaluated)
        self.stream.flush()

    def _show(self, record: Finding, between: int) -> None:
        more = f" (and {between:,} more like it)" if between else ""
        self._line(f"{_clock(record.time_ns)} {line(record, self._style)}{more}")

    def _line(self, text: str) -> None:
        lines = [text] if self._columns is None else self._style.hanging(text, self._columns())
        whole = "".join(f"{line}\n" for line in lines)
        self.stream.write(whole.encode(self._encoding, "backslashreplace"))
        self.stream.flush()


class _Repeats:
    """Stores when a client's finding was last shown and how many repeats were suppressed since."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._shown: dict[tuple[str, Side, str | None], tuple[float, int, Finding | None]] = {}
        self._budget = ByteBudget(_REPEATS_BYTES)

    def take(self, finding: Finding) -> int | None:
        """Returns the number of repeats suppressed before this one; None to suppress this one."""
        key = (finding.rule, finding.side, finding.client_id)
        now = time.monotonic()
        known = self._shown.pop(key, None)
        self._budget.keep(key, 0)
        if known is not None and now - known[0] < self._seconds:
            self._shown[key] = (known[0], known[1] + 1, finding)
            self._bound(key, finding_bytes(finding))
            return None
        self._shown[key] = (now, 0, None)
        self._bound(key, sys.getsizeof(finding.client_id))
        return 0 if known is None else known[1]

    def _bound(self, key: tuple[str, Side, str | None], size: int) -> None:
        """Counts an entry of `size` bytes, the newest; evicts the oldest beyond either limit."""
        self._budget.keep(key, size)
        while len(self._shown) > _REPEATS_KEPT or self._budget.used > self._budget.limit:
            oldest = next(iter(self._shown))
            del self._shown[oldest]
            self._budget.keep(oldest, 0)

    def due(self) -> Iterator[tuple[Finding, int]]:
        """Returns the latest suppressed repeat of each finding and the number of earlier ones."""
        now = time.monotonic()
        for key, (shown, held, finding) in list(self._shown.items()):
            if now - shown >= self._seconds:
                del self._shown[key]
                self._budget.keep(key, 0)
                if finding is not None:
                    self._shown[key] = (now, 0, None)
                    self._bound(key, sys.getsizeof(finding.client_id))
                    yield finding, held - 1


def _handshake(record: Handshake, style: Style) -> Iterator[str]:
    """Returns the parts of a handshake's line: outcome, endpoints and fields."""
    connect, connack = record.connect, record.connack
    packet = connack if connack is not None else record.began
    yield _now() if packet is None or packet.frame is None else _clock(packet.frame.time_ns)
    outcome = record.outcome.value
    if connack is not None and connack.return_code:
        code, of = connack.return_code, connack.version
        outcome += f" {refusal_code(code, of)} ({spec.return_code_name(code, of)})"
    color = _COLORS.get(record.outcome, "red")
    yield style.paint(outcome, color)
    version = "MQTT" if record.version is None else f"MQTT {record.version.value}"
    yield version + (" bridge" if record.bridge else "")
    if connect is not None:
        yield f'"{printable(connect.client_id or "", _CLIENT_ID)}"'
    yield f"{address(record.client)} > {address(record.server)}"
    if connect is not None:
        yield from _fields(connect)
    if record.unfinished is not None:
        yield f"CONNECT unfinished: {record.unfinished.amount}"
    if connack is not None and connack.session_present is not None:
        yield f"sessionPresent={_yes(connack.session_present)}"
    if record.latency is not None:
        yield f"after {duration(round(record.latency * 1e9))}"
    yield f"(stream {record.stream})"


def _encrypted(record: TlsHandshake, style: Style) -> Iterator[str]:
    """Returns the parts of a TLS connection's line: result, endpoints and the server's choices."""
    from dissector.report import tls_table

    row = tls_table.row(record)
    yield _clock((record.client_hello_frame or record.first).time_ns)
    yield style.paint(row.result, "green" if record.established else "yellow")
    yield "TLS" if row.version == "-" else f"TLS {row.version}"
    if record.server_name is not None:
        yield f'"{printable(record.server_name, _CLIENT_ID)}"'
    yield f"{address(record.client)} > {address(record.server)}"
    if record.suite is not None:
        yield record.suite
    if row.certificate not in ("-", "hidden"):
        yield f"certificate until {row.certificate}"
    yield f"(stream {row.stream})"


def _fields(connect: Connect) -> Iterator[str]:
    yield f"cleanSession={_yes(connect.clean_session)}"
    yield f"keepAlive={connect.keep_alive}"
    if connect.username is not None:
        yield f'username="{printable(connect.username, _CLIENT_ID)}"'
    if connect.password is not None:
        yield "password=***"
    if connect.last_will_topic is not None:
        yield f'lastWillTopic="{printable(connect.last_will_topic, _TOPIC)}"'
        yield f"lastWillQos={connect.last_will_qos} lastWillRetain={_yes(connect.last_will_retain)}"


def _yes(value: bool | None) -> str:
    return {True: "1", False: "0", None: "-"}[value]


def _clock(time_ns: int) -> str:
    """Formats a time without the date, which is known while capturing."""
    return rfc3339(time_ns, 6)[11:]


def _now() -> str:
    return _clock(time.time_ns())
