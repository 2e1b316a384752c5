"""A finding in, a name for it that stays the same in the next capture out.

Frames, times and ports of clients change from capture to capture; the rule, the side at fault and
the party do not. What is known already (`baseline.py`) and what a code scanner counts as one and
the same alert (`sarif.py`) go by this name.
"""

from __future__ import annotations

from dissector.model import Endpoint, Finding, Side
from dissector.text import lossless


def address(end: Endpoint) -> str:
    """Write an address with its port, an IPv6 address in brackets."""
    return f"[{end.ip}]:{end.port}" if ":" in end.ip else f"{end.ip}:{end.port}"


def party(finding: Finding) -> str:
    """Name who is at fault: a server's address and port; a client's id, else its address."""
    if finding.side is Side.SERVER:
        return "" if finding.server is None else address(finding.server)
    if finding.client_id:
        return lossless(finding.client_id)
    return "" if finding.client is None else finding.client.ip


def name(rule: str, side: str, who: str) -> str:
    """Give the name, 32 hex digits."""
    import hashlib  # the formats for people need it not, and it takes 4 ms

    text = "\n".join((rule, side, who))
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def name_of(finding: Finding) -> str:
    """Give the name of a finding."""
    return name(finding.rule, finding.side.value, party(finding))
