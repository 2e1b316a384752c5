"""SEC18: many devices connect at the same time."""

from __future__ import annotations

from dissector.activity.entities import EARLIER_BUCKETS
from dissector.rules.audit_rule import *
from dissector.rules.authoring import *


class FleetStorm(ConnectionAuditRule):
    """Very many clients connect to a server within ten seconds, far more than usual.

    What it checks
    --------------
    At least 50 different clients connect to one server within 10 seconds, and at least 5 times as
    many as in the median 10 seconds before, of which at least six must have been seen.

    Why it matters
    --------------
    The server may fail under the load, and then all clients reconnect at the same time again.

    Fix on the client
    -----------------
    Wait a random time before reconnecting.

    Fix on the server
    -----------------
    Limit the rate of new connections; find out what disconnected all clients.

    Known false alarms
    ------------------
    The server was restarted, or the network came back: then the fault is that the clients do not
    wait a random time.
    """

    id = "SEC18"
    name = "fleet-storm"
    side = Side.CLIENT
    severity = Severity.WARNING
    confidence = Confidence.LIKELY
    references = {
        "CWE": (
            "799",
            "400",
        ),
        "OWASP": ("I8",),
        "ETSI": ("5.9-3",),
        "NISTIR": ("SA",),
        "MQTT": ("5.4.8",),
    }
    asks = Event.FLEET
    bad = (
        Example(
            "fifty at once",
            (
                connect("first"),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
                "+61",
                *(
                    step
                    for n in range(55)
                    for step in (
                        "NEW",
                        connect(f"meter-{n * n}", "m", f"Zq7-unlikely-{n}"),
                        ACCEPTED_311,
                    )
                ),
            ),
        ),
    )
    good = (
        Example(
            "forty at once",
            (
                connect("first"),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
                "+61",
                *(
                    step
                    for n in range(40)
                    for step in (
                        "NEW",
                        connect(f"meter-{n * n}", "m", f"Zq7-unlikely-{n}"),
                        ACCEPTED_311,
                    )
                ),
            ),
        ),
        Example(
            "no earlier interval",
            tuple(
                step for n in range(55) for step in (connect(f"meter-{n * n}"), REFUSED_311, "NEW")
            )[:-1],
        ),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports many clients that connect at the same time."""
        limits = context.limits
        connection, profile = context.connection, context.profile
        assert profile is not None
        server = context.server
        if (
            server is None
            or len(server.newcomers) < limits.storm_clients
            or len(server.rates) < EARLIER_BUCKETS
        ):
            return None
        usual = sorted(server.rates)[len(server.rates) // 2]
        if len(server.newcomers) < limits.storm_factor * usual:
            return None
        if not context.activity.once(
            self.id, profile.server_ip, profile.server_port, server.bucket
        ):
            return None
        return failure(
            context,
            f"{len(server.newcomers)} clients connect to {server_name(connection)} within ten "
            f"seconds; {usual} are usual",
            clients=len(server.newcomers),
            usual=usual,
        )
