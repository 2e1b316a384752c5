"""SEC13: connections with the same client id take each other over repeatedly."""

from __future__ import annotations

from dissector.rules.audit_rule import *
from dissector.rules.authoring import *


class TakeoverFlapping(ConnectionAuditRule):
    """Connections with the same client id take each other over repeatedly.

    What it checks
    --------------
    At least 3 takeovers of one client id within 60 seconds, or 10 within an hour, each while the
    first client was still active.

    Why it matters
    --------------
    Each takeover causes a reconnect; both devices lose messages, and the server is kept busy.

    Fix on the client
    -----------------
    Give each device its own client id; increase the delay before reconnecting after each close.

    Fix on the server
    -----------------
    Find out which two devices they are (their addresses are in the evidence) and bind the client id
    to one of them.

    Known false alarms
    ------------------
    A client library that opens its next connection before it closes the last one.
    """

    id = "SEC13"
    name = "takeover-flapping"
    side = Side.CLIENT
    severity = Severity.WARNING
    confidence = Confidence.LIKELY
    references = {
        "CWE": (
            "694",
            "799",
            "400",
        ),
        "OWASP": (
            "I3",
            "I8",
        ),
        "ETSI": ("5.9-3",),
        "NISTIR": (
            "DI",
            "SA",
        ),
        "MQTT": ("5.4.8",),
    }
    asks = Event.TAKEN_OVER
    bad = (
        Example(
            "three takeovers",
            (
                connect("lamp"),
                ACCEPTED_311,
                "NEW",
                connect("lamp"),
                ACCEPTED_311,
                "ON 0",
                "S FIN",
                "C FIN",
                "+6",
                "NEW",
                connect("lamp"),
                ACCEPTED_311,
                "ON 1",
                "S FIN",
                "C FIN",
                "+6",
                "NEW",
                connect("lamp"),
                ACCEPTED_311,
                "ON 2",
                "S FIN",
                "C FIN",
                "+6",
            ),
        ),
    )
    good = (
        Example(
            "two takeovers",
            (
                connect("lamp"),
                ACCEPTED_311,
                "NEW",
                connect("lamp"),
                ACCEPTED_311,
                "ON 0",
                "S FIN",
                "C FIN",
                "+6",
                "NEW",
                connect("lamp"),
                ACCEPTED_311,
                "ON 1",
                "S FIN",
                "C FIN",
                "+6",
            ),
        ),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports repeated takeovers of one client id."""
        limits = context.limits
        profile = context.profile
        assert profile is not None
        client = context.client
        if client is None or len(client.takeovers) < limits.takeovers_per_minute:
            return None
        latest = client.takeovers[-1][0]
        minute = sum(time_ns > latest - 60 * SECOND_NS for time_ns, _ in client.takeovers)
        hour = sum(time_ns > latest - 3600 * SECOND_NS for time_ns, _ in client.takeovers)
        if minute < limits.takeovers_per_minute and hour < limits.takeovers_per_hour:
            return None
        if not context.activity.once(
            self.id, profile.client_id, profile.server_ip, profile.server_port
        ):
            return None
        hosts = sorted({ip for _, ip in client.takeovers} | {profile.client_ip})
        return failure(
            context,
            f"connections with the client id took each other over {hour} times",
            hosts=hosts,
            takeovers=hour,
        )
