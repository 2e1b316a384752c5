"""SEC36: a client uses neither a log-in nor encryption."""

from __future__ import annotations

from dissector.rules.audit_rule import *
from dissector.rules.authoring import *


class NoLogInInClear(ConnectionAuditRule):
    """The client uses neither a log-in nor encryption.

    What it checks
    --------------
    A CONNECT without user name, password and Authentication Method, or with empty ones, on a
    connection that is not encrypted, whatever the server answers. Not reported where the client may
    have shown who it is elsewhere: to a proxy that terminates TLS, or by a token in the query or a
    header of a WebSocket request. Severity info on the loopback interface and in networks that the
    configuration lists as tunnels. Reported once for each host and client id at a server.

    Why it matters
    --------------
    Nothing protects this device: anyone on the path can read and change what it sends and gets, and
    anyone who reaches the server can pretend to be it. The server's side of this are SEC02 and
    SEC03.

    Fix on the client
    -----------------
    Connect over TLS (port 8883), verify the server's certificate, and log in with credentials of
    its own, or with a client certificate.

    Fix on the server
    -----------------
    Offer TLS and give each device its own credentials; then disable anonymous access, and close the
    port without TLS.

    Known false alarms
    ------------------
    A VPN or an encrypted link layer underneath: list its network in `tunnels`. A client that only
    reads public data.
    """

    id = "SEC36"
    name = "no-log-in-in-clear"
    side = Side.CLIENT
    severity = Severity.WARNING
    confidence = Confidence.PROVEN
    references = {
        "CWE": ("306", "319"),
        "OWASP": ("I7", "I9"),
        "ETSI": ("5.5-1", "5.5-5"),
        "NISTIR": ("DP", "LA"),
        "MQTT": ("5.4.1", "5.4.5"),
    }
    asks = Event.ANONYMOUS
    bad = (
        Example("no credentials", (connect("a"), ACCEPTED_311, *GRACEFUL_CLOSE)),
        Example("empty credentials", (connect("a", "", b""), ACCEPTED_311, *GRACEFUL_CLOSE)),
        Example("refused, but tried", (connect("a"), REFUSED_311, *SERVER_CLOSES)),
    )
    good = (
        Example(
            "with a password",
            (connect("a", "anna", "Zq7-unlikely-Pw"), ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports a client without log-in and encryption."""
        limits = context.limits
        connection, profile = context.connection, context.profile
        assert profile is not None
        if not profile.anonymous or encrypted(connection):
            return None
        if not context.activity.once(
            self.id, profile.client_ip, profile.client_id, profile.server_ip, profile.server_port
        ):
            return None
        way = exposure(connection, limits)
        harmless = way in ("loopback", "tunnel")
        return failure(
            context,
            f"the client connects to {server_name(connection)} without a log-in and without "
            "encryption" + (EXPOSURE_TEXT[way] if harmless else ""),
            Severity.INFO if harmless else None,
            network=way,
        )
