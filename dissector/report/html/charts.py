"""Lays out the charts: positions and sizes that the template draws as SVG, and their numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from dissector.model import Severity
from dissector.report.clock import rfc3339
from dissector.report.html.bins import KINDS, Latencies, Timeline
from dissector.report.html.diagram import short

WIDTH = 640
COLUMNS = 64
RULES = 20
_HEIGHT = 150
_SECOND_NS = 1_000_000_000


class Bar(NamedTuple):
    """A rectangle; `kind` is the CSS class that colours it, `title` its tooltip."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


class Label(NamedTuple):
    """A text; `anchor` is "start", "middle" or "end"."""

    x: float
    y: float
    text: str
    anchor: str = "start"


class Chart(NamedTuple):
    """One chart. `columns` and `rows` are its numbers as a table, for accessibility."""

    name: str
    title: str
    summary: str
    height: float
    bars: list[Bar]
    labels: list[Label]
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    legend: tuple[tuple[str, str], ...] = ()


def findings_by_rule(counts: Sequence[tuple[str, str, Severity, int]]) -> Chart:
    """Draws a bar for each rule (id, name, severity, count), longest first."""
    ordered = sorted(counts, key=lambda item: (-item[3], item[0]))
    shown = ordered[:RULES]
    most = max((count for *_, count in shown), default=1)
    bars: list[Bar] = []
    labels: list[Label] = []
    left, line = 290, 20
    for index, (rule, name, severity, count) in enumerate(shown):
        y = index * line
        width = round((WIDTH - left - 70) * math.log1p(count) / math.log1p(most), 1)
        labels.append(Label(left - 8, y + 14, short(f"{rule} {name}", 44), "end"))
        bars.append(Bar(left, y + 3, max(width, 2), line - 6, severity.value,
                        f"{rule}: {count:,} ({severity.value})"))  # fmt: skip
        labels.append(Label(left + max(width, 2) + 6, y + 14, f"{count:,}"))
    left_over = len(ordered) - len(shown)
    summary = f"{sum(count for *_, count in ordered):,} findings by {len(ordered)} rules"
    summary += f"; the {RULES} most frequent are drawn" if left_over else ""
    rows: list[tuple[str, ...]] = [
        (f"{rule} {name}", severity.value, f"{count:,}") for rule, name, severity, count in ordered
    ]
    return Chart(
        "rules", "Findings by rule", f"{summary}. Lengths are logarithmic.",
        max(len(shown) * line, line), bars, labels, ("rule", "severity", "findings"), rows,
        tuple((severity.value, severity.value) for severity in reversed(Severity)),
    )  # fmt: skip


def connections_over_time(timeline: Timeline) -> Chart:
    """Draws handshakes over time, stacked by outcome."""
    start, width, bins = timeline.bins(COLUMNS)
    most = max(map(sum, bins), default=0) or 1
    step = min((WIDTH - 50) / max(len(bins), 1), 60)
    bars: list[Bar] = []
    rows: list[tuple[str, ...]] = []
    for index, counts in enumerate(bins):
        when = _time(start + index * width)
        y = float(_HEIGHT)
        for kind, count in zip(KINDS, counts, strict=True):
            if count:
                height = round(count / most * (_HEIGHT - 12), 1)
                y -= height
                bars.append(Bar(round(45 + index * step, 1), round(y, 1),
                                round(max(step - 1, 1), 1), max(height, 0.5), kind,
                                f"{when}: {count:,} {kind}"))  # fmt: skip
        if any(counts):
            rows.append((when, *(f"{count:,}" for count in counts)))
    labels = [Label(40, 14, f"{most:,}", "end"), Label(40, _HEIGHT, "0", "end")]
    if bins:
        labels.append(Label(45, _HEIGHT + 16, _time(start)))
    if len(bins) > 8:
        labels.append(Label(WIDTH - 5, _HEIGHT + 16, _time(start + len(bins) * width), "end"))
    summary = f"{sum(map(sum, bins)):,} handshakes, each column {_seconds(width)}."
    return Chart(
        "time", "Connections over time", summary, _HEIGHT + 22, bars, labels,
        ("from", *KINDS), rows, tuple((kind, kind) for kind in KINDS),
    )  # fmt: skip


def latency(latencies: Latencies) -> Chart:
    """Draws how long servers took to answer a CONNECT."""
    bins = latencies.bins()
    most = max((count for *_, count in bins), default=0) or 1
    step = min((WIDTH - 50) / max(len(bins), 1), 60)
    bars: list[Bar] = []
    labels = [Label(40, 14, f"{most:,}", "end"), Label(40, _HEIGHT, "0", "end")]
    rows: list[tuple[str, ...]] = []
    every = max(math.ceil(70 / step), 1)
    for index, (low, high, count) in enumerate(bins):
        x = round(45 + index * step, 1)
        if count:
            height = round(max(count / most * (_HEIGHT - 12), 1), 1)
            bars.append(Bar(x, round(_HEIGHT - height, 1), round(step - 1, 1), height, "plain",
                            f"{_span(low)} to {_span(high)}: {count:,}"))  # fmt: skip
            rows.append((f"{_span(low)} to {_span(high)}", f"{count:,}"))
        if index % every == 0:
            near_end = x > WIDTH - 60
            where = (x + step - 1, "end") if near_end else (x, "start")
            labels.append(Label(where[0], _HEIGHT + 16, _span(low), where[1]))
    half, most_of_them = latencies.below(0.5), latencies.below(0.95)
    if half is None or most_of_them is None:
        summary = "No answered CONNECT was seen."
    else:
        summary = (
            f"{latencies.count:,} answered: half within {_span(half)}, "
            f"95 % within {_span(most_of_them)}."
        )
    return Chart(
        "latency", "From CONNECT to CONNACK", summary, _HEIGHT + 22, bars, labels,
        ("latency", "handshakes"), rows,
    )  # fmt: skip


def share_in_clear(clear: int, encrypted: int) -> Chart:
    """Draws how many connections are unencrypted."""
    total = clear + encrypted
    bars: list[Bar] = []
    labels: list[Label] = []
    x = 0.0
    for kind, count in (("clear", clear), ("encrypted", encrypted)):
        if count:
            width = round(WIDTH * count / total, 1)
            bars.append(Bar(round(x, 1), 0, width, 28, kind, f"{count:,} {kind}"))
            x += width
    if total:
        labels.append(Label(0, 46, f"in clear: {clear:,} ({clear / total:.0%})"))
        labels.append(
            Label(WIDTH, 46, f"encrypted: {encrypted:,} ({encrypted / total:.0%})", "end")
        )
    return Chart(
        "clear", "Share in clear", f"{total:,} connections." if total else "No connections.", 52,
        bars, labels, ("", "connections"),
        [("in clear", f"{clear:,}"), ("encrypted", f"{encrypted:,}")],
        (("clear", "in clear"), ("encrypted", "encrypted")),
    )  # fmt: skip


def _time(seconds: int) -> str:
    return rfc3339(seconds * _SECOND_NS, 6)[:19].replace("T", " ")


def _seconds(count: int) -> str:
    return "1 second" if count == 1 else f"{count:,} seconds"


def _span(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size * 0.999:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"
