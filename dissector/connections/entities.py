"""What a host, a client id, a credential, a server went through: bounded records of each.

No secret is kept: credentials are known by a keyed hash.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from dissector.connections.connection import Connection
from dissector.connections.profile import Profile, client_place
from dissector.model import FrameRef
from dissector.mqtt.packets import Connect
from dissector.text import fingerprint

SECOND_NS = 1_000_000_000
MEMBERS_KEPT = 64  # client ids and hosts that a credential or a host remembers
TIMES_KEPT = 64
REFUSALS_KEPT = 128
BUCKETS_KEPT = 360
NUMBERS_KEPT = 256  # at the end of client ids that begin alike

K = TypeVar("K")
V = TypeVar("V")


class BoundedDict(dict[K, V], Generic[K, V]):
    """A dict that forgets its oldest entries beyond `limit`; `evicted` counts them.

    Entries are added by `keep` only. The keys stand in a queue, too: a dict looks for its first
    entry past all that were deleted before it.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.evicted = 0
        self._order: deque[K] = deque()

    def keep(self, key: K, value: V) -> V:
        """Add an entry."""
        if len(self) >= self.limit:
            del self[self._order.popleft()]
            self.evicted += 1
        self._order.append(key)
        self[key] = value
        return value


def append_bounded(latest: list[V], item: V, limit: int = TIMES_KEPT) -> None:
    """Add to a list of what came last; beyond `limit` the oldest goes."""
    if len(latest) >= limit:
        del latest[0]
    latest.append(item)


class Refusal:
    """A refusal for credentials: when, by whom, after how long, and what was tried.

    What was tried is known by hash: the pair of user name and password, and the password.
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
    """One address that connects: its latest refusals, silent connections, and more.

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
        """A server keeps this host off, or lets it wait."""
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
    """The connection that took over: who, from where, when."""

    __slots__ = ("frame", "ip", "mac", "stream", "username")

    def __init__(self, connection: Connection, frame: FrameRef) -> None:
        assert connection.connect is not None
        self.ip, self.mac = client_place(connection)
        self.stream = connection.stream
        self.username = connection.connect.username
        self.frame = frame


class Credential:
    """One pair of user name and password, by its hash: who used it. `hosts` has their MACs, too."""

    __slots__ = ("client_ids", "frames", "hosts")

    def __init__(self) -> None:
        self.client_ids: dict[str, None] = {}
        self.hosts: dict[str, str | None] = {}
        self.frames: list[FrameRef] = []


class ServerHistory:
    """One server: how many different clients came in each ten seconds."""

    __slots__ = ("bucket", "newcomers", "rates")

    def __init__(self) -> None:
        self.bucket = -1
        self.newcomers: set[str] = set()
        self.rates: deque[int] = deque(maxlen=BUCKETS_KEPT)
