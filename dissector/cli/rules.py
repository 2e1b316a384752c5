"""The command `dissector rules`: lists rules, or shows the page of one rule."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dissector.cli.options import COLORS, Parser
from dissector.errors import OptionError

if TYPE_CHECKING:
    from dissector.model import Severity
    from dissector.report.style import Style
    from dissector.rules.base import Example, Rule

_EXAMPLES = """\
  dissector rules                 all rules
  dissector rules SES             the rules of a group
  dissector rules SES01           one rule's page
  dissector rules --format json   all pages, for programs
"""


def parser() -> Parser:
    """Builds the command's parser."""
    made = Parser("rules", "List all rules or show one rule's page.", _EXAMPLES)
    made.add_argument("rules", metavar="RULE", nargs="*", help="a rule's id or name, or a group")
    made.add_argument("--format", choices=("table", "json"), default="table", help="default: table")
    made.add_argument("--color", choices=COLORS, help="default: auto; NO_COLOR turns it off")
    return made


def run(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    namespace = parser().parse(arguments)

    from dissector.cli import config, output
    from dissector.rules.registry import every_rule

    settings = config.resolve({"color": namespace.color}, os.environ, os.getcwd())
    wanted = [rule for word in namespace.rules for rule in _named(word)]
    single = len(wanted) == 1
    rules = list(dict.fromkeys(wanted)) if namespace.rules else list(every_rule())
    if namespace.format == "json":
        import msgspec

        text = msgspec.json.format(msgspec.json.encode([page(rule) for rule in rules]), indent=2)
        sys.stdout.write(text.decode() + "\n")
        return 0
    style = output.style(settings.color, os.environ)
    lines = _page(rules[0], style) if single else _table(rules, style.width)
    for line in lines:
        sys.stdout.write(line + "\n")
    return 0


def _named(word: str) -> list[Rule]:
    """Returns the rule of an id or name, else the rules whose ids begin with the word."""
    from dissector.rules.registry import every_rule, find

    try:
        return [find(word)]
    except OptionError:
        prefix = word.replace("-", "").upper()
        found: list[Rule] = [rule for rule in every_rule() if rule.id.startswith(prefix)]
        if not found:
            raise _unknown(word) from None
        return found


def _unknown(word: str) -> OptionError:
    from difflib import get_close_matches

    from dissector.rules.registry import every_rule

    ids = {name: rule.id for rule in every_rule() for name in (rule.id, rule.name)}
    near = get_close_matches(word, list(ids), n=1) or get_close_matches(
        word.upper(), list(ids), n=1
    )
    hint = f"did you mean {near[0]}?" if near else "`dissector rules` lists them all"
    return OptionError(f"no rule {word!r}; {hint}")


def _table(rules: Sequence[Rule], width: int) -> Iterator[str]:
    from dissector.report.columns import tabulated

    rows = [
        [rule.id, rule.name, _listed_severity(rule), _side(rule), " ".join(_versions(rule))]
        for rule in rules
    ]
    headers = ["rule", "name", "severity", "side", "versions"]
    yield from tabulated(rows, headers, width)
    yield f"{len(rows)} rules; `dissector rules RULE` shows one rule's page"


def _listed_severity(rule: Rule) -> str:
    """Formats the severity for the list; "pedantic" where the rule is off by default."""
    if not rule.pedantic:
        return _severity(rule)
    others = [
        rule.severity_in(version).value
        for version in rule.statements
        if version not in rule.pedantic
    ]
    return "/".join((*dict.fromkeys(others), "pedantic"))


def _side(rule: Rule) -> str:
    return "either" if rule.either else rule.side.value


def _versions(rule: Rule) -> list[str]:
    from dissector.model import Version

    return [version.value for version in Version if version in rule.statements]


def _severities(rule: Rule) -> dict[str, str]:
    from dissector.model import Version

    return {
        version.value: rule.severity_in(version).value
        for version in Version
        if version in rule.statements
    }


def _severity(rule: Rule) -> str:
    severity: Severity | Mapping[Any, Severity] = rule.severity
    if not isinstance(severity, Mapping):
        return severity.value
    return "/".join(dict.fromkeys(item.value for item in severity.values()))


def _severity_by_version(rule: Rule) -> str:
    """Formats the severity, with the versions if it differs between them."""
    from dissector.report.style import listed

    versions: dict[str, list[str]] = {}
    for version, severity in _severities(rule).items():
        versions.setdefault(severity, []).append(version)
    if len(versions) < 2:
        return _severity(rule)
    return ", ".join(f"{severity} in {listed(these)}" for severity, these in versions.items())


def page(rule: Rule) -> dict[str, Any]:
    """Returns the JSON object of a rule, with its whole page."""
    from dissector.connections.deadlines import described

    text = rule.page()
    return {
        "id": rule.id,
        "name": rule.name,
        "side": rule.side.value,
        "sides": [side.value for side in rule.sides()],
        "severity": _severity(rule),
        "severities": _severities(rule),
        "obligation": rule.obligation.value,
        "confidence": rule.confidence.value,
        "statements": {
            version: [
                {"id": identifier, "summary": summary}
                for identifier, summary in _statements(rule, version)
            ]
            for version in _versions(rule)
        },
        "sections": {version.value: where for version, where in rule.sections.items()},
        "pedantic": [version.value for version in rule.pedantic],
        "deadlines": {key: described(key)[0] for key in rule.deadlines},
        "references": list(getattr(rule, "relates_to", tuple)()),
        "summary": text.summary,
        "checks": text.checks,
        "why": text.why,
        "fixClient": text.fix_client,
        "fixServer": text.fix_server,
        "falseAlarms": text.false_alarms,
        "bad": [_example(example) for example in rule.bad],
        "good": [_example(example) for example in rule.good],
    }


def _pedantic(rule: Rule) -> str:
    from dissector.report.style import listed

    where = listed([version.value for version in rule.pedantic])
    return (
        f"in {where}: off unless --pedantic is given, --select names {rule.id}, or the captured "
        "traffic makes it matter"
    )


def _deadlines(rule: Rule) -> Iterator[str]:
    """Yields each deadline of a rule with its default, and whose choice it is."""
    from dissector.connections.deadlines import described

    for key in rule.deadlines:
        seconds, meaning = described(key)
        yield (
            f"{key} = {seconds:g}, {meaning}. The standard names no time: the number is our choice "
            "(configuration, table [deadlines])."
        )


def _example(example: Example) -> dict[str, Any]:
    return {"title": example.title, "port": example.port, "steps": list(example.steps)}


def _statements(rule: Rule, version: str) -> list[tuple[str, str]]:
    from dissector.model import Version
    from dissector.mqtt.statements import paraphrase

    which = Version(version)
    return [(identifier, paraphrase(which, identifier)) for identifier in rule.statements[which]]


def _page(rule: Rule, style: Style) -> Iterator[str]:
    from dissector.model import Version
    from dissector.report.style import place

    text = rule.page()
    yield f"{style.paint(rule.id, 'bold')} {rule.name}"
    yield from style.indented(text.summary)
    yield ""
    side = "client or server, whichever is at fault" if rule.either else rule.side.value
    yield from style.labelled("side", side)
    severity = _severity_by_version(rule)
    duty = rule.obligation.value + (" (info: advice)" if "info in" in severity else "")
    weight = f"{severity}; {duty}; {rule.confidence.value}"
    yield from style.labelled("weight", weight)
    for version in _versions(rule):
        section = rule.sections.get(Version(version))
        lines = [
            line
            for identifier, summary in _statements(rule, version)
            for line in style.wrapped(f"{identifier} of {version}: {summary}")
        ]
        lines += [f"{place(section)} of MQTT {version}"] if section else []
        yield from style.beside(version, lines or [f"applies to MQTT {version}, without a number"])
    if rule.pedantic:
        yield from style.labelled("pedantic", _pedantic(rule))
    if rule.deadlines:
        yield from style.labelled("times", "\n\n".join(_deadlines(rule)))
    references = list(getattr(rule, "relates_to", tuple)())
    if references:
        yield from style.labelled("relates", f"to {', '.join(references)}")
    for label, paragraphs in (
        ("checks", text.checks),
        ("why", text.why),
        ("fix", f"client: {text.fix_client}"),
        ("", f"server: {text.fix_server}"),
        ("alarms", text.false_alarms),
    ):
        yield ""
        yield from style.labelled(label, paragraphs)
    for label, examples in (("bad", rule.bad), ("good", rule.good)):
        for example in examples:
            yield ""
            yield from style.beside(label, [example.title, *_steps(example, style)])


def _steps(example: Example, style: Style) -> Iterator[str]:
    import textwrap

    for step in example.steps:
        yield from textwrap.wrap(
            step, style.width - 13, initial_indent="  ", subsequent_indent="    "
        )
