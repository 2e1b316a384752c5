"""SEC19: a TCP connection stays open without a CONNECT."""

from __future__ import annotations

from dissector.rules.audit_rule import *
from dissector.rules.authoring import *


class IdleBeforeConnect(ConnectionAuditRule):
    """A TCP connection to an MQTT port stays open without a CONNECT, or the CONNECT is very slow.

    What it checks
    --------------
    On an MQTT port no data is sent for more than 30 seconds, or the CONNECT is complete only after
    that time. Severity warning if one host holds 20 such connections at the same time.

    Why it matters
    --------------
    Each such connection occupies a slot that others need; enough of them make the server
    unavailable (Slowloris).

    Fix on the client
    -----------------
    Send the CONNECT at once, and close unused connections.

    Fix on the server
    -----------------
    Close connections without a CONNECT after some seconds, and limit them for each address.

    Known false alarms
    ------------------
    Health checks of load balancers.
    """

    id = "SEC19"
    name = "idle-before-connect"
    side = Side.CLIENT
    severity = Severity.INFO
    confidence = Confidence.LIKELY
    references = {
        "CWE": (
            "400",
            "772",
        ),
        "OWASP": ("I2",),
        "ETSI": ("5.9-1",),
        "NISTIR": ("SA",),
        "MQTT": ("5.4.8",),
    }
    asks = Event.SILENT | Event.SPLIT_CONNECT
    bad = (
        Example("idle", ("+20", "+20", *SERVER_CLOSES)),
        Example(
            "twenty idle ones at the same time",
            (
                *("NEW",) * 19,
                *(step for n in range(20) for step in (f"ON {n}", "+20", "+20")),
                *(step for n in range(20) for step in (f"ON {n}", *SERVER_CLOSES)),
            ),
        ),
    )
    good = (
        Example("closed in time", ("+20", *SERVER_CLOSES)),
        Example("connects after a while", ("+20", connect("a"), ACCEPTED_311, *GRACEFUL_CLOSE)),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports a connection without a CONNECT, or with a very slow one."""
        limits = context.limits
        connection, profile = context.connection, context.profile
        assert profile is not None
        if context.event & Event.SILENT:
            incomplete_reason = connection.incomplete_reason
            if incomplete_reason is not None:
                return Unevaluated(incomplete_reason)
            host = context.host
            # up to its first close; the connection is tracked for longer than that
            stopped = min([event.frame.time_ns for event in connection.closes] or [context.now])
            if host is None or stopped - connection.opened_ns <= limits.silent_seconds * SECOND_NS:
                return None
            at_once = sum(
                start <= stopped and end >= connection.opened_ns for start, end in host.silent
            )
            many = at_once >= limits.silent_at_once
            if not context.activity.once(
                self.id, host.ip, profile.server_ip, profile.server_port, many
            ):
                return None
            seconds = (stopped - connection.opened_ns) // SECOND_NS
            return failure(
                context,
                f"{at_once} connections without a CONNECT at the same time"
                if many
                else f"the connection was open for {seconds} s without a CONNECT",
                Severity.WARNING if many else None,
                connections=at_once,
                seconds=seconds,
            )
        first, frame = connection.connect_first, connection.connect_frame
        if frame is None or first is None or not connection.syn_seen:
            return None
        took = (frame.time_ns - first.time_ns) // SECOND_NS
        if took <= limits.silent_seconds:
            return None
        if not context.activity.once(
            self.id, profile.client_ip, profile.server_ip, profile.server_port, "slow"
        ):
            return None
        return failure(context, f"the CONNECT took {took} s to arrive", seconds=took)
