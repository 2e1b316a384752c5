"""SEC16: the keep alive is very short or very long."""

from __future__ import annotations

from dissector.mqtt.properties import property_value
from dissector.rules.audit_rule import *
from dissector.rules.authoring import *


class OddKeepAlive(ConnectionAuditRule):
    """The keep alive is very short or very long.

    What it checks
    --------------
    An accepted CONNECT with keepAlive below 5 or above 1200 seconds, except zero (SEC15). If the
    server sends a Server Keep Alive (5.0), that value counts.

    Why it matters
    --------------
    A short one drains batteries and fails on every delay; with a long one a dead device appears to
    be alive for a long time.

    Fix on the client
    -----------------
    Set 30 to 300 seconds; on battery or mobile networks up to 20 minutes.

    Fix on the server
    -----------------
    In 5.0, send a Server Keep Alive.

    Known false alarms
    ------------------
    Devices that sleep for a long time by design.
    """

    id = "SEC16"
    name = "odd-keep-alive"
    side = Side.CLIENT
    severity = Severity.INFO
    confidence = Confidence.PROVEN
    references = {"CWE": ("400",), "OWASP": ("I9",), "ETSI": ("5.9-1",), "NISTIR": ("DC",)}
    asks = Event.KEEP_ALIVE
    bad = (
        Example("two seconds", (connect("a", keep_alive=2), ACCEPTED_311, *GRACEFUL_CLOSE)),
        Example("an hour", (connect("a", keep_alive=3600), ACCEPTED_311, *GRACEFUL_CLOSE)),
    )
    good = (
        Example("five seconds", (connect("a", keep_alive=5), ACCEPTED_311, *GRACEFUL_CLOSE)),
        Example("twenty minutes", (connect("a", keep_alive=1200), ACCEPTED_311, *GRACEFUL_CLOSE)),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports a keep alive that is very short or very long."""
        limits = context.limits
        profile = context.profile
        assert profile is not None
        if profile.code != 0 or not profile.complete:
            return None
        announced = property_value(profile.connack_properties, "serverKeepAlive")
        seconds = profile.keep_alive if announced is None else announced
        if seconds == 0 or limits.keep_alive_least <= seconds <= limits.keep_alive_most:
            return None
        if not context.activity.once(self.id, profile.client_ip, profile.client_id, seconds):
            return None
        what = "short" if seconds < limits.keep_alive_least else "long"
        return failure(
            context, f"keepAlive is {seconds} s, which is very {what}", keepAlive=seconds
        )
