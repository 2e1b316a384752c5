"""Formats the end of a text report: counts, capture warnings and rules not evaluated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from dissector.model import Capture, CaptureWarning, NotEvaluated, Stream, Summary
from dissector.report.style import Style, counted, listed
from dissector.text import printable

_PLACES = 3
_REASONS = 20
_STREAMS = 5
_RULES = 8  # listed in one line
_OUTCOMES = ("accepted", "refused", "unanswered", "incomplete", "invalid")


class _Kind(msgspec.Struct):
    count: int = 0
    message: str = ""
    places: list[str] = msgspec.field(default_factory=list)


class Warnings:
    """Capture warnings, folded by kind as they arrive."""

    def __init__(self) -> None:
        self._kinds: dict[str, _Kind] = {}

    def add(self, warning: CaptureWarning) -> None:
        """Counts one warning."""
        kind = self._kinds.setdefault(warning.kind, _Kind(message=warning.message))
        kind.count += 1
        if len(kind.places) < _PLACES:
            kind.places.append(_place(warning))

    def lines(self, style: Style) -> Iterator[str]:
        """Returns one or two lines for each kind."""
        if not self._kinds:
            return
        total = sum(kind.count for kind in self._kinds.values())
        yield (
            style.paint("Limits of the capture", "bold") + f" ({counted(total, 'capture warning')})"
        )
        for name, kind in sorted(self._kinds.items(), key=lambda item: (-item[1].count, item[0])):
            places = "; ".join(filter(None, kind.places))
            etc = "; …" if kind.count > len(kind.places) else ""
            often = "" if kind.count == 1 else f" {kind.count:,} times"
            text = f"{name}{often}: {printable(kind.message)}"
            yield from _wrapped(text + (f" ({places}{etc})" if places else ""), style)


def _place(warning: CaptureWarning) -> str:
    parts = [] if warning.file is None else [printable(warning.file)]
    parts += [] if warning.frame is None else [f"frame {warning.frame}"]
    parts += [] if warning.stream is None else [f"stream {warning.stream}"]
    return " ".join(parts)


def counts(capture: Capture, summary: Summary, style: Style) -> Iterator[str]:
    """Returns what was read, the outcomes of the handshakes, and the number of findings."""
    for sentence in _counts(capture, summary):
        yield from style.wrapped(sentence, 0)


def described(capture: Capture) -> str:
    """Returns how files were read: the name of one, a ring, files as one, several captures."""
    parts = capture.parts
    if not parts:
        if len(capture.files) == 1:
            return printable(capture.files[0].path)
        count = counted(len(capture.files), "file")
        return f"a ring of {count}" if capture.ring else f"{count} as one capture"
    rings = [len(part.files) for part in parts if part.ring]
    text = counted(len(parts), "capture")
    if not rings:
        return text
    some = sorted(set(rings))
    size = f"{some[0]:,}" if len(some) == 1 else f"{some[0]:,} to {some[-1]:,}"
    if len(rings) == 1:
        return f"{text}, one of them a ring of {size} files"
    share = "all" if len(rings) == len(parts) else f"{len(rings):,}"
    return f"{text}, {share} of them rings of {size} files"


def _counts(capture: Capture, summary: Summary) -> Iterator[str]:
    yield (
        f"Read {counted(capture.frames, 'frame')} of {described(capture)}: "
        f"{counted(capture.streams, 'TCP connection')}, {capture.mqtt_connections:,} with MQTT."
    )
    if capture.dropped is not None:
        yield f"{counted(capture.dropped, 'frame')} dropped by the kernel."
    packets = [f"{count:,} {name}" for name, count in capture.control_packets.items()]
    if packets:
        yield f"Control packets: {', '.join(packets)}."
    outcomes = [
        f"{getattr(summary, name):,} {name}" for name in _OUTCOMES if getattr(summary, name)
    ]
    listing = f": {', '.join(outcomes)}" if outcomes else ""
    yield f"{counted(summary.handshakes, 'handshake')}{listing}."
    if summary.encrypted:
        yield encrypted(summary)
    yield findings(summary)


def configuration(capture: Capture) -> Iterator[str]:
    """Returns a line for each configuration file that was used, with what it sets."""
    for file in capture.config:
        settings = "; ".join(map(printable, file.settings))
        yield f"Configuration: {printable(file.path)} ({settings or 'nothing that has an effect'})"


def encrypted(summary: Summary) -> str:
    """Returns how many connections could not be decrypted."""
    verb = "is" if summary.encrypted == 1 else "are"
    return (
        f"{counted(summary.encrypted, 'connection')} {verb} encrypted (TLS); "
        "--keylog FILE decrypts those whose keys were logged."
    )


def findings(summary: Summary) -> str:
    """Returns the number of findings by severity."""
    total = summary.error + summary.warning + summary.info
    if not total:
        return "No findings."
    parts = [
        counted(count, noun)
        for count, noun in ((summary.error, "error"), (summary.warning, "warning"))
        if count
    ]
    parts += [f"{summary.info:,} info"] if summary.info else []
    return f"{counted(total, 'finding')}: {listed(parts)}."


def not_evaluated(
    records: Sequence[NotEvaluated], style: Style, *, everything: bool
) -> Iterator[str]:
    """Returns which rules could not be evaluated and why, grouped by reason."""
    if not records:
        return
    yield style.paint("Not evaluated", "bold") + ": not enough was captured to decide"
    together: dict[tuple[str, int, tuple[Stream, ...]], list[str]] = {}
    for record in records:
        key = (record.reason, record.count, tuple(record.streams))
        together.setdefault(key, []).append(record.rule)
    ordered = sorted(together.items(), key=lambda item: (-item[0][1], item[1], item[0][0]))
    shown = ordered if everything else ordered[:_REASONS]
    for (reason, count, places), rules in shown:
        streams = [
            str(place) if isinstance(place, int) else f"{place[0]}:{place[1]}"
            for place in places[:_STREAMS]
        ]
        etc = ", …" if len(places) > _STREAMS else ""
        where = f" (stream{'s' if len(places) > 1 else ''} {', '.join(streams)}{etc})"
        names = f"{len(rules)} rules" if len(rules) > _RULES else ", ".join(sorted(rules))
        text = f"{names} {counted(count, 'time')}: {printable(reason)}"
        yield from _wrapped(text + (where if streams else ""), style)
    if len(ordered) > len(shown):
        yield f"   and {len(ordered) - len(shown):,} more; --all lists them"


def _wrapped(text: str, style: Style) -> Iterator[str]:
    for index, line in enumerate(style.wrapped(text, 5)):
        yield ("   " if index == 0 else "     ") + line
