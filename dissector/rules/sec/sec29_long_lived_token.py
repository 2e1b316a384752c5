"""SEC29: a login token is valid for a very long time."""

from __future__ import annotations

from dissector.rules.audit_rule import *
from dissector.rules.authoring import *
from dissector.rules.base import step_texts
from dissector.rules.tls.certificates import wrong_clock


@lazy_step
def _login(**claims: int) -> str:
    """Returns the step that sends a CONNECT with a token; its signature is not checked."""
    import base64
    import json

    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": "lamp"} | claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts]
    return step_texts((connect("lamp", "jwt", b".".join((*encoded, b"c2lnbmF0dXJl"))),))[0]


class LongLivedToken(ConnectionAuditRule):
    """The password is a JSON Web Token that never expires, or is valid for more than a day.

    What it checks
    --------------
    The password of a CONNECT is a JWT without `exp`, or with more than 24 hours between `iat` and
    `exp`; severity error if the server accepts one that has expired (by the capture's clock, with a
    tolerance of one minute). Only these two times are read; the token is not stored.

    Why it matters
    --------------
    Anyone who obtains the token can act as the device until it expires.

    Fix on the client
    -----------------
    Fetch tokens that are valid for an hour, and renew them.

    Fix on the server
    -----------------
    Refuse tokens without `exp`, and those that have expired.

    Known false alarms
    ------------------
    The capture's clock is wrong.
    """

    id = "SEC29"
    name = "long-lived-token"
    side = Side.CLIENT
    severity = Severity.WARNING
    confidence = Confidence.PROVEN
    references = {
        "CWE": (
            "613",
            "324",
        ),
        "OWASP": (
            "I1",
            "I3",
        ),
        "ETSI": ("5.5-8",),
        "NISTIR": ("LA",),
        "MQTT": ("5.4.9",),
    }
    asks = Event.PASSWORD
    bad = (
        Example(
            "never expires",
            (_login(iat=1_700_000_000), ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
        Example(
            "valid for a year",
            (
                _login(iat=1_700_000_000, exp=1_731_000_000),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "expired, and accepted",
            (
                _login(iat=1_690_000_000, exp=1_690_003_600),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
    )
    good = (
        Example(
            "valid for an hour",
            (
                _login(iat=1_700_000_000, exp=1_700_003_600),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "no token", (connect("lamp", "jwt", "Zq7.unlikely.Pw"), ACCEPTED_311, *GRACEFUL_CLOSE)
        ),
        Example(
            "expired, and refused",
            (
                _login(iat=1_690_000_000, exp=1_690_003_600),
                REFUSED_311,
                *SERVER_CLOSES,
            ),
        ),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports a login token that is valid for too long."""
        limits = context.limits
        connection, profile = context.connection, context.profile
        assert profile is not None
        if connection.password is None or connection.password.token is None:
            return None
        issued, expires = connection.password.token
        severity = None
        if expires is None:
            what = "never expires"
        elif profile.code == 0 and context.now / SECOND_NS > expires + 60:
            if wrong_clock(context.now):
                return Unevaluated("the clock of the capture is wrong")
            what, severity = "has expired, and the server accepts it", Severity.ERROR
        elif issued is not None and expires - issued > limits.token_hours * 3600:
            what = f"is valid for {(expires - issued) / 3600:.0f} hours"
        else:
            return None
        if not context.activity.once(
            self.id,
            profile.client_ip,
            profile.client_id,
            what,
            profile.server_ip,
            profile.server_port,
        ):
            return None
        return failure(
            context,
            f"the password is a JSON Web Token that {what}",
            severity,
            issued=issued,
            expires=expires,
        )
