"""Names a finding so that the same fault has the same name in the next capture.

Frames, times and client ports change from capture to capture; the rule, the side at fault and the
party do not. Baselines (`baseline.py`) and alerts of code scanners (`sarif.py`) are matched by this
name.
"""

from __future__ import annotations

from dissector.model import Endpoint, Finding, Side
from dissector.text import lossless


def address(end: Endpoint) -> str:
    """Formats an address with its port, an IPv6 address in brackets."""
    return f"[{end.ip}]:{end.port}" if ":" in end.ip else f"{end.ip}:{end.port}"


def party(finding: Finding) -> str:
    """Returns the party at fault: a server's address and port; a client's id, else its address."""
    if finding.side is Side.SERVER:
        return "" if finding.server is None else address(finding.server)
    if finding.client_id:
        return lossless(finding.client_id)
    return "" if finding.client is None else finding.client.ip


def name(rule: str, side: str, who: str) -> str:
    """Returns the name, 32 hex digits."""
    import hashlib  # takes 4 ms; the formats for people do not need it

    text = "\n".join((rule, side, who))
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def name_of(finding: Finding) -> str:
    """Returns the name of a finding."""
    return name(finding.rule, finding.side.value, party(finding))
