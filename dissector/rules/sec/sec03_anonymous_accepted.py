"""SEC03: a server lets anybody in."""

from __future__ import annotations

from dissector.connections.audit_context import AuditContext, Event
from dissector.model import Confidence, Severity, Side
from dissector.rules.audit_rule import (
    ConnectionAuditRule,
    encrypted,
    failure,
    proxy_terminates_tls,
    server_name,
)
from dissector.rules.base import Example, Verdict
from dissector.rules.examples import ACCEPTED_311, GOODBYE, REFUSED_311, SERVER_CLOSES, connect
from dissector.rules.thresholds import Thresholds


class AnonymousAccepted(ConnectionAuditRule):
    """The server accepts a client that shows nothing that tells who it is.

    What it checks
    --------------
    A CONNECT without user name, password or Authentication Method, answered with code 0, on a
    connection where the client cannot have shown a certificate, nor a token in the query of a
    WebSocket request. Reported once for each server.

    Why it matters
    --------------
    Anybody who reaches the port can read and send messages, and with them steer devices.

    Fix on the client
    -----------------
    Give each device credentials of its own.

    Fix on the server
    -----------------
    Turn anonymous access off (Mosquitto: `allow_anonymous false`), and give clients rights by
    topic.

    Known false alarms
    ------------------
    A server for the public, or one that gives anonymous clients hardly any right: that is not
    seen here.
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
    bad = (Example("nothing shown, and in", (connect("a"), ACCEPTED_311, *GOODBYE)),)
    good = (
        Example("refused", (connect("a"), REFUSED_311, *SERVER_CLOSES)),
        Example(
            "with a password", (connect("a", "anna", "Zq7-unlikely-Pw"), ACCEPTED_311, *GOODBYE)
        ),
    )

    def check(self, context: AuditContext, limits: Thresholds) -> Verdict:
        """A server lets anybody in."""
        connection, profile = context.connection, context.profile
        assert profile is not None
        if (
            profile.code != 0
            or not profile.complete
            or not profile.anonymous
            or encrypted(connection)
            or proxy_terminates_tls(connection)
        ):
            return None
        encapsulation = connection.encapsulation
        if encapsulation is not None and encapsulation.websocket:
            if encapsulation.request is None or encapsulation.request.query is not None:
                return None  # some services take a signed query instead of a password
        if not context.activity.once(self.id, profile.server_ip, profile.server_port):
            return None
        return failure(
            context, f"the server {server_name(connection)} accepts clients without credentials"
        )
