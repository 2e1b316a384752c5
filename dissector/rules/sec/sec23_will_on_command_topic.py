"""SEC23: a will goes to a command topic or to a topic of another client."""

from __future__ import annotations

from dissector.activity.entities import Client
from dissector.activity.profile import Profile
from dissector.rules.audit_rule import *
from dissector.rules.authoring import *
from dissector.rules.sec.topics import CONTROL_LEVELS
from dissector.text import printable


class WillOnCommandTopic(ConnectionAuditRule):
    """The will goes to a command topic, or to a topic of another client.

    What it checks
    --------------
    The last level of the Will Topic is a command (set, cmd, command, control …), or one level is
    the id of another client of this server while none is the client's own. Clients with the same IP
    or MAC address, or with the same user name and password, may use each other's topics. Severity
    warning if the server accepts the CONNECT, else info.

    Why it matters
    --------------
    The will then acts as a command: anyone who makes the device lose its connection triggers it.

    Fix on the client
    -----------------
    Publish the will on a status topic of the device.

    Fix on the server
    -----------------
    Let a client publish only below its own id.

    Known false alarms
    ------------------
    A device whose will is for one of its own components that connects, too.
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
            "command topic",
            (
                connect(
                    "lamp",
                    last_will_topic="home/door/set",
                    last_will_message=b"open",
                    will_flag=True,
                ),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "topic of another client",
            (
                connect("heater-9"),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
                "HOST 5",
                connect(
                    "lamp",
                    last_will_topic="home/heater-9/status",
                    last_will_message=b"off",
                    will_flag=True,
                ),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
    )
    good = (
        Example(
            "topic of another client on the same host",
            (
                connect("heater-9"),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
                "NEW",
                connect(
                    "lamp",
                    last_will_topic="home/heater-9/status",
                    last_will_message=b"off",
                    will_flag=True,
                ),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "its own status",
            (
                connect("heater-9"),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
                "NEW",
                connect(
                    "lamp",
                    last_will_topic="home/lamp/status",
                    last_will_message=b"off",
                    will_flag=True,
                ),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports a will on a command topic or on a topic of another client."""
        profile = context.profile
        assert profile is not None
        if profile.will is None or profile.code is None:
            return None
        topic = profile.will[0]
        levels = topic.split("/")
        if levels[-1].lower() in CONTROL_LEVELS:
            what = f"is a command topic (it ends in /{printable(levels[-1], 40)})"
        elif profile.client_id in levels:  # the usual case
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
    """Whether the other client is known and is a different device."""
    known = None if other is None else other.known
    if known is None or known.client_ip == profile.client_ip:
        return False
    if known.client_mac is not None and known.client_mac == profile.client_mac:
        return False
    return known.secret is None or known.secret != profile.secret
