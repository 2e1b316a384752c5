"""SEC08: a server accepts a user name without a password."""

from __future__ import annotations

from dissector.rules.audit_rule import *
from dissector.rules.authoring import *


class UserNameWithoutPassword(ConnectionAuditRule):
    """The server accepts a user name with an empty or missing password.

    What it checks
    --------------
    A CONNECT with a user name and a missing or empty password is accepted. User names that look
    like access tokens (20 characters or more, with letters and digits) are ignored: some clouds
    accept those. An empty user name shows nobody: SEC03 reports it.

    Why it matters
    --------------
    A user name is not secret: anyone who knows it can log in.

    Fix on the client
    -----------------
    Set a password, or use a certificate.

    Fix on the server
    -----------------
    Refuse accounts without a password.

    Known false alarms
    ------------------
    A server behind a TLS proxy that identifies its clients by certificate.
    """

    id = "SEC08"
    name = "user-name-without-password"
    side = Side.CLIENT
    severity = Severity.WARNING
    confidence = Confidence.PROVEN
    references = {
        "CWE": (
            "1391",
            "287",
        ),
        "OWASP": ("I1",),
        "ETSI": ("5.1-1",),
        "NISTIR": ("LA",),
        "MQTT": ("5.4.1",),
    }
    asks = Event.USER_NAME_ONLY
    bad = (
        Example("no password", (connect("a", "anna"), ACCEPTED_311, *GRACEFUL_CLOSE)),
        Example("an empty password", (connect("a", "anna", b""), ACCEPTED_311, *GRACEFUL_CLOSE)),
    )
    good = (
        Example(
            "an access token as user name",
            (connect("a", "A1B2C3D4E5F6G7H8I9J0"), ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
        Example("an empty user name", (connect("a", ""), ACCEPTED_311, *GRACEFUL_CLOSE)),
        Example("refused", (connect("a", "anna"), REFUSED_311, *SERVER_CLOSES)),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports a user name that is accepted without a password."""
        connection, profile = context.connection, context.profile
        assert profile is not None
        name = profile.username
        if profile.code != 0 or not profile.complete or name is None:
            return None
        if profile.secret is not None or profile.method is not None:
            return None
        if encrypted(connection) or proxy_terminates_tls(connection):
            return None  # it may have presented a certificate
        if len(name) >= 20 and any(map(str.isdigit, name)) and any(map(str.isalpha, name)):
            return None
        if not context.activity.once(
            self.id, name, profile.client_id, profile.server_ip, profile.server_port
        ):
            return None
        how = "an empty password" if connection.empty_password else "no password"
        return failure(context, f"the server accepts the user name with {how}", username=name)
