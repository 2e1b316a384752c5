"""The context in which audit rules check one connection, and the events that trigger them.

An `Event` is a bit that describes what is new about a connection; each rule names those that it
checks.
"""

from __future__ import annotations

from dissector.activity.entities import Client, Credential, Host, ServerHistory, Takeover
from dissector.activity.profile import Profile
from dissector.activity.tables import ActivityTables
from dissector.connections.record import ConnectionRecord
from dissector.connections.thresholds import Thresholds


class Event:
    """What is new about a connection, as bits; each rule names those that trigger it.

    Those from `CREDENTIALS` to `CONNACK_TEXT` and from `OLD_VERSION` to `IN_CLEAR` are set only
    together with `PROFILE`. A bit that depends on thresholds is set where they may be exceeded, so
    a rule is run only for connections that it may report.
    """

    PROFILE = 1  # the first connection of its profile
    ACCEPTED = 2
    DENIED = 4  # refused for its credentials
    REFUSED = 8  # refused for any reason
    CONNECT = 16  # any CONNECT, answered or not
    TAKEN_OVER = 32  # it ended after another connection with its client id was accepted
    SHARED = 64  # its credentials were seen from an additional client id or host
    CHANGED = 128  # its client id was seen before, with another profile
    NEW_CLIENT = 256  # its client id was not seen before at this server
    ENDED = 512
    SILENT = 1024  # neither side sent any data on it
    CREDENTIALS = 1 << 11  # a user name, a password, or an Authentication Method
    PASSWORD = 1 << 12  # a password about which something is notable
    ANONYMOUS = 1 << 13
    WILL = 1 << 14
    FROM_BRIDGE = 1 << 15
    SPLIT_CONNECT = 1 << 16  # the CONNECT spans more than one frame
    CONNACK_TEXT = 1 << 17  # its CONNACK has properties with text
    AFTER_DENIAL = 1 << 18  # accepted, and credentials from its host were refused before
    NO_KEEP_ALIVE = 1 << 19  # Keep Alive is 0; set for a new profile, and when a connection ends
    KEPT_SESSION = 1 << 20  # accepted with a session that outlives the connection
    WITH_FINDINGS = 1 << 21  # it ended, and has findings of rules about the standard
    RECONNECT = 1 << 22  # a CONNECT after many with the same client id, or without one
    SERVED = 1 << 23  # it ended; the server served it without an accepting CONNACK in the capture
    OLD_VERSION = 1 << 24  # accepted with a version that is too old
    KEEP_ALIVE = 1 << 25  # accepted with a keep alive that may be very short or long
    USER_NAME_ONLY = 1 << 26  # accepted with a user name, without password and method
    RETAINED_WILL = 1 << 27
    IDENTIFIER = 1 << 28  # one of its texts may hold an identifier (`rules/identifiers.py`)
    IN_CLEAR = 1 << 29  # accepted without encryption
    NUMBERED = 1 << 30  # a new client id, accepted, with a digit at its end
    LATE = 1 << 31  # a new client id, after the learning period
    FLEET = 1 << 32  # a CONNECT, one of many newcomers in an interval
    TLS_PORT = 1 << 33  # new profile, or ended, at the server port of MQTT in TLS


class AuditContext:  # mutable while `ActivityTracker` fills it, read-only afterwards
    """One connection at the time it is checked, with its profile, host, client and server.

    `limits` are the thresholds of the audit.
    """

    __slots__ = (
        "activity",
        "client",
        "connection",
        "credential",
        "event",
        "former",
        "host",
        "limits",
        "now",
        "profile",
        "server",
        "takeovers_by",
    )  # fmt: skip

    def __init__(
        self, activity: ActivityTables, connection: ConnectionRecord, event: int, now: int
    ) -> None:
        self.activity = activity
        self.connection = connection
        self.event = event
        self.now = now
        self.profile: Profile | None = None
        self.former: Profile | None = None  # of the same client id, before this one
        self.host: Host | None = None
        self.client: Client | None = None
        self.server: ServerHistory | None = None
        self.credential: Credential | None = None
        self.takeovers_by: tuple[Takeover, ...] = ()
        self.limits: Thresholds = activity.limits
