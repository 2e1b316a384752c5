"""SEC06: a password is derived from an identifier."""

from __future__ import annotations

from dissector.rules.audit_rule import *
from dissector.rules.authoring import *


class DerivedPassword(ConnectionAuditRule):
    """The password is, contains, or is a hash of something that is visible on the network.

    What it checks
    --------------
    The password that a server accepts equals or contains the client id, the user name, a serial
    number in them (digits and capitals without separators) or the MAC address; or it is one of them
    in base64 or hex, or its MD5, SHA-1 or SHA-256 as hex or base64. Anything shorter than 6
    characters is ignored.

    Why it matters
    --------------
    Anyone who knows how the password of one device is derived can log in as every device of that
    model.

    Fix on the client
    -----------------
    Generate a random password for each device in the factory or at set-up, and store it in the
    device.

    Fix on the server
    -----------------
    Issue new random passwords; do not derive them from anything that is sent.

    Known false alarms
    ------------------
    A password that is a long random token and also the user name: then it is not secret either.
    """

    id = "SEC06"
    name = "derived-password"
    side = Side.CLIENT
    severity = Severity.ERROR
    confidence = Confidence.PROVEN
    references = {
        "CWE": (
            "1391",
            "341",
            "340",
        ),
        "OWASP": ("I1",),
        "ETSI": (
            "5.1-2",
            "5.4-4",
        ),
        "NISTIR": (
            "LA",
            "DI",
        ),
        "MQTT": ("5.4.1",),
    }
    asks = Event.PASSWORD
    bad = (
        Example(
            "the client id itself",
            (connect("lamp-kitchen", "anna", "lamp-kitchen"), ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
        Example(
            "the MD5 of the client id",
            (
                connect("lamp-kitchen", "anna", "9e4d9ec70bcc40a0142a44ed9a052612"),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "the client id in base64",
            (connect("lamp-kitchen", "anna", "bGFtcC1raXRjaGVu"), ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
        Example(
            "the serial number in the client id",
            (connect("lamp-8Q27X1", "anna", "pw8q27x1!"), ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
        Example(
            "the MAC address",
            (connect("lamp-kitchen", "anna", "pw-020000000001"), ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
    )
    good = (
        Example(
            "refused: a guess",
            (connect("lamp-kitchen", "anna", "lamp-kitchen"), REFUSED_311, *SERVER_CLOSES),
        ),
        Example(
            "digits that are only similar",
            (connect("lamp-20250117", "anna", "Zq7-20250118-Pw"), ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
        Example(
            "an independent password",
            (connect("lamp-kitchen", "anna", "Zq7-unlikely-Pw"), ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports an accepted password that is derived from an identifier."""
        connection, profile = context.connection, context.profile
        assert profile is not None
        password = connection.password
        if password is None or profile.code != 0:  # a refused password belongs to no account
            return None
        source = password.derivation
        if source is None or password.default:
            return None
        if not context.activity.once(
            self.id, profile.secret, profile.client_id, profile.server_ip, profile.server_port
        ):
            return None
        return failure(
            context,
            f"the password {source}, which is visible on the network",
            derivedFrom=source,
            length=password.length,
        )
