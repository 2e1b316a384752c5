"""SEC31: a CONNACK discloses internals of the server."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from dissector.rules.audit_rule import *
from dissector.rules.authoring import *

# patterns as text: `re` compiles and caches them once a CONNACK has such a property
DISCLOSURES = (
    (
        r"(?i)\b(?!MQTT|TLS|SSL|version)[A-Za-z]{3,}[/ -]v?\d+\.\d+\.\d+",
        "a product and its version",
    ),
    (
        # a topic may begin with a slash, too: so only usual folders, or a file extension
        r"(?:^|[\s'\"(])/(?:usr|etc|opt|var|srv|root)/[\w./-]+"
        r"|/[\w-]+\.(?:conf|json|ya?ml|pem|key|crt|py|js|java|go|c|log|db)\b"
        r"|\b[A-Z]:\\\w+",
        "a file path",
    ),
    (r"\w+Exception\b|Traceback \(|\bat [\w.$]+\([\w.]+:\d+\)", "a stack trace"),
    (
        r"(?i)\b(?:unknown|no such|invalid|wrong|bad) (?:user|account|password)\b"
        r"(?! ?name or| or|/)|\b(?:user|account) (?:not found|does not exist|unknown)",
        "which accounts exist",
    ),
)
_NAMED = ("reasonString", "userProperty", "assignedClientIdentifier")


class TalkativeRefusal(ConnectionAuditRule):
    """A CONNACK discloses versions, files, stack traces, or which accounts exist.

    What it checks
    --------------
    The Reason String, a User Property or the Assigned Client Identifier of a CONNACK (5.0) contains
    a product's version, a file path, a stack trace, or says whether the user or the password was
    wrong. Each of these is reported once for each server.

    Why it matters
    --------------
    It shows an attacker which vulnerabilities to try, and which names exist.

    Fix on the client
    -----------------
    Nothing: the server has to be fixed.

    Fix on the server
    -----------------
    Disable detailed reasons for external clients; write them to the log.

    Known false alarms
    ------------------
    A version number that is the device's own.
    """

    id = "SEC31"
    name = "talkative-refusal"
    side = Side.SERVER
    severity = Severity.INFO
    confidence = Confidence.PROVEN
    references = {
        "CWE": (
            "209",
            "203",
        ),
        "OWASP": ("I3",),
        "ETSI": ("5.6-2",),
        "NISTIR": ("SA",),
    }
    asks = Event.CONNACK_TEXT
    bad = (
        Example(
            "a file path",
            (
                connect("a", version="5.0"),
                connack_5((0x1F, "reasonString", "cannot read /etc/foobroker/passwd"), code=0x80),
                *SERVER_CLOSES,
            ),
        ),
        Example(
            "a version",
            (
                connect("a", version="5.0"),
                connack_5((0x1F, "reasonString", "FooBroker/4.2.1 not authorized"), code=0x87),
                *SERVER_CLOSES,
            ),
        ),
        Example(
            "which account exists",
            (
                connect("a", version="5.0"),
                connack_5((0x1F, "reasonString", "unknown user"), code=0x86),
                *SERVER_CLOSES,
            ),
        ),
    )
    good = (
        Example(
            "user name or password",
            (
                connect("a", version="5.0"),
                connack_5((0x1F, "reasonString", "Bad user name or password"), code=0x86),
                *SERVER_CLOSES,
            ),
        ),
        Example(
            "a topic and a version of the standard",
            (
                connect("a", version="5.0"),
                connack_5(
                    (0x1F, "reasonString", "MQTT 3.1.1 only; not authorized for /home/lamp/set"),
                    code=0x87,
                ),
                *SERVER_CLOSES,
            ),
        ),
        Example(
            "a plain reason",
            (
                connect("a", version="5.0"),
                connack_5((0x1F, "reasonString", "not authorized"), code=0x87),
                *SERVER_CLOSES,
            ),
        ),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports what a CONNACK discloses."""
        profile = context.profile
        assert profile is not None
        server = (profile.server_ip, profile.server_port)
        return [
            failure(context, f"the server's {name} discloses {what}", property=name, tells=what)
            for name, what in _disclosures(profile.connack_properties)
            if context.activity.once(self.id, *server, what)
        ]


def _disclosures(properties: Iterable[Property]) -> Iterator[tuple[str, str]]:
    """Yields the name of each property that discloses something, and what it discloses."""
    for item in properties:
        if item.name in _NAMED:
            text = " ".join(item.value) if isinstance(item.value, tuple) else str(item.value)
            for pattern, what in DISCLOSURES:
                if re.search(pattern, text):
                    yield item.name, what
