"""SEC23: a will that steers, or speaks for another device."""

from __future__ import annotations

from dissector.connections.audit_context import AuditContext, Event
from dissector.connections.entities import Client
from dissector.connections.profile import Profile
from dissector.model import Confidence, Severity, Side
from dissector.rules.audit_rule import ConnectionAuditRule, failure
from dissector.rules.base import Example, Verdict
from dissector.rules.examples import ACCEPTED_311, GOODBYE, connect
from dissector.rules.thresholds import Thresholds
from dissector.rules.topics import CONTROL_LEVELS
from dissector.text import printable


class WillOnCommandTopic(ConnectionAuditRule):
    """The will goes to a topic that steers something, or to another client's topics.

    What it checks
    --------------
    The last level of the Will Topic is one that steers (set, cmd, command, control …), or one
    level is the id of another client of this server while none is the client's own. Clients of
    one address, or with one pair of user name and password, may speak for each other. A warning
    where the server accepts it, else noted.

    Why it matters
    --------------
    The will then acts: who lets the device drop off the network triggers it.

    Fix on the client
    -----------------
    Put the will on a status topic of the device's own.

    Fix on the server
    -----------------
    Let a client publish only below its own id.

    Known false alarms
    ------------------
    A device that says goodbye on behalf of a part of itself that connects, too.
    """

    id = "SEC23"
    name = "will-on-command-topic"
    side = Side.CLIENT
    severity = Severity.WARNING
    confidence = Confidence.POSSIBLE
    references = {
        "CWE": (
            "863",
            "1220",
        ),
        "OWASP": ("I3",),
        "ETSI": ("5.5-5",),
        "NISTIR": ("LA",),
        "MQTT": ("5.4.2",),
    }
    asks = Event.WILL
    bad = (
        Example(
            "steers",
            (
                connect(
                    "lamp",
                    last_will_topic="home/door/set",
                    last_will_message=b"open",
                    will_flag=True,
                ),
                ACCEPTED_311,
                *GOODBYE,
            ),
        ),
        Example(
            "speaks for another",
            (
                connect("heater-9"),
                ACCEPTED_311,
                *GOODBYE,
                "HOST 5",
                connect(
                    "lamp",
                    last_will_topic="home/heater-9/status",
                    last_will_message=b"off",
                    will_flag=True,
                ),
                ACCEPTED_311,
                *GOODBYE,
            ),
        ),
    )
    good = (
        Example(
            "speaks for another part of itself",
            (
                connect("heater-9"),
                ACCEPTED_311,
                *GOODBYE,
                "NEW",
                connect(
                    "lamp",
                    last_will_topic="home/heater-9/status",
                    last_will_message=b"off",
                    will_flag=True,
                ),
                ACCEPTED_311,
                *GOODBYE,
            ),
        ),
        Example(
            "its own status",
            (
                connect("heater-9"),
                ACCEPTED_311,
                *GOODBYE,
                "NEW",
                connect(
                    "lamp",
                    last_will_topic="home/lamp/status",
                    last_will_message=b"off",
                    will_flag=True,
                ),
                ACCEPTED_311,
                *GOODBYE,
            ),
        ),
    )

    def check(self, context: AuditContext, limits: Thresholds) -> Verdict:
        """A will that steers, or speaks for another device."""
        profile = context.profile
        assert profile is not None
        if profile.will is None or profile.code is None:
            return None
        topic = profile.will[0]
        levels = topic.split("/")
        if levels[-1].lower() in CONTROL_LEVELS:
            what = f"steers something (it ends in /{printable(levels[-1], 40)})"
        elif profile.client_id in levels:  # nearly always
            return None
        else:
            server = (profile.server_ip, profile.server_port)
            others = [
                level
                for level in levels
                if len(level) >= 4
                and _foreign(profile, context.activity.clients.get((*server, level)))
            ]
            if not others:
                return None
            what = f"belongs to another client ({printable(others[0], 40)})"
        if not context.activity.once(
            self.id, profile.client_ip, profile.client_id, topic, profile.code
        ):
            return None
        return failure(
            context,
            f"the Will Topic {what}",
            Severity.WARNING if profile.code == 0 else Severity.INFO,
            topic=topic,
        )


def _foreign(profile: Profile, other: Client | None) -> bool:
    """Whether a client is known, and is somebody else."""
    known = None if other is None else other.known
    if known is None or known.client_ip == profile.client_ip:
        return False
    if known.client_mac is not None and known.client_mac == profile.client_mac:
        return False
    return known.secret is None or known.secret != profile.secret
