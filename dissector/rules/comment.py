"""Formats a finding as a packet comment: one line that Wireshark shows with the frame."""

from __future__ import annotations

from dissector.model import Finding
from dissector.text import printable


def comment(finding: Finding) -> str:
    """Returns what is wrong, the side at fault, and what is violated; captured text is escaped."""
    broken = ", ".join(finding.statements) or (
        f"section {finding.section}" if finding.section else ""
    )
    cited = f" [{broken} of MQTT {finding.cited_version}]" if broken else ""
    return (
        f"{finding.rule} {finding.severity.value}, the {finding.side.value}'s fault: "
        f"{printable(finding.message)}{cited}"
    )
