"""SEC33: a new device appears."""

from __future__ import annotations

from dissector.rules.audit_rule import *
from dissector.rules.authoring import *


class NewDevice(ConnectionAuditRule):
    """A client id connects for the first time after the learning period.

    What it checks
    --------------
    The first accepted connection of a client id at a server, more than 7 days after the first
    connection that was seen at all. In shorter captures nothing is reported as new.

    Why it matters
    --------------
    A new device may be an intruder, and the inventory has to include it.

    Fix on the client
    -----------------
    Nothing, if the device is yours.

    Fix on the server
    -----------------
    Accept only known clients.

    Known false alarms
    ------------------
    Client ids that are generated for each connection.
    """

    id = "SEC33"
    name = "new-device"
    side = Side.CLIENT
    severity = Severity.INFO
    confidence = Confidence.PROVEN
    references = {
        "OWASP": ("I8",),
        "ETSI": ("5.10-1",),
        "NISTIR": (
            "DI",
            "SA",
        ),
        "MQTT": ("5.4.7",),
    }
    asks = Event.LATE
    bad = (
        Example(
            "after eight days",
            (
                connect("lamp"),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
                "+691200",
                "NEW",
                connect("plug"),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
    )
    good = (
        Example(
            "after an hour",
            (
                connect("lamp"),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
                "+3600",
                "NEW",
                connect("plug"),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports a client id that appears after the learning period."""
        limits = context.limits
        profile = context.profile
        assert profile is not None
        start = context.activity.start_ns
        if start is None or profile.code != 0 or not profile.client_id:
            return None
        days = (context.now - start) / (86_400 * SECOND_NS)
        if days <= limits.learning_days:
            return None
        if not context.activity.once(
            self.id, profile.client_id, profile.server_ip, profile.server_port
        ):
            return None
        return failure(
            context, f"the client id was first seen after {days:.0f} days", days=round(days, 1)
        )
