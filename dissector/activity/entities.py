"""Records of the activity of a host, a client id, a credential and a server, bounded in size.

No secret is kept: credentials are stored as a keyed hash. Most hosts and client ids are seen once
or twice, and there may be very many, so what most of them never have is `None` or an empty tuple.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from dissector.activity.profile import Profile
from dissector.connections.record import ConnectionRecord
from dissector.model import FrameRef
from dissector.net.limits import ByteBudget

SECOND_NS = 1_000_000_000
MEMBERS_KEPT = 64  # client ids and hosts that are kept for one credential or host
TIMES_KEPT = 64
REFUSALS_KEPT = 128
BUCKETS_KEPT = 360
EARLIER_BUCKETS = 6  # that are needed to know the usual rate of newcomers
NUMBERS_KEPT = 256  # numbers at the end of client ids with the same prefix
TEXT_LIMIT = 16 << 20  # bytes of captured text that one table keeps
SHORT = 256  # bytes of text that are not counted: the number of entries bounds them

K = TypeVar("K")
V = TypeVar("V")


class BoundedDict(dict[K, V], Generic[K, V]):
    """A dict that evicts its oldest entries; `evicted` counts them.

    It keeps at most `limit` entries and `text_limit` bytes of captured text in them. Entries are
    added by `keep` only. The keys are also kept in a queue, because a dict finds its first entry
    only by skipping all entries deleted before it.
    """

    __slots__ = ("_budget", "_order", "evicted", "limit")

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
        if size > SHORT:
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
    """Returns the memory of the characters of a text, or of the texts in a tuple."""
    if isinstance(value, str):
        return len(value) if value.isascii() else 4 * len(value)
    size = 0
    if isinstance(value, tuple):
        for item in value:
            size += text_bytes(item)
    return size


def latest(kept: tuple[V, ...], item: V, limit: int = TIMES_KEPT) -> tuple[V, ...]:
    """Returns the latest items with one more; beyond `limit` the oldest is discarded."""
    if len(kept) >= limit:
        return (*kept[1:], item)
    return (*kept, item)


class Refusal:
    """A CONNACK that refused credentials: when, by which server, after how long, and for which.

    `secret` is the keyed hash of user name and password, `password` that of the password.
    """

    __slots__ = (
        "client_id", "frame", "password", "secret", "server", "time_ns", "took_ns", "username",
    )  # fmt: skip

    def __init__(self, record: ConnectionRecord, frame: FrameRef, server: tuple[str, int]) -> None:
        self.time_ns = frame.time_ns
        self.frame = frame
        self.server = server
        self.took_ns = frame.time_ns - (record.connect_frame or frame).time_ns
        self.client_id = record.client_id
        self.username = record.username
        self.secret = record.secret
        self.password = record.password_hash


class Refusals:
    """The latest refusals of one host, at most `REFUSALS_KEPT`, in the order of the capture.

    Counts of what differs among them are kept up to date, so that a rule needs to compare them only
    if there may be enough.
    """

    __slots__ = ("_pairs", "_passwords", "_usernames", "items")

    def __init__(self) -> None:
        self.items: deque[Refusal] = deque(maxlen=REFUSALS_KEPT)
        self._usernames: dict[str | None, int] = {}
        self._passwords: dict[str | None, int] = {}
        self._pairs: dict[str | None, int] = {}  # hashes of user name and password

    def __len__(self) -> int:
        return len(self.items)

    def add(self, refusal: Refusal) -> int:
        """Records a refusal; returns by how many bytes the text that is kept has grown."""
        grown = text_bytes((refusal.client_id, refusal.username))
        if len(self.items) == REFUSALS_KEPT:
            oldest = self.items.popleft()
            grown -= text_bytes((oldest.client_id, oldest.username))
            self._count(oldest, -1)
        self.items.append(refusal)
        self._count(refusal, 1)
        return grown

    def _count(self, refusal: Refusal, step: int) -> None:
        _add(self._usernames, refusal.username, step)
        _add(self._passwords, refusal.password, step)
        _add(self._pairs, refusal.secret or refusal.username, step)

    @property
    def usernames(self) -> int:
        """The number of different user names, an absent one among them."""
        return len(self._usernames)

    @property
    def without_username(self) -> int:
        """The number of refusals without a user name."""
        return self._usernames.get(None, 0)

    @property
    def guesses(self) -> int:
        """The number of different passwords, or of pairs with a user name if that is more."""
        return max(len(self._passwords), len(self._pairs))

    def since(self, time_ns: int) -> list[Refusal]:
        """Returns the refusals after `time_ns`."""
        found = []
        for item in self.items:
            if item.time_ns > time_ns:
                found.append(item)  # noqa: PERF401  # a comprehension does not compile to C
        return found

    def by_server(self, server: tuple[str, int], since_ns: int) -> list[Refusal]:
        """Returns the refusals by one server after `since_ns`."""
        found = []
        for item in self.items:
            if item.time_ns > since_ns and item.server == server:
                found.append(item)  # noqa: PERF401
        return found


def _add(counts: dict[str | None, int], key: str | None, step: int) -> None:
    count = counts.get(key, 0) + step
    if count:
        counts[key] = count
    else:
        del counts[key]


class Host:
    """One client address: its latest refusals, silent connections, and more.

    `connects_without_id` are the times of its CONNECTs without a client id, `throttled` the last
    time that each server rejected it or did not answer, `silent` begin and end of connections
    without data, `malformed_times` when it sent malformed packets, `persistent_sessions` how often
    each client id left a session behind.
    """

    __slots__ = (
        "connects_without_id", "ip", "mac", "malformed_times", "persistent_sessions", "refusals",
        "silent", "throttled",
    )  # fmt: skip

    def __init__(self, ip: str, mac: str | None) -> None:
        self.ip = ip
        self.mac = mac
        self.refusals: Refusals | None = None
        self.connects_without_id: tuple[int, ...] = ()
        self.throttled: dict[tuple[str, int], int] | None = None
        self.silent: tuple[tuple[int, int], ...] = ()
        self.malformed_times: tuple[int, ...] = ()
        self.persistent_sessions: dict[str, int] | None = None

    def refused(self, refusal: Refusal) -> int:
        """Records a refusal; returns by how many bytes the text that is kept has grown."""
        if self.refusals is None:
            self.refusals = Refusals()
        return self.refusals.add(refusal)

    def note_rejection(self, server: tuple[str, int], now: int) -> None:
        """Records that a server throttled this host, or did not answer it."""
        if self.throttled is None:
            self.throttled = {}
        if server in self.throttled or len(self.throttled) < MEMBERS_KEPT:
            self.throttled[server] = now

    def note_malformed(self, time_ns: int) -> None:
        """Records that it sent a malformed packet."""
        self.malformed_times = latest(self.malformed_times, time_ns)

    def keep_session(self, client_id: str, limit: int) -> bool:
        """Counts a session that outlives its connection; True if its client id is a new one.

        Beyond `limit` client ids, new ones are not kept.
        """
        if self.persistent_sessions is None:
            self.persistent_sessions = {}
        count = self.persistent_sessions.get(client_id, 0)
        if count or len(self.persistent_sessions) < limit:
            self.persistent_sessions[client_id] = count + 1
            return not count
        return False


class OpenConnection:
    """A connection that was accepted and has not ended.

    `closed`: one side has closed it. `takeovers_by` are connections that took over its client id.
    """

    __slots__ = ("closed", "stream", "takeovers_by")

    def __init__(self, stream: int, closed: bool) -> None:
        self.stream = stream
        self.closed = closed
        self.takeovers_by: tuple[Takeover, ...] = ()


class Client:
    """One client id at one server. `known` is the profile that was accepted last.

    `connects` are the times of its latest CONNECTs, `count` counts all of them. `takeovers` are
    time and address of connections that took over another one.
    """

    __slots__ = ("connects", "count", "known", "live", "takeovers")

    def __init__(self) -> None:
        self.live: tuple[OpenConnection, ...] = ()
        self.connects: tuple[int, ...] = ()
        self.takeovers: tuple[tuple[int, str], ...] = ()
        self.known: Profile | None = None
        self.count = 0

    @property
    def gone(self) -> bool:
        """Whether none of its connections is open."""
        return all(connection.closed for connection in self.live)

    def ended(self, stream: int) -> OpenConnection | None:
        """Removes an open connection, and returns it; None if it is not known as open."""
        for connection in self.live:
            if connection.stream == stream:
                self.live = tuple([item for item in self.live if item is not connection])
                return connection
        return None


class Takeover:
    """A connection that took over a client id: from which address, as which user, and when."""

    __slots__ = ("frame", "ip", "mac", "stream", "username")

    def __init__(self, record: ConnectionRecord, frame: FrameRef) -> None:
        self.ip = record.client_ip
        self.mac = record.client_mac
        self.stream = record.stream
        self.username = record.username
        self.frame = frame


class Credential:
    """One pair of user name and password, by its hash, with the client ids and hosts that used it.

    `addresses` and `macs` are those of the hosts, `frames` those where a host used it first.
    """

    __slots__ = ("addresses", "client_ids", "frames", "macs")

    def __init__(self) -> None:
        self.client_ids: tuple[str, ...] = ()
        self.addresses: tuple[str, ...] = ()
        self.macs: tuple[str | None, ...] = ()
        self.frames: tuple[FrameRef, ...] = ()

    @property
    def hosts(self) -> dict[str, str | None]:
        """The MAC of each host, by its address."""
        return dict(zip(self.addresses, self.macs, strict=True))

    def add_host(self, ip: str, mac: str | None) -> bool:
        """Adds a host; False if it is known, or `MEMBERS_KEPT` are."""
        if ip in self.addresses or len(self.addresses) >= MEMBERS_KEPT:
            return False
        self.addresses = (*self.addresses, ip)
        self.macs = (*self.macs, mac)
        return True


class ServerHistory:
    """One server: how many different clients connected in each interval of ten seconds.

    `newcomers` are the hashes of those in the current one.
    """

    __slots__ = ("bucket", "newcomers", "rates")

    def __init__(self) -> None:
        self.bucket = -1
        self.newcomers: set[int] = set()
        self.rates: deque[int] = deque(maxlen=BUCKETS_KEPT)
