"""Records of the activity of a host, a client id, a credential and a server, bounded in size.

No secret is kept: credentials are stored as a keyed hash.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from dissector.connections.connection import Connection
from dissector.connections.profile import Profile, client_address
from dissector.model import FrameRef
from dissector.mqtt.packets import Connect
from dissector.text import fingerprint

SECOND_NS = 1_000_000_000
MEMBERS_KEPT = 64  # client ids and hosts that are kept for one credential or host
TIMES_KEPT = 64
REFUSALS_KEPT = 128
BUCKETS_KEPT = 360
NUMBERS_KEPT = 256  # numbers at the end of client ids with the same prefix

K = TypeVar("K")
V = TypeVar("V")


class BoundedDict(dict[K, V], Generic[K, V]):
    """A dict that evicts its oldest entries beyond `limit`; `evicted` counts them.

    Entries are added by `keep` only. The keys are also kept in a queue, because a dict finds its
    first entry only by skipping all entries deleted before it.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.evicted = 0
        self._order: deque[K] = deque()

    def keep(self, key: K, value: V) -> V:
        """Adds an entry, and evicts the oldest if the dict is full."""
        if len(self) >= self.limit:
            del self[self._order.popleft()]
            self.evicted += 1
        self._order.append(key)
        self[key] = value
        return value

    def empty(self) -> None:
        """Removes all entries; they do not count as evicted."""
        self.clear()
        self._order.clear()


def append_bounded(latest: list[V], item: V, limit: int = TIMES_KEPT) -> None:
    """Appends to a list of the latest items; beyond `limit` the oldest is discarded."""
    if len(latest) >= limit:
        del latest[0]
    latest.append(item)


class Refusal:
    """A CONNACK that refused credentials: when, by which server, after how long, and for which.

    `secret` is the keyed hash of user name and password, `password` that of the password.
    """

    __slots__ = (
        "client_id", "frame", "password", "secret", "server", "time_ns", "took_ns", "username",
    )  # fmt: skip

    def __init__(
        self,
        frame: FrameRef,
        connect: Connect,
        server: tuple[str, int],
        secret: str | None,
        key: bytes,
    ) -> None:
        self.time_ns = frame.time_ns
        self.frame = frame
        self.server = server
        self.took_ns = frame.time_ns - (connect.frame or frame).time_ns
        self.client_id = connect.client_id
        self.username = connect.username
        self.secret = secret
        self.password = None if not connect.password else fingerprint(connect.password, key)


class Host:
    """One client address: its latest refusals, silent connections, and more.

    `connects_without_id` are the times of its CONNECTs without a client id, `throttled` the last
    time that each server rejected it or did not answer, `malformed_times` when it sent malformed
    packets, `persistent_sessions` how often each client id left a session behind.
    """

    __slots__ = (
        "client_ids", "connects_without_id", "denials", "ip", "mac", "malformed_times",
        "persistent_sessions", "silent", "throttled",
    )  # fmt: skip

    def __init__(self, ip: str, mac: str | None) -> None:
        self.ip = ip
        self.mac = mac
        self.denials: list[Refusal] = []
        self.connects_without_id: list[int] = []
        self.throttled: dict[tuple[str, int], int] = {}
        self.silent: list[tuple[int, int]] = []
        self.malformed_times: list[int] = []
        self.client_ids: dict[str, None] = {}
        self.persistent_sessions: dict[str, int] = {}

    def note_rejection(self, server: tuple[str, int], now: int) -> None:
        """Records that a server throttled this host, or did not answer it."""
        if server in self.throttled or len(self.throttled) < MEMBERS_KEPT:
            self.throttled[server] = now


class Client:
    """One client id at one server."""

    __slots__ = ("connects", "count", "known", "live", "takeovers")

    def __init__(self) -> None:
        self.live: dict[int, tuple[Connection, list[Takeover]]] = {}
        self.connects: list[int] = []
        self.takeovers: list[tuple[int, str]] = []
        self.known: Profile | None = None
        self.count = 0


class Takeover:
    """A connection that took over a client id: from which address, as which user, and when."""

    __slots__ = ("frame", "ip", "mac", "stream", "username")

    def __init__(self, connection: Connection, frame: FrameRef) -> None:
        assert connection.connect is not None
        self.ip, self.mac = client_address(connection)
        self.stream = connection.stream
        self.username = connection.connect.username
        self.frame = frame


class Credential:
    """One pair of user name and password, by its hash, with the client ids and hosts that used it.

    `hosts` maps each address to its MAC.
    """

    __slots__ = ("client_ids", "frames", "hosts")

    def __init__(self) -> None:
        self.client_ids: dict[str, None] = {}
        self.hosts: dict[str, str | None] = {}
        self.frames: list[FrameRef] = []


class ServerHistory:
    """One server: how many different clients connected in each interval of ten seconds."""

    __slots__ = ("bucket", "newcomers", "rates")

    def __init__(self) -> None:
        self.bucket = -1
        self.newcomers: set[str] = set()
        self.rates: deque[int] = deque(maxlen=BUCKETS_KEPT)
