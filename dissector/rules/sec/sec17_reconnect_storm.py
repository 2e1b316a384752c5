"""SEC17: a device reconnects repeatedly without a delay."""

from __future__ import annotations

from itertools import pairwise

from dissector.rules.audit_rule import *
from dissector.rules.authoring import *


class ReconnectStorm(ConnectionAuditRule):
    """One client id connects repeatedly without a delay.

    What it checks
    --------------
    At least 10 CONNECT packets of one client id within 60 seconds, or 5 retries that each come less
    than a second after the previous one. For empty client ids, those of one host are counted: there
    may be several devices behind it, so such a finding has confidence possible.

    Why it matters
    --------------
    It drains the device's battery and keeps the server busy; with many devices it overloads the
    server.

    Fix on the client
    -----------------
    Increase the delay after each failure: 1, 2, 4 … seconds up to some minutes, with a random part.

    Fix on the server
    -----------------
    Limit the rate of connections per client (5.0: refuse with 0x9F).

    Known false alarms
    ------------------
    A script that opens a connection for each message: use one connection for all of them.
    """

    id = "SEC17"
    name = "reconnect-storm"
    side = Side.CLIENT
    severity = Severity.WARNING
    confidence = Confidence.LIKELY
    references = {
        "CWE": (
            "799",
            "770",
        ),
        "OWASP": ("I8",),
        "ETSI": ("5.9-3",),
        "NISTIR": ("SA",),
        "MQTT": ("5.4.8",),
    }
    asks = Event.RECONNECT
    bad = (
        Example(
            "six at once",
            tuple(
                step
                for n in range(6)
                for step in (connect("lamp"), ACCEPTED_311, *GRACEFUL_CLOSE, "NEW")
            )[:-1],
        ),
        Example(
            "ten in a minute",
            tuple(
                step
                for n in range(10)
                for step in (connect("lamp"), ACCEPTED_311, *GRACEFUL_CLOSE, "+4", "NEW")
            )[:-1],
        ),
    )
    good = (
        Example(
            "five at once",
            tuple(
                step
                for n in range(5)
                for step in (connect("lamp"), ACCEPTED_311, *GRACEFUL_CLOSE, "NEW")
            )[:-1],
        ),
        Example(
            "ten, slowly",
            tuple(
                step
                for n in range(10)
                for step in (connect("lamp"), ACCEPTED_311, *GRACEFUL_CLOSE, "+8", "NEW")
            )[:-1],
        ),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports a client that reconnects repeatedly."""
        limits = context.limits
        profile = context.profile
        assert profile is not None
        client, host = context.client, context.host
        if client is None or host is None:
            return None
        times = client.connects if profile.client_id else host.connects_without_id
        if len(times) <= limits.quick_retries:
            return None
        minute = sum(time_ns > context.now - 60 * SECOND_NS for time_ns in times)
        what = f"{minute} connections within a minute"
        if minute < limits.connects_per_minute:
            what = f"{limits.quick_retries} retries less than a second apart"
            latest = list(times)[-limits.quick_retries - 1 :]
            if any(later - earlier >= SECOND_NS for earlier, later in pairwise(latest)):
                return None
        who = profile.client_id or profile.client_ip
        if not context.activity.once(self.id, who, profile.server_ip, profile.server_port):
            return None
        found = failure(context, what, connections=minute)
        if not profile.client_id:
            found.confidence = Confidence.POSSIBLE
        return found
