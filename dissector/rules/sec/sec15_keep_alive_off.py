"""SEC15: keep alive is disabled."""

from __future__ import annotations

from dissector.mqtt.packets import property_value
from dissector.rules.audit_rule import *
from dissector.rules.authoring import *


class KeepAliveOff(ConnectionAuditRule):
    """The client disables keep alive, and the server does not enable it.

    What it checks
    --------------
    An accepted CONNECT with keepAlive 0, and no Server Keep Alive in the CONNACK (5.0). Severity
    warning if no data was sent on the connection in the last 30 minutes before it was closed, or
    before the capture ended: it may have been dead for a long time.

    Why it matters
    --------------
    Neither side notices when the other is gone: the session stays open for hours, and the will is
    not published.

    Fix on the client
    -----------------
    Set a keep alive of 30 to 300 seconds.

    Fix on the server
    -----------------
    In 5.0, send a Server Keep Alive; enable TCP keep-alive.

    Known false alarms
    ------------------
    A short-lived command line tool.
    """

    id = "SEC15"
    name = "keep-alive-off"
    side = Side.CLIENT
    severity = Severity.INFO
    confidence = Confidence.PROVEN
    references = {
        "CWE": (
            "772",
            "400",
        ),
        "OWASP": ("I9",),
        "ETSI": ("5.9-1",),
        "NISTIR": ("DC",),
    }
    asks = Event.NO_KEEP_ALIVE
    bad = (
        Example("zero", (connect("a", keep_alive=0), ACCEPTED_311, *GRACEFUL_CLOSE)),
        Example("idle for an hour", (connect("a", keep_alive=0), ACCEPTED_311, "+3600", "S FIN")),
    )
    good = (
        Example("a minute", (connect("a"), ACCEPTED_311, *GRACEFUL_CLOSE)),
        Example(
            "the server enables it",
            (
                connect("a", version="5.0", keep_alive=0),
                connack_5((0x13, "serverKeepAlive", 60)),
                *GRACEFUL_CLOSE,
            ),
        ),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports a connection without keep alive."""
        limits = context.limits
        profile = context.profile
        assert profile is not None
        if profile.code != 0 or not profile.complete or profile.keep_alive:
            return None
        if context.event & Event.ENDED and not context.event & Event.PROFILE:
            return self._idle(context, limits)
        if property_value(profile.connack_properties, "serverKeepAlive"):
            return None
        if not context.activity.once(
            self.id, profile.client_ip, profile.client_id, profile.server_ip, profile.server_port
        ):
            return None
        return failure(context, "keepAlive is 0: neither side notices when the other is gone")

    def _idle(self, context: AuditContext, limits: Thresholds) -> Verdict:
        connection, profile = context.connection, context.profile
        assert profile is not None
        until = min([event.frame.time_ns for event in connection.closes] or [context.now])
        idle = (until - connection.last_data_ns) // SECOND_NS
        if idle <= limits.idle_minutes * 60:
            return None
        if property_value(profile.connack_properties, "serverKeepAlive"):
            return None
        incomplete_reason = connection.incomplete_reason
        if incomplete_reason is not None:
            return Unevaluated(incomplete_reason)
        if not context.activity.once(
            self.id,
            "idle",
            profile.client_ip,
            profile.client_id,
            profile.server_ip,
            profile.server_port,
        ):
            return None
        return failure(
            context,
            f"keepAlive is 0, and no data was sent for {idle // 60} minutes",
            Severity.WARNING,
            idleSeconds=idle,
        )
