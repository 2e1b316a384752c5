"""SEC03: a server accepts clients without authentication."""

from __future__ import annotations

from dissector.rules.audit_rule import *
from dissector.rules.authoring import *


class AnonymousAccepted(ConnectionAuditRule):
    """The server accepts a client that presents no credentials.

    What it checks
    --------------
    A CONNECT without user name, password and Authentication Method, or with empty ones, answered
    with code 0, on a connection where the client cannot have presented a certificate, nor a token
    in the query or a header of a WebSocket request. Reported once for each server.

    Why it matters
    --------------
    Anyone who reaches the port can read and publish messages, and so control devices.

    Fix on the client
    -----------------
    Give each device its own credentials.

    Fix on the server
    -----------------
    Disable anonymous access (Mosquitto: `allow_anonymous false`), and restrict clients by topic.

    Known false alarms
    ------------------
    A public server, or one that gives anonymous clients hardly any rights: the rights cannot be
    seen in the capture.
    """

    id = "SEC03"
    name = "anonymous-accepted"
    side = Side.SERVER
    severity = Severity.ERROR
    confidence = Confidence.PROVEN
    references = {
        "CWE": (
            "306",
            "287",
        ),
        "OWASP": (
            "I9",
            "I3",
        ),
        "ETSI": (
            "5.5-4",
            "5.5-5",
        ),
        "NISTIR": ("LA",),
        "MQTT": ("5.4.1",),
    }
    asks = Event.ANONYMOUS
    bad = (
        Example("no credentials, accepted", (connect("a"), ACCEPTED_311, *GRACEFUL_CLOSE)),
        Example("empty user name", (connect("a", ""), ACCEPTED_311, *GRACEFUL_CLOSE)),
        Example("empty credentials", (connect("a", "", b""), ACCEPTED_311, *GRACEFUL_CLOSE)),
    )
    good = (
        Example("refused", (connect("a"), REFUSED_311, *SERVER_CLOSES)),
        Example(
            "with a password",
            (connect("a", "anna", "Zq7-unlikely-Pw"), ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports a server that accepts clients without credentials."""
        connection, profile = context.connection, context.profile
        assert profile is not None
        if profile.code != 0 or not profile.anonymous:
            return None
        if not context.activity.once(self.id, profile.server_ip, profile.server_port):
            return None
        return failure(
            context, f"the server {server_name(connection)} accepts clients without credentials"
        )
