"""Decides which findings are not reported: those of a baseline, and suppressed ones.

    [[suppressions]]
    rule = "SEC02"              # an id or an id prefix
    server = "10.0.0.2:1883"    # with or without port; also: client = "10.0.0.7", client-id = "c1"
    reason = "moves to TLS in spring"
    expires = 2027-03-31        # the last day

A suppression without reason or expiry date is refused: nobody would know when to remove it.
"""

from __future__ import annotations

import datetime
import ipaddress
import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from dissector.errors import OptionError
from dissector.model import Finding
from dissector.report.identity import address
from dissector.report.style import counted


class Suppression(
    msgspec.Struct, kw_only=True, frozen=True, rename="kebab", forbid_unknown_fields=True
):
    """Findings that are not to be fixed yet. None for `client_id`, `client`, `server` means any."""

    rule: str
    reason: str
    expires: datetime.date
    client_id: str | None = None
    client: str | None = None
    server: str | None = None

    def matches(self, finding: Finding) -> bool:
        """Whether the suppression applies to a finding."""
        if not finding.rule.startswith(self.rule.upper().replace("-", "")):
            return False
        if self.client_id is not None and self.client_id != finding.client_id:
            return False
        client, server = finding.client, finding.server
        if self.client is not None and (client is None or self.client != client.ip):
            return False
        return self.server is None or (
            server is not None and self.server in (server.ip, address(server))
        )


class KnownFindings:
    """Findings that are not to be reported: those of the baseline, and suppressed ones."""

    def __init__(
        self,
        baseline: Callable[[Finding], bool] | None,
        suppressions: Sequence[Suppression],
        today: Callable[[], datetime.date],
    ) -> None:
        self._baseline = baseline
        self._suppressions = suppressions
        self._today = today  # called for each finding: a live capture may run for weeks
        self._in_baseline = 0
        self._suppressed = 0
        self._returned: dict[Suppression, int] = {}

    def __call__(self, finding: Finding) -> bool:
        """Whether a finding is known; counts those that are."""
        if self._baseline is not None and self._baseline(finding):
            self._in_baseline += 1
            return True
        matching = [item for item in self._suppressions if item.matches(finding)]
        if not matching:
            return False
        today = self._today()
        if any(item.expires >= today for item in matching):
            self._suppressed += 1
            return True
        for item in matching:
            self._returned[item] = self._returned.get(item, 0) + 1
        return False

    def notes(self) -> list[str]:
        """Returns notes on what was left out and which suppressions have expired."""
        notes = []
        if self._in_baseline:
            notes.append(f"{counted(self._in_baseline, 'finding')} of the baseline left out")
        if self._suppressed:
            notes.append(f"{counted(self._suppressed, 'finding')} suppressed by the configuration")
        notes += [
            f"a suppression of {item.rule} expired on {item.expires}: "
            f"{counted(count, 'finding')} shown again ({item.reason})"
            for item, count in self._returned.items()
        ]
        return notes


def suppressions(tables: Sequence[dict[str, Any]]) -> list[Suppression]:
    """Reads the suppressions of a configuration; raises OptionError for a wrong one."""
    return [_suppression(table, number) for number, table in enumerate(tables, 1)]


def known(baseline: str | None, tables: Sequence[dict[str, Any]]) -> KnownFindings | None:
    """Returns the predicate of known findings; None if everything is to be reported."""
    made = suppressions(tables)
    if baseline is None and not made:
        return None
    earlier = None
    if baseline is not None:
        from dissector.report.baseline import read

        earlier = read(baseline)
    return KnownFindings(earlier, made, datetime.date.today)


def _suppression(table: dict[str, Any], number: int) -> Suppression:
    """Checks one table of the configuration; `number` is its 1-based number, for messages."""
    which = f"suppression {number}"
    keys = [field.encode_name for field in msgspec.structs.fields(Suppression)]
    for key in table:
        if key not in keys:
            raise OptionError(f"{which}: unknown key {key!r}; the keys are {', '.join(keys)}")
    for key, wanted in (
        ("rule", 'rule = "SES01"'),
        ("reason", 'reason = "why it is accepted"'),
        ("expires", "expires = 2027-03-31"),
    ):
        if table.get(key) is None or not str(table[key]).strip():
            raise OptionError(f"{which}: it has no {key}; write {wanted}")
    try:
        made = msgspec.convert(table, Suppression)
    except msgspec.ValidationError as error:
        key = str(error).rpartition("$.")[2].rstrip("`")
        wanted = "a date like 2027-03-31" if key == "expires" else "a quoted string"
        raise OptionError(
            f"{which}: {key} is {str(table.get(key))!r}; it has to be {wanted}"
        ) from error
    from dissector.rules.registry import selected

    selected((made.rule,), (), audit=True)  # a rule that does not exist would suppress nothing
    return msgspec.structs.replace(
        made,
        client=made.client and _client(made.client, which),
        server=made.server and _server(made.server, which),
    )


def _client(text: str, which: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise OptionError(f"{which}: client is {text!r}; it has to be an IP address") from error


def _server(text: str, which: str) -> str:
    """Returns an address, or address and port, in the format of findings."""
    split = re.fullmatch(r"\[(.+)\]:(\d+)|([^:]+):(\d+)", text)
    host = text if split is None else split[1] or split[3]
    port = 1 if split is None else int(split[2] or split[4])
    try:
        ip = str(ipaddress.ip_address(host))
    except ValueError:
        port = 0
    if not 1 <= port <= 65535:
        raise OptionError(
            f"{which}: server is {text!r}; it has to be an IP address, with a port or without: "
            "10.0.0.2:1883, [fd00::2]:1883"
        )
    return ip if split is None else f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
