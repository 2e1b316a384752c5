"""SEC08: a user name without a password is enough."""

from __future__ import annotations

from dissector.connections.audit_context import AuditContext, Event
from dissector.model import Confidence, Severity, Side
from dissector.rules.audit_rule import ConnectionAuditRule, encrypted, failure, proxy_terminates_tls
from dissector.rules.base import Example, Verdict
from dissector.rules.examples import ACCEPTED_311, GOODBYE, REFUSED_311, SERVER_CLOSES, connect
from dissector.rules.thresholds import Thresholds


class UserNameWithoutPassword(ConnectionAuditRule):
    """The server accepts a user name with an empty password or none.

    What it checks
    --------------
    A CONNECT with a user name and no or an empty password is accepted. User names that look like
    access tokens (20 characters and more, letters and digits mixed) are left out: some clouds
    take those.

    Why it matters
    --------------
    A user name is no secret: whoever knows it is in.

    Fix on the client
    -----------------
    Set a password, or use a certificate.

    Fix on the server
    -----------------
    Refuse accounts without a password.

    Known false alarms
    ------------------
    A server that knows its clients by certificate behind a TLS proxy.
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
    asks = Event.CREDENTIALS
    bad = (
        Example("no password", (connect("a", "anna"), ACCEPTED_311, *GOODBYE)),
        Example("an empty one", (connect("a", "anna", b""), ACCEPTED_311, *GOODBYE)),
    )
    good = (
        Example(
            "an access token as user name",
            (connect("a", "A1B2C3D4E5F6G7H8I9J0"), ACCEPTED_311, *GOODBYE),
        ),
        Example("refused", (connect("a", "anna"), REFUSED_311, *SERVER_CLOSES)),
    )

    def check(self, context: AuditContext, limits: Thresholds) -> Verdict:
        """A user name without a password is enough."""
        connection, profile = context.connection, context.profile
        assert profile is not None
        connect = connection.connect
        if connect is None or profile.code != 0 or not connect.complete or connect.username is None:
            return None
        if connect.password or profile.method is not None:
            return None
        if encrypted(connection) or proxy_terminates_tls(connection):
            return None  # it may have shown a certificate
        name = connect.username
        if len(name) >= 20 and any(map(str.isdigit, name)) and any(map(str.isalpha, name)):
            return None
        if not context.activity.once(
            self.id, name, profile.client_id, profile.server_ip, profile.server_port
        ):
            return None
        how = "no password" if connect.password is None else "an empty password"
        return failure(context, f"the server accepts the user name with {how}", username=name)
