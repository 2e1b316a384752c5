"""SEC04: credentials that every list of defaults has."""

from __future__ import annotations

from dissector.connections.audit_context import AuditContext, Event
from dissector.model import Confidence, Severity, Side
from dissector.rules.audit_rule import ConnectionAuditRule, failure, server_name
from dissector.rules.base import Example, Verdict
from dissector.rules.examples import ACCEPTED_311, GOODBYE, REFUSED_311, SERVER_CLOSES, connect
from dissector.rules.passwords import is_default
from dissector.rules.thresholds import Thresholds


class DefaultCredentials(ConnectionAuditRule):
    """User name and password are a pair that products are delivered with.

    What it checks
    --------------
    The pair of user name and password is in a small list of well-known defaults (admin/admin,
    guest/guest, mqtt/mqtt …). An error where the server accepts it, a warning where it refuses:
    somebody tries.

    Why it matters
    --------------
    Such pairs are the first that worms and search engines try; they are in within seconds.

    Fix on the client
    -----------------
    Ask for a password of its own at set-up, or make one up for each device in the factory.

    Fix on the server
    -----------------
    Delete the delivered accounts, or give them new passwords.

    Known false alarms
    ------------------
    None where it is accepted.
    """

    id = "SEC04"
    name = "default-credentials"
    side = Side.CLIENT
    severity = Severity.ERROR
    confidence = Confidence.PROVEN
    references = {
        "CWE": (
            "1392",
            "1393",
            "798",
        ),
        "OWASP": (
            "I1",
            "I9",
        ),
        "ETSI": ("5.1-1",),
        "NISTIR": ("LA",),
        "MQTT": ("5.4.1",),
    }
    asks = Event.PASSWORD
    bad = (
        Example("admin, admin", (connect("a", "admin", "admin"), ACCEPTED_311, *GOODBYE)),
        Example(
            "guest, guest, refused", (connect("a", "guest", "guest"), REFUSED_311, *SERVER_CLOSES)
        ),
    )
    good = (
        Example(
            "a password of its own",
            (connect("a", "admin", "Zq7-unlikely-Pw"), ACCEPTED_311, *GOODBYE),
        ),
    )

    def check(self, context: AuditContext, limits: Thresholds) -> Verdict:
        """Credentials that every list of defaults has."""
        connection, profile = context.connection, context.profile
        assert profile is not None
        connect = connection.connect
        if (
            connect is None
            or profile.code is None
            or not is_default(connect.username, connect.password)
        ):
            return None
        if not context.activity.once(
            self.id,
            profile.client_ip,
            profile.client_id,
            profile.secret,
            profile.server_ip,
            profile.server_port,
            profile.code,
        ):
            return None
        accepted = profile.code == 0
        what = "accepts" if accepted else "is tried with"
        return failure(
            context,
            f"the server {server_name(connection)} {what} credentials that products come with",
            None if accepted else Severity.WARNING,
            username=connect.username,
            accepted=accepted,
        )
