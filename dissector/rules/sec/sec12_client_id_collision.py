"""SEC12: two devices use one client id."""

from __future__ import annotations

from dissector.connections.activity_tracker import client_active_since
from dissector.connections.audit_context import AuditContext, Event
from dissector.model import Confidence, Severity, Side
from dissector.rules.audit_rule import ConnectionAuditRule, failure
from dissector.rules.base import Example, Unevaluated, Verdict
from dissector.rules.examples import ACCEPTED_311, GOODBYE, connect
from dissector.rules.thresholds import Thresholds


class ClientIdCollision(ConnectionAuditRule):
    """Two live connections at a server have the same client id and come from different hosts.

    What it checks
    --------------
    A connection is taken over by one of the same client id from another host, and the first
    client was still there: it closed its connection after that. An error if their user names
    differ. A client that was gone already has only found a new way in, and is not reported; nor
    is one that changes between IPv4 and IPv6 under the same MAC address.

    Why it matters
    --------------
    They throw each other out, messages are lost, and one may read what is meant for the other.

    Fix on the client
    -----------------
    Give each device an id of its own: its serial number, or random characters kept for good.

    Fix on the server
    -----------------
    Tie client ids to accounts, so that nobody can take another's.

    Known false alarms
    ------------------
    A device with two network interfaces that changes from one to the other.
    """

    id = "SEC12"
    name = "client-id-collision"
    side = Side.CLIENT
    severity = Severity.WARNING
    confidence = Confidence.LIKELY
    references = {
        "CWE": (
            "694",
            "290",
            "639",
        ),
        "OWASP": ("I3",),
        "ETSI": (
            "5.4-2",
            "5.5-5",
        ),
        "NISTIR": (
            "DI",
            "LA",
        ),
        "MQTT": ("5.4.2",),
    }
    asks = Event.TAKEN_OVER
    bad = (
        Example(
            "thrown out by another host",
            (
                connect("lamp"),
                ACCEPTED_311,
                "HOST 5",
                connect("lamp"),
                ACCEPTED_311,
                "ON 0",
                "S FIN",
                "C FIN",
                "ON 1",
                *GOODBYE,
            ),
        ),
        Example(
            "with another user name",
            (
                connect("lamp", "anna", "Zq7-unlikely-Pw"),
                ACCEPTED_311,
                "HOST 5",
                connect("lamp", "otto", "Zq7-unlikely-Px"),
                ACCEPTED_311,
                "ON 0",
                "S FIN",
                "C FIN",
                "ON 1",
                *GOODBYE,
            ),
        ),
    )
    good = (
        Example(
            "the same host",
            (
                connect("lamp"),
                ACCEPTED_311,
                "NEW",
                connect("lamp"),
                ACCEPTED_311,
                "ON 0",
                "S FIN",
                "C FIN",
                "ON 1",
                *GOODBYE,
            ),
        ),
        Example(
            "the first one is gone",
            (
                connect("lamp"),
                ACCEPTED_311,
                "HOST 5",
                connect("lamp"),
                ACCEPTED_311,
                "ON 0",
                "S FIN",
                "ON 1",
                *GOODBYE,
            ),
        ),
        Example(
            "one after the other",
            (
                connect("lamp"),
                ACCEPTED_311,
                *GOODBYE,
                "HOST 5",
                connect("lamp"),
                ACCEPTED_311,
                *GOODBYE,
            ),
        ),
    )

    def check(self, context: AuditContext, limits: Thresholds) -> Verdict:
        """Two devices use one client id."""
        connection, profile = context.connection, context.profile
        assert profile is not None
        others = [
            item
            for item in context.takeovers_by
            if item.ip != profile.client_ip
            and not (
                item.mac is not None
                and item.mac == profile.client_mac
                and (":" in item.ip) != (":" in profile.client_ip)
            )
        ]
        if not others:
            return None
        incomplete_reason = connection.quality.incomplete_reason()
        if incomplete_reason is not None:
            return Unevaluated(incomplete_reason)
        other = others[0]
        if not client_active_since(connection, other.frame.time_ns):
            return None
        differ = other.username != profile.username
        hosts = sorted((profile.client_ip, other.ip))
        if not context.activity.once(
            self.id, profile.client_id, *hosts, profile.server_ip, profile.server_port, differ
        ):
            return None
        found = failure(
            context,
            f"{hosts[0]} and {hosts[1]} use the client id at the same time"
            + (", with different user names" if differ else ""),
            Severity.ERROR if differ else None,
            hosts=hosts,
            differentUsernames=differ,
        )
        found.frames = (found.at, other.frame)
        return found
