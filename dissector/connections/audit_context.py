"""A connection with what is known around it in, what rules of an audit are asked about out.

An `Event` says what is new about a connection; rules name those that they ask about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dissector.connections.connection import Connection
from dissector.connections.entities import Client, Credential, Host, ServerHistory, Takeover
from dissector.connections.profile import Profile

if TYPE_CHECKING:
    from dissector.connections.activity_tracker import ActivityTracker


class Event:
    """What is new about a connection, as bits; a rule names those that it asks about.

    Those from `CREDENTIALS` to `CONNACK_PROPERTIES` come with `PROFILE` only: so a rule about wills is not
    asked about devices that leave none.
    """

    PROFILE = 1  # the first connection of its profile
    ACCEPTED = 2
    DENIED = 4  # refused for its credentials
    REFUSED = 8  # refused for whatever reason
    CONNECT = 16  # any CONNECT, answered or not
    TAKEN_OVER = 32  # it ended after another connection of its client id was accepted
    SHARED = 64  # its credentials were seen from one more client id or host
    CHANGED = 128  # its client id was known, from another profile
    NEW_CLIENT = 256  # its client id was never seen at this server
    ENDED = 512
    SILENT = 1024  # nobody said anything on it
    CREDENTIALS = 1 << 11  # a user name, a password, or an Authentication Method
    PASSWORD = 1 << 12  # one that is not empty
    ANONYMOUS = 1 << 13
    WILL = 1 << 14
    FROM_BRIDGE = 1 << 15
    SPLIT_CONNECT = 1 << 16  # the CONNECT came in more than one frame
    CONNACK_PROPERTIES = 1 << 17  # its CONNACK has properties
    AFTER_DENIAL = 1 << 18  # accepted, and its host was refused before
    NO_KEEP_ALIVE = (
        1 << 19
    )  # keep alive is off: when the profile is new, and when the connection ends
    KEPT_SESSION = 1 << 20  # accepted with a session that outlives the connection
    WITH_FINDINGS = 1 << 21  # it ended, and rules about the standard found something on it
    RECONNECT = 1 << 22  # a CONNECT with a client id that connected before, or without any


class AuditContext:  # mutable while `ActivityTracker` fills it, read only from then on
    """One connection at the moment that it is judged, with what is known around it."""

    __slots__ = (
        "activity",
        "client",
        "connection",
        "credential",
        "event",
        "former",
        "host",
        "now",
        "profile",
        "server",
        "takeovers_by",
    )  # fmt: skip

    def __init__(
        self, activity: ActivityTracker, connection: Connection, event: int, now: int
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
        self.takeovers_by: list[Takeover] = []
