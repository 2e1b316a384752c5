"""SEC11: a server does not slow down password guessing."""

from __future__ import annotations

from dissector.activity.entities import Refusal
from dissector.rules.audit_rule import *
from dissector.rules.authoring import *

SAMPLE = 10  # refusals for a median response time
_TRY = (REFUSED_311, *SERVER_CLOSES, "NEW")


class GuessingNotSlowed(ConnectionAuditRule):
    """The server answers wrong credentials as fast as they arrive.

    What it checks
    --------------
    One host gets at least 50 refusals because of its credentials from one server within a minute,
    and in that minute the server has neither banned it (0x8A), nor asked it to slow down (0x9F),
    nor left it without an answer, nor increased its response time: the median of the last ten
    refusals is less than twice that of the first ten, or less than 100 ms above it.

    Why it matters
    --------------
    At that rate a short password is found within hours.

    Fix on the client
    -----------------
    Nothing: the server has to be fixed.

    Fix on the server
    -----------------
    Delay the answer after each failure, lock out the source for a while, or do it in the firewall
    (fail2ban).

    Known false alarms
    ------------------
    A load test.
    """

    id = "SEC11"
    name = "guessing-not-slowed"
    side = Side.SERVER
    severity = Severity.WARNING
    confidence = Confidence.LIKELY
    references = {
        "CWE": (
            "307",
            "770",
        ),
        "OWASP": (
            "I3",
            "I9",
        ),
        "ETSI": ("5.1-5",),
        "NISTIR": ("LA",),
        "MQTT": ("5.4.8",),
    }
    asks = Event.DENIED
    bad = (
        Example(
            "fifty refusals in a second",
            tuple(
                step for n in range(50) for step in (connect("x", "anna", "Zq7-left-behind"), *_TRY)
            )[:-1],
            also=("SEC17",),
        ),
    )
    good = (
        Example(
            "each answer takes 20 ms longer",
            tuple(
                step
                for n in range(50)
                for step in (
                    connect("x", "anna", "Zq7-left-behind"),
                    f"+{n / 50}",
                    *_TRY,
                )
            )[:-1],
        ),
        Example(
            "banned a few seconds before",
            (
                connect("x", "anna", "Zq7-left-behind", version="5.0"),
                "S 20 03 00 8a 00",
                *SERVER_CLOSES,
                "+5",
                "NEW",
                *(
                    step
                    for n in range(50)
                    for step in (connect("x", "anna", "Zq7-left-behind"), *_TRY)
                ),
            )[:-1],
        ),
        Example(
            "forty-nine refusals",
            tuple(
                step for n in range(49) for step in (connect("x", "anna", "Zq7-left-behind"), *_TRY)
            )[:-1],
        ),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports a server that does not slow down guessing."""
        limits = context.limits
        connection, profile = context.connection, context.profile
        assert profile is not None
        host = context.host
        refusals = None if host is None else host.refusals
        if host is None or refusals is None or len(refusals) < limits.unslowed_per_minute:
            return None
        server = (profile.server_ip, profile.server_port)
        if context.activity.reported(self.id, host.ip, *server):
            return None
        since = context.now - 60 * SECOND_NS
        recent = refusals.by_server(server, since)
        if len(recent) < limits.unslowed_per_minute:
            return None
        if (host.throttled or {}).get(server, since) > since or _slower(recent, limits):
            return None
        if not context.activity.once(self.id, host.ip, profile.server_ip, profile.server_port):
            return None
        return failure(
            context,
            f"the server {server_name(connection)} refused {host.ip} {len(recent)} times "
            "within a minute without slowing it down",
            refusals=len(recent),
            host=host.ip,
        )


def _slower(refusals: list[Refusal], limits: Thresholds) -> bool:
    """Whether the response time of the server increases."""
    part = min(SAMPLE, len(refusals) // 2)
    first, last = (
        sorted(item.took_ns for item in some)[len(some) // 2]
        for some in (refusals[:part], refusals[-part:])
    )
    return last >= 2 * first and last - first >= limits.slowed_milliseconds * 1_000_000
