"""SEC05: a password that is quickly guessed."""

from __future__ import annotations

from dissector.connections.audit_context import AuditContext, Event
from dissector.model import Confidence, Severity, Side
from dissector.rules.audit_rule import ConnectionAuditRule, failure
from dissector.rules.base import Example, Verdict
from dissector.rules.examples import ACCEPTED_311, GOODBYE, REFUSED_311, SERVER_CLOSES, connect
from dissector.rules.passwords import derivation, is_default, weakness
from dissector.rules.thresholds import Thresholds
from dissector.text import character_classes


class WeakPassword(ConnectionAuditRule):
    """A password that the server accepts is short, common, or made of digits only.

    What it checks
    --------------
    The password of an accepted CONNECT has fewer than 8 bytes, consists of digits, equals the
    user name, or is in a small list of common ones. Default pairs are SEC04's, passwords made
    from an identifier SEC06's. The password is looked at while the CONNECT is decoded, and is not
    kept.

    Why it matters
    --------------
    It falls to guessing within minutes where the server does not slow guessing down.

    Fix on the client
    -----------------
    Make up long random passwords, 16 characters and more: no person has to type them.

    Fix on the server
    -----------------
    Set a least length, and check new passwords against a list of common ones.

    Known false alarms
    ------------------
    A server that checks something else behind a dummy password.
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
        Example("short", (connect("a", "anna", "Zq7-x"), ACCEPTED_311, *GOODBYE)),
        Example("digits", (connect("a", "anna", "2718281828"), ACCEPTED_311, *GOODBYE)),
        Example("common", (connect("a", "anna", "sunshine1"), ACCEPTED_311, *GOODBYE)),
    )
    good = (
        Example(
            "long and mixed", (connect("a", "anna", "Zq7-unlikely-Pw"), ACCEPTED_311, *GOODBYE)
        ),
        Example("weak, but refused", (connect("a", "anna", "Zq7-x"), REFUSED_311, *SERVER_CLOSES)),
    )

    def check(self, context: AuditContext, limits: Thresholds) -> Verdict:
        """A password that is quickly guessed."""
        connection, profile = context.connection, context.profile
        assert profile is not None
        connect = connection.connect
        if connect is None or profile.code != 0 or not connect.password:
            return None
        password = connect.password
        reason = weakness(password, connect.username, limits.short_password)
        if reason is None or is_default(connect.username, password):
            return None
        if derivation(connect, profile.client_mac, limits.derived_length):
            return None
        if not context.activity.once(
            self.id, profile.secret, profile.client_id, profile.server_ip, profile.server_port
        ):
            return None
        return failure(
            context,
            f"the server accepts a password that {reason}",
            weakness=reason,
            length=len(password),
            classes=character_classes(password),
        )
