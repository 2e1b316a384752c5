"""SEC30: persistent sessions are left behind under client ids that are used once."""

from __future__ import annotations

import re

from dissector.activity.entities import text_bytes
from dissector.activity.tables import ActivityTables
from dissector.mqtt.packets import property_value
from dissector.rules.audit_rule import *
from dissector.rules.authoring import *

KEPT = 256
# six or more characters without a separator that alternate between digits and letters
ALTERNATING = re.compile(r"\d[A-Za-z]+\d")  # quick to search for; every match of RANDOM contains it
RANDOM = r"(?=[0-9A-Za-z]{6})(?:[A-Za-z]*\d+[A-Za-z]+\d+[A-Za-z]|\d*[A-Za-z]+\d+[A-Za-z]+\d)"


class OrphanSessions(ConnectionAuditRule):
    """One host requests persistent sessions under random client ids that it never uses again.

    What it checks
    --------------
    At least 5 client ids of one host, each with a random-looking part, seen once and disconnected
    again (except the last), ask the server to keep their session: cleanSession 0 before 5.0; in 5.0
    a Session Expiry Interval of more than 7 days.

    Why it matters
    --------------
    The server keeps state and queues messages for each of them until its memory is full.

    Fix on the client
    -----------------
    Use one client id permanently, or request a clean session.

    Fix on the server
    -----------------
    Limit the lifetime of sessions, and how many one account may have.

    Known false alarms
    ------------------
    Many devices behind one address that each connected once and disconnected again.
    """

    id = "SEC30"
    name = "orphan-sessions"
    side = Side.CLIENT
    severity = Severity.WARNING
    confidence = Confidence.LIKELY
    references = {
        "CWE": (
            "772",
            "770",
        ),
        "OWASP": ("I8",),
        "ETSI": ("5.9-3",),
        "NISTIR": ("DC",),
    }
    asks = Event.KEPT_SESSION
    bad = (
        Example(
            "five that disconnect",
            tuple(
                step
                for word in ("9f3ac1d2", "41e7b0aa", "c0ffe11d", "7b2d94e1", "e58a03fc")
                for step in (
                    connect(f"app-{word}", clean_session=False),
                    ACCEPTED_311,
                    *GRACEFUL_CLOSE,
                    "NEW",
                )
            )[:-1],
        ),
    )
    good = (
        Example(
            "five that stay connected",
            tuple(
                step
                for word in ("9f3ac1d2", "41e7b0aa", "c0ffe11d", "7b2d94e1", "e58a03fc")
                for step in (connect(f"app-{word}", clean_session=False), ACCEPTED_311, "NEW")
            )[:-1],
        ),
        Example(
            "numbers that are not random",
            tuple(
                step
                for n in (5, 17, 29, 31, 44)
                for step in (
                    connect(f"meter{n}", clean_session=False),
                    ACCEPTED_311,
                    *GRACEFUL_CLOSE,
                    "NEW",
                )
            )[:-1],
        ),
        Example(
            "clean sessions",
            tuple(
                step
                for word in ("9f3ac1d2", "41e7b0aa", "c0ffe11d", "7b2d94e1", "e58a03fc")
                for step in (connect(f"app-{word}"), ACCEPTED_311, *GRACEFUL_CLOSE, "NEW")
            )[:-1],
        ),
        Example(
            "one client id, repeatedly",
            (connect("app-9f3ac1d2", clean_session=False), ACCEPTED_311, *GRACEFUL_CLOSE)
            + (
                "+20",
                "NEW",
                connect("app-9f3ac1d2", clean_session=False),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            )
            * 5,
        ),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports persistent sessions under client ids that are used once."""
        limits = context.limits
        profile = context.profile
        assert profile is not None
        host, client_id = context.host, profile.client_id
        if host is None or not client_id or not context.event & Event.ACCEPTED:
            return None
        if profile.version is Version.V5_0:
            expiry = property_value(profile.properties, "sessionExpiryInterval") or 0
            kept = expiry > limits.session_days * 86_400
        else:
            kept = not profile.clean
        if not kept or not ALTERNATING.search(client_id) or not re.search(RANDOM, client_id):
            return None
        if host.keep_session(client_id, KEPT):
            context.activity.hosts.charge(host.ip, text_bytes(client_id))
        sessions = host.persistent_sessions or {}
        server = (profile.server_ip, profile.server_port)
        once = [
            name
            for name, count in sessions.items()
            if count == 1 and (name == client_id or _gone(context.activity, (*server, name)))
        ]
        if len(once) < limits.orphan_sessions or not context.activity.once(self.id, host.ip):
            return None
        return failure(
            context,
            f"{host.ip} has {len(once)} persistent sessions under client ids that it uses once",
            sessions=len(once),
            host=host.ip,
        )


def _gone(activity: ActivityTables, key: tuple[str, int, str]) -> bool:
    """Whether a client has no open connection."""
    client = activity.clients.get(key)
    return client is None or client.gone
