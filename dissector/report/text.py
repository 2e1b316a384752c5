"""Formats folded findings as blocks of text for people.

The first block of a rule says why it matters and how to fix it; blocks of other parties hold only
what differs. Every captured text is passed through `printable`.
"""

from __future__ import annotations

from collections.abc import Iterator

from dissector.errors import OptionError
from dissector.model import Finding, Obligation, Side
from dissector.mqtt import spec
from dissector.mqtt.decode import decode_packet
from dissector.mqtt.statements import paraphrase
from dissector.report.clock import duration, rfc3339
from dissector.report.fields import display_filter
from dissector.report.folding import Fold, RuleFold
from dissector.report.hexdump import hexdump
from dissector.report.style import Style, counted, listed, place
from dissector.rules.base import Rule
from dissector.rules.registry import find
from dissector.text import printable

PARTIES_SHOWN = 3
CLIENT_ID_SHOWN = 64


def rule_blocks(rule: RuleFold, style: Style, *, everything: bool, digits: int) -> Iterator[str]:
    """Returns the lines of all findings of one rule, for at most `PARTIES_SHOWN` parties."""
    shown = rule.folds if everything else rule.folds[:PARTIES_SHOWN]
    for index, fold in enumerate(shown):
        yield from block(fold, style, digits=digits, advice=index == 0)
        yield ""
    left = rule.count - sum(fold.count for fold in shown)
    if left:
        parties = len(rule.folds) - len(shown)
        who = f" by {'more than ' if rule.others else ''}{parties:,} others" if parties else ""
        hint = "" if everything else "; --all shows them"
        name = style.paint(rule.rule, "bold")
        yield f"{name} and {counted(left, 'more finding')} of this rule{who}{hint}"
        yield ""


def block(fold: Fold, style: Style, *, digits: int = 6, advice: bool = True) -> Iterator[str]:
    """Returns the lines of one rule's findings on one party; `advice` adds why and how to fix."""
    finding = fold.exemplar
    rule = _rule(finding.rule)
    yield f"{style.paint(finding.rule, 'bold')} {finding.name}"
    yield from style.indented(printable(finding.message))
    yield from style.beside(finding.severity.value, [_weight(finding)], finding.severity)
    yield from style.labelled("fault", _fault(fold))
    yield from style.labelled("where", _where(finding, digits))
    if finding.packet:
        yield from style.beside("bytes", _bytes(finding, style))
    references = getattr(rule, "relates_to", None)
    if references is None:
        # a party that does not follow advice does not break a statement
        label = "see" if finding.obligation is Obligation.ADVICE else "breaks"
        yield from style.beside(label, _breaks(finding, style))
    elif advice:  # good practice, not the standard
        yield from style.labelled("relates", "to " + ", ".join(references()))
    if advice and rule is not None:
        page = rule.page(finding.version)
        yield from style.labelled("why", page.why)
        yield from style.labelled("fix", f"client: {page.fix_client}")
        yield from style.labelled("", f"server: {page.fix_server}")
    elif rule is not None:
        yield from style.labelled("fix", "as above")
    yield from style.beside("filter", [display_filter(finding)])
    if fold.count > 1:
        yield from style.labelled("repeats", _repeats(fold))


def _rule(rule_id: str) -> Rule | None:
    try:
        return find(rule_id)
    except OptionError:
        return None


def _weight(finding: Finding) -> str:
    cited = finding.version is not None and (finding.statements or finding.section)
    where = "" if not cited or finding.version is None else f" of MQTT {finding.version.value}"
    return f"{finding.obligation.value}{where}, {finding.confidence.value}"


def _fault(fold: Fold) -> str:
    finding = fold.exemplar
    parts = [f"{finding.side.value} {fold.party}".rstrip()]
    if finding.client_id is not None:
        whose = "" if finding.side is Side.CLIENT else "client "
        parts.append(f'{whose}id "{printable(finding.client_id, CLIENT_ID_SHOWN)}"')
    parts.append(f"stream {finding.stream}")
    return ", ".join(parts)


def _where(finding: Finding, digits: int) -> str:
    frames = finding.frames
    files = list(dict.fromkeys(frame.file for frame in frames)) or [finding.file]
    if len(files) == 1:
        numbers = [str(frame.number) for frame in frames] or [str(finding.frame)]
        numbers = list(dict.fromkeys(numbers))
        text = f"{printable(files[0])}, frame{'s' if len(numbers) > 1 else ''} {listed(numbers)}"
    else:
        text = listed([f"{printable(frame.file)} frame {frame.number}" for frame in frames])
    times = [frame.time_ns for frame in frames]
    if len(times) > 1:
        text += f", {duration(max(times) - min(times))} {'apart' if len(times) == 2 else 'in all'}"
    if times and finding.time_ns > max(times):
        text += f"; due {duration(finding.time_ns - max(times))} later"
    return f"{text}, at {rfc3339(finding.time_ns, digits)}"


def _bytes(finding: Finding, style: Style) -> list[str]:
    assert finding.packet is not None
    name = spec.packet_name(finding.packet[0] >> 4)
    head = f"{name} in frame {finding.frame}"
    if finding.span is not None:
        offset, length = finding.span
        head += (
            f", {counted(length, 'byte')} at offset {offset}" if length else f", offset {offset}"
        )
    if decode_packet(finding.packet, finding.version, finding.side).secrets:
        head += "; * hides secrets"
    return [head, *hexdump(finding.packet, finding.span, style)]


def _breaks(finding: Finding, style: Style) -> list[str]:
    version = finding.version
    lines: list[str] = []
    for identifier in finding.statements:
        name = f"{identifier} of {finding.cited_version}"
        summary = paraphrase(version, identifier)
        text = f"{name}: {summary}" if summary else name
        lines += style.wrapped(text)
    if finding.section:
        lines.append(f"{place(finding.section)} of MQTT {finding.cited_version}")
    return lines or ["no numbered statement"]


def _repeats(fold: Fold) -> str:
    places: dict[str, list[str]] = {}
    for file, frame in fold.places:
        places.setdefault(file, []).append(str(frame))
    listing = "; ".join(
        f"{printable(file)} frame{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}"
        for file, numbers in places.items()
    )
    etc = ", …" if fold.count - 1 > len(fold.places) else ""
    return f"{fold.count - 1:,} more {_by_whom(fold)}: {listing}{etc}"


def _by_whom(fold: Fold) -> str:
    """Says whose the repeats are; several client ids may be several clients."""
    if fold.exemplar.side is Side.SERVER:
        return "by this server"
    if fold.one_id:
        return "by this client"
    if not fold.one_address:
        return "by clients that share its client id or address"
    if not fold.party:
        return "on this connection"
    return "from this address" + (
        ", not all with this client id" if fold.exemplar.client_id else ""
    )
