"""SEC04: well-known default credentials are used."""

from __future__ import annotations

from dissector.rules.audit_rule import *
from dissector.rules.authoring import *


class DefaultCredentials(ConnectionAuditRule):
    """User name and password are a well-known pair of default credentials.

    What it checks
    --------------
    The pair of user name and password is in a small list of well-known defaults (admin/admin,
    guest/guest, mqtt/mqtt …). Severity error if the server accepts it, warning if it refuses it:
    somebody tries default credentials.

    Why it matters
    --------------
    Worms and search engines try such pairs first; they get access within seconds.

    Fix on the client
    -----------------
    Require a new password at set-up, or generate one for each device in the factory.

    Fix on the server
    -----------------
    Delete the default accounts, or change their passwords.

    Known false alarms
    ------------------
    None if the server accepts the pair.
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
        Example("admin, admin", (connect("a", "admin", "admin"), ACCEPTED_311, *GRACEFUL_CLOSE)),
        Example(
            "guest, guest, refused", (connect("a", "guest", "guest"), REFUSED_311, *SERVER_CLOSES)
        ),
    )
    good = (
        Example(
            "another password",
            (connect("a", "admin", "Zq7-unlikely-Pw"), ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports a well-known pair of default credentials."""
        connection, profile = context.connection, context.profile
        assert profile is not None
        password = connection.password
        if profile.code is None or password is None or not password.default:
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
        what = "accepts" if accepted else "refuses a login with"
        return failure(
            context,
            f"the server {server_name(connection)} {what} well-known default credentials",
            None if accepted else Severity.WARNING,
            username=profile.username,
            accepted=accepted,
        )
