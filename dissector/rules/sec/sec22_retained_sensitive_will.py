"""SEC22: a retained will has a sensitive topic or message."""

from __future__ import annotations

from dissector.rules.audit_rule import *
from dissector.rules.authoring import *
from dissector.rules.sec.topics import sensitive_level
from dissector.text import printable


class RetainedSensitiveWill(ConnectionAuditRule):
    """A retained will has a topic or a message that not everybody should see.

    What it checks
    --------------
    A will with RETAIN whose topic has a level such as set, cmd, ota, firmware, config, password,
    location, person, and does not end in a word for a status; or whose message looks like a secret
    or an address of a private network.

    Why it matters
    --------------
    The server keeps a retained will and sends it to later subscribers, long after the device is
    gone.

    Fix on the client
    -----------------
    Put only a status into the will (`offline`), on a status topic of the device.

    Fix on the server
    -----------------
    Restrict who may subscribe to such topics.

    Known false alarms
    ------------------
    A topic level with such a name that is harmless.
    """

    id = "SEC22"
    name = "retained-sensitive-will"
    side = Side.CLIENT
    severity = Severity.WARNING
    confidence = Confidence.LIKELY
    references = {
        "CWE": (
            "200",
            "359",
            "732",
        ),
        "OWASP": (
            "I6",
            "I3",
        ),
        "ETSI": (
            "5.8-1",
            "5.8-2",
            "5.6-2",
        ),
        "NISTIR": ("DP",),
        "MQTT": ("5.4.2",),
    }
    asks = Event.RETAINED_WILL
    bad = (
        Example(
            "on a configuration topic",
            (
                connect(
                    "lamp",
                    last_will_topic="home/lamp/config",
                    last_will_message=b"gone",
                    last_will_retain=True,
                    will_flag=True,
                ),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "with a secret",
            (
                connect(
                    "lamp",
                    last_will_topic="home/lamp/status",
                    last_will_message=b'{"password": "x"}',
                    last_will_retain=True,
                    will_flag=True,
                ),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
    )
    good = (
        Example(
            "a status",
            (
                connect(
                    "lamp",
                    last_will_topic="home/lamp/status",
                    last_will_message=b"offline",
                    last_will_retain=True,
                    will_flag=True,
                ),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "the status of a GPS receiver",
            (
                connect(
                    "lamp",
                    last_will_topic="home/gps/status",
                    last_will_message=b"offline, firmware 1.10.0.4",
                    last_will_retain=True,
                    will_flag=True,
                ),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "not retained",
            (
                connect(
                    "lamp",
                    last_will_topic="home/lamp/config",
                    last_will_message=b"gone",
                    will_flag=True,
                ),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports a retained will with a sensitive topic or message."""
        connection, profile = context.connection, context.profile
        assert profile is not None
        if profile.will is None or not profile.will[2]:
            return None
        level = sensitive_level(profile.will[0])
        secret = connection.will_content
        if level is None and secret is None:
            return None
        if not context.activity.once(
            self.id, profile.client_ip, profile.client_id, profile.will[0]
        ):
            return None
        what = (
            f"its topic has the level {printable(level, 40)}"
            if level
            else f"its message contains {secret}"
        )
        return failure(
            context,
            f"the will is retained, and {what}",
            topic=profile.will[0],
            level=level,
            holds=secret,
        )
