"""Records of the activity of a host, a client id, a credential and a server, bounded in size.

No secret is kept: credentials are stored as a keyed hash.
"""

from __future__ import annotations

import sys
from collections import deque
from typing import Generic, TypeVar

from dissector.connections.connection import Connection
from dissector.connections.profile import Profile, client_address
from dissector.model import FrameRef
from dissector.mqtt.packets.connect import Connect
from dissector.net.limits import ByteBudget
from dissector.text import fingerprint

SECOND_NS = 1_000_000_000
MEMBERS_KEPT = 64  # client ids and hosts that are kept for one credential or host
TIMES_KEPT = 64
REFUSALS_KEPT = 128
BUCKETS_KEPT = 360
NUMBERS_KEPT = 256  # numbers at the end of client ids with the same prefix
TEXT_LIMIT = 16 << 20  # bytes of captured text that one table keeps
_SHORT = 256  # bytes of text in a key that are not counted: the number of entries bounds them

K = TypeVar("K")
V = TypeVar("V")


class BoundedDict(dict[K, V], Generic[K, V]):
    """A dict that evicts its oldest entries; `evicted` counts them.

    It keeps at most `limit` entries and `text_limit` bytes of captured text in them. Entries are
    added by `keep` only. The keys are also kept in a queue, because a dict finds its first entry
    only by skipping all entries deleted before it.
    """

    def __init__(self, limit: int, text_limit: int = TEXT_LIMIT) -> None:
        super().__init__()
        self.limit = limit
        self.evicted = 0
        self._order: deque[K] = deque()
        self._budget = ByteBudget(text_limit)

    def keep(self, key: K, value: V, size: int = 0) -> V:
        """Adds an entry, with `size` bytes of text besides its key; evicts the oldest if full."""
        if len(self) >= self.limit:
            self._evict()
        self._order.append(key)
        self[key] = value
        size += text_bytes(key)
        if size > _SHORT:
            self.charge(key, size)
        return value

    def charge(self, key: K, size: int) -> None:
        """Counts text that was added to an entry, or was removed; may evict the oldest entries."""
        budget = self._budget
        if key in self:
            budget.keep(key, budget.size(key) + size)
        while budget.used > budget.limit and len(self) > 1:
            self._evict()

    def _evict(self) -> None:
        oldest = self._order.popleft()
        del self[oldest]
        self._budget.keep(oldest, 0)
        self.evicted += 1

    def empty(self) -> None:
        """Removes all entries; they do not count as evicted."""
        self.clear()
        self._order.clear()
        self._budget = ByteBudget(self._budget.limit)


def text_bytes(value: object) -> int:
    """Returns the memory of a text, or of the texts in a tuple."""
    if isinstance(value, str):
        return sys.getsizeof(value)
    return sum(map(text_bytes, value)) if isinstance(value, tuple) else 0


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

    def note_denial(self, refusal: Refusal) -> int:
        """Records a refusal; returns by how many bytes the text that is kept has grown."""
        grown = text_bytes((refusal.client_id, refusal.username))
        if len(self.denials) >= REFUSALS_KEPT:
            grown -= text_bytes((self.denials[0].client_id, self.denials[0].username))
        append_bounded(self.denials, refusal, REFUSALS_KEPT)
        return grown

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
    """One server: how many different clients connected in each interval of ten seconds.

    `newcomers` are the hashes of those in the current one.
    """

    __slots__ = ("bucket", "newcomers", "rates")

    def __init__(self) -> None:
        self.bucket = -1
        self.newcomers: set[int] = set()
        self.rates: deque[int] = deque(maxlen=BUCKETS_KEPT)
