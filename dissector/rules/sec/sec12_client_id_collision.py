"""SEC12: two devices use the same client id."""

from __future__ import annotations

from dissector.activity.tracker import client_active_since
from dissector.rules.audit_rule import *
from dissector.rules.authoring import *


class ClientIdCollision(ConnectionAuditRule):
    """Two open connections at a server have the same client id and come from different hosts.

    What it checks
    --------------
    A connection is taken over by one with the same client id from another host, while the first
    client was still active: it closed its connection after that. Severity error if their user names
    differ. If the first client was gone already, it only reconnected from another address, which is
    not reported; nor is a change between IPv4 and IPv6 with the same MAC address.

    Why it matters
    --------------
    They disconnect each other, messages are lost, and one may receive messages that are meant for
    the other.

    Fix on the client
    -----------------
    Give each device its own client id: its serial number, or random characters that are stored
    permanently.

    Fix on the server
    -----------------
    Bind client ids to accounts, so that nobody can use the id of another client.

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
            "taken over by another host",
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
                *GRACEFUL_CLOSE,
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
                *GRACEFUL_CLOSE,
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
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "the first client is gone",
            (
                connect("lamp"),
                ACCEPTED_311,
                "HOST 5",
                connect("lamp"),
                ACCEPTED_311,
                "ON 0",
                "S FIN",
                "ON 1",
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "one after the other",
            (
                connect("lamp"),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
                "HOST 5",
                connect("lamp"),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports two devices that use the same client id."""
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
        incomplete_reason = connection.incomplete_reason
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
