"""TLS12: the port does not match its content."""

from __future__ import annotations

from dissector.connections.audit_context import AuditContext, Event
from dissector.connections.tls_activity import TlsAuditContext
from dissector.model import Confidence, Severity, Side
from dissector.rules.audit_rule import (
    ConnectionAuditRule,
    TlsRule,
    encrypted,
    failure,
    proxy_terminates_tls,
    tls_failure,
)
from dissector.rules.base import Example, Verdict
from dissector.rules.examples import ACCEPTED_311, GRACEFUL_CLOSE, connect
from dissector.rules.thresholds import Thresholds
from dissector.rules.tls_examples import PORT, session

CLEAR_PORT = 1883


class PortAndContentDisagree(ConnectionAuditRule, TlsRule):
    """MQTT in clear on a port for TLS, or TLS on the port for MQTT in clear.

    What it checks
    --------------
    A CONNECT in clear on port 8883, or TLS on port 1883, which has severity info. Reported once for
    each server.

    Why it matters
    --------------
    Anyone who assumes that traffic on port 8883 is encrypted is wrong; firewalls and people rely on
    ports.

    Fix on the client
    -----------------
    Check the TLS settings.

    Fix on the server
    -----------------
    Use port 8883 for TLS only, and restrict port 1883 to the loopback interface.

    Known false alarms
    ------------------
    A proxy that terminates TLS and forwards to the same port.
    """

    id = "TLS12"
    name = "port-and-content-disagree"
    side = Side.SERVER
    severity = Severity.WARNING
    confidence = Confidence.PROVEN
    references = {"CWE": ("319",), "OWASP": ("I9",), "ETSI": ("5.5-1",)}
    asks = Event.PROFILE
    bad = (
        Example("in clear on 8883", (connect("a"), ACCEPTED_311, *GRACEFUL_CLOSE), (), PORT),
        Example("TLS on 1883", session(), (), 1883),
    )
    good = (
        Example("TLS on 8883", session(), (), PORT),
        Example("in clear on 1883", (connect("a"), ACCEPTED_311, *GRACEFUL_CLOSE)),
    )

    def check(self, context: AuditContext, limits: Thresholds) -> Verdict:
        """Reports MQTT in clear on a port for TLS."""
        connection = context.connection
        if connection.server.port != PORT or connection.connect is None:
            return None
        if encrypted(connection) or proxy_terminates_tls(connection):
            return None
        if not context.activity.once(self.id, connection.server.ip):
            return None
        return failure(
            context, f"MQTT in clear on port {PORT}, which is for TLS, at {connection.server.ip}"
        )

    def check_tls(self, context: TlsAuditContext, limits: Thresholds) -> Verdict:
        """Reports TLS on the port for MQTT in clear."""
        record = context.record
        if record.server.port != CLEAR_PORT or record.server_hello is None:
            return None
        if not context.activity.once(self.id, record.server.ip, "tls"):
            return None
        return tls_failure(
            context,
            f"TLS on port {CLEAR_PORT}, which is for MQTT in clear, at {record.server.ip}",
            record.server_hello_frame,
            Severity.INFO,
        )
