"""SEC05: a server accepts a weak password."""

from __future__ import annotations

from dissector.rules.audit_rule import *
from dissector.rules.authoring import *


class WeakPassword(ConnectionAuditRule):
    """A password that the server accepts is short, common, or made of digits only.

    What it checks
    --------------
    The password of an accepted CONNECT has fewer than 8 bytes, consists of digits, equals the user
    name, or is in a small list of common passwords. Default pairs are reported by SEC04, passwords
    derived from an identifier by SEC06. The password is checked while the CONNECT is decoded, and
    is not stored.

    Why it matters
    --------------
    It can be guessed within minutes if the server does not slow down guessing.

    Fix on the client
    -----------------
    Generate random passwords of 16 characters or more: nobody has to type them.

    Fix on the server
    -----------------
    Require a minimum length, and check new passwords against a list of common ones.

    Known false alarms
    ------------------
    A server that checks something else, with a dummy password in the CONNECT.
    """

    id = "SEC05"
    name = "weak-password"
    side = Side.CLIENT
    severity = Severity.WARNING
    confidence = Confidence.PROVEN
    references = {
        "CWE": (
            "521",
            "1391",
        ),
        "OWASP": ("I1",),
        "ETSI": (
            "5.1-1",
            "5.1-2",
        ),
        "NISTIR": ("LA",),
        "MQTT": ("5.4.1",),
    }
    asks = Event.PASSWORD
    bad = (
        Example("short", (connect("a", "anna", "Zq7-x"), ACCEPTED_311, *GRACEFUL_CLOSE)),
        Example("digits", (connect("a", "anna", "2718281828"), ACCEPTED_311, *GRACEFUL_CLOSE)),
        Example("common", (connect("a", "anna", "sunshine1"), ACCEPTED_311, *GRACEFUL_CLOSE)),
    )
    good = (
        Example(
            "long and mixed",
            (connect("a", "anna", "Zq7-unlikely-Pw"), ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
        Example("weak, but refused", (connect("a", "anna", "Zq7-x"), REFUSED_311, *SERVER_CLOSES)),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports an accepted password that is easy to guess."""
        connection, profile = context.connection, context.profile
        assert profile is not None
        password = connection.password
        if profile.code != 0 or password is None or password.weakness is None:
            return None
        if password.default or password.derivation is not None:
            return None
        if not context.activity.once(
            self.id, profile.secret, profile.client_id, profile.server_ip, profile.server_port
        ):
            return None
        return failure(
            context,
            f"the server accepts a password that {password.weakness}",
            weakness=password.weakness,
            length=password.length,
            classes=password.classes,
        )
