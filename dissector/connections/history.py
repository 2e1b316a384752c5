# cython: annotation_typing=False
"""Connections in as they are answered and as they end, what a server and a client id went through
out: who was live when, refusals, takeovers, reconnects, and which connections are alike.

Connections that are alike in all that a device chooses share one `Profile`; so what is costly is
done once for each, and the memory is that of the profiles. Every table forgets its oldest entry
once it is full, so a live interface may feed it for months. No secret is kept: credentials are
known by a keyed hash, and packets are let go when their connection ends.

An `Event` says what is new about a connection; rules name those that they ask about.
"""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from dissector.connections.connection import Connection
from dissector.model import FrameRef, Side, Version
from dissector.mqtt.packets import Connack, Connect, Property, property_value
from dissector.text import encode, fingerprint

if TYPE_CHECKING:
    from dissector.connections.tls_handshake import TlsHandshake
    from dissector.connections.tls_history import TlsFacts

SECOND_NS = 1_000_000_000
PROFILES = 65_536
HOSTS = 16_384
CLIENTS = 65_536
CREDENTIALS = 16_384
SERVERS = 1_024
ONCE = 131_072
STREAMS_KEPT = 8
MEMBERS_KEPT = 64  # client ids and hosts that a credential or a host remembers
TIMES_KEPT = 64
STEMS = 4_096  # beginnings of client ids that end in a number, over all servers
NUMBERS_KEPT = 256  # of each
NEWCOMERS_KEPT = 65_536  # of each ten seconds and server
REFUSALS_KEPT = 128
BUCKET_NS = 10 * SECOND_NS
BUCKETS_KEPT = 360
AUTHENTICATION_DATA = 0x16

# Codes that say: these credentials are not good enough, in 3.1 and 3.1.1, and in 5.0
DENIED = frozenset({4, 5, 0x86, 0x87})
# Codes of 5.0 by which a server keeps somebody off: Banned, Connection rate exceeded
SLOWED = frozenset({0x8A, 0x9F})


class Event:
    """What is new about a connection, as bits; a rule names those that it asks about.

    Those from `CREDENTIALS` to `ANNOUNCED` come with `PROFILE` only: so a rule about wills is not
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
    IN_PIECES = 1 << 16  # the CONNECT came in more than one frame
    ANNOUNCED = 1 << 17  # its CONNACK has properties
    AFTER_DENIAL = 1 << 18  # accepted, and its host was refused before
    UNKEPT = 1 << 19  # keep alive is off: when the profile is new, and when the connection ends
    KEPT_SESSION = 1 << 20  # accepted with a session that outlives the connection
    FAULTY = 1 << 21  # it ended, and rules about the standard found something on it


K = TypeVar("K")
V = TypeVar("V")


class Recent(dict[K, V], Generic[K, V]):
    """A dict that forgets its oldest entries beyond `limit`; `forgot` counts them."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.forgot = 0

    def keep(self, key: K, value: V) -> V:
        """Add an entry."""
        if len(self) >= self.limit:
            del self[next(iter(self))]
            self.forgot += 1
        self[key] = value
        return value


class Profile:
    """Connections that are alike: the same ends, client id, credentials, and ways.

    `secret` is a keyed hash of user name and password, None without a password; of TLS the
    fingerprint of the client certificate's key. `code` is that of the CONNACK, None without one.
    `client_id` is None where no CONNECT was seen. `host` and `path` are those of a WebSocket
    upgrade; `forwarded` is the client's address by the word of a proxy, which gave it in the ways
    of `forwarders`. `tls` is what TLS says of connections that nothing opened, or beside those that
    a key log did.
    """

    __slots__ = (
        "bridge", "clean", "client_id", "client_ip", "client_mac", "client_port", "code",
        "complete", "connack_properties", "count", "extra", "first_ns", "forwarded", "forwarders",
        "host", "keep_alive", "last_ns", "method", "path", "properties", "protocol_level", "secret",
        "server_ip", "server_mac", "server_port", "streams", "tls", "transport", "username",
        "version", "will",
    )  # fmt: skip

    def __init__(
        self,
        connection: Connection | TlsHandshake,
        connect: Connect | None,
        connack: Connack | None,
        now: int,
    ) -> None:
        server = connection.server
        self.client_ip, self.client_mac = client_place(connection)
        self.client_port = connection.client.port
        self.server_ip, self.server_mac, self.server_port = server.ip, server.mac, server.port
        self.transport = "tls"
        self.host, self.path, self.forwarded, self.forwarders = carried(connection) or _PLAIN
        self.version: Version | None = None
        self.bridge = False
        self.tls: TlsFacts | None = None
        if isinstance(connection, Connection):
            self.transport = connection.transport
            self.version = connection.version
            self.bridge = connection.bridge
        self.client_id: str | None = None
        self.username: str | None = None
        self.secret: str | None = None
        self.method: str | None = None
        self.clean = True
        self.keep_alive = 0
        self.protocol_level = 0
        self.will: tuple[str, int, bool, int] | None = None
        self.properties: tuple[Property, ...] = ()
        self.complete = False
        self.connack_properties: tuple[Property, ...] = ()
        self.code: int | None = None
        if connect is not None:
            self.client_id = connect.client_id
            self.username = connect.username
            self.clean = connect.clean_session
            self.keep_alive = connect.keep_alive
            self.protocol_level = connect.protocol_level
            self.complete = connect.complete
            self.properties = _open_properties(connect.properties)
            self.method = property_value(connect.properties, "authenticationMethod")
            if connect.will_flag and connect.last_will_topic is not None:
                size = len(connect.last_will_message or b"")
                self.will = (
                    connect.last_will_topic, connect.last_will_qos, connect.last_will_retain, size
                )  # fmt: skip
        if connack is not None:
            self.code = connack.return_code
            self.connack_properties = _open_properties(connack.properties)
        self.count = 0
        self.first_ns = self.last_ns = now
        self.streams: list[int] = []
        self.extra: object = None  # for whoever keeps an inventory

    @property
    def opaque(self) -> bool:
        """Whether it is TLS that nothing opened."""
        return self.tls is not None and not self.tls.decrypted

    def note(self, stream: int) -> None:
        """Remember the number of one of its connections."""
        if len(self.streams) < STREAMS_KEPT:
            self.streams.append(stream)

    @property
    def anonymous(self) -> bool:
        """Whether it shows nothing that tells who it is."""
        return self.username is None and self.secret is None and self.method is None


Carried = tuple[str | None, str | None, str | None, tuple[str, ...]]
_PLAIN: Carried = (None, None, None, ())


def carried(connection: Connection | TlsHandshake) -> Carried | None:
    """Give host, path, and the client's address behind a proxy with the ways it was given in."""
    carrier = connection.carrier
    if carrier is None:
        return None
    request = carrier.request
    return (
        None if request is None else request.host,
        None if request is None else request.path,
        carrier.forwarded,
        carrier.forwarders,
    )


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

    `nameless` are the times of its CONNECTs without a client id, `slowed` the last time that each
    server kept it off.
    """

    __slots__ = (
        "broken", "client_ids", "denials", "ip", "kept", "mac", "nameless", "silent", "slowed",
    )  # fmt: skip

    def __init__(self, ip: str, mac: str | None) -> None:
        self.ip = ip
        self.mac = mac
        self.denials: deque[Refusal] = deque(maxlen=REFUSALS_KEPT)
        self.nameless: deque[int] = deque(maxlen=TIMES_KEPT)
        self.slowed: dict[tuple[str, int], int] = {}
        self.silent: deque[tuple[int, int]] = deque(maxlen=TIMES_KEPT)
        self.broken: deque[int] = deque(maxlen=TIMES_KEPT)
        self.client_ids: dict[str, None] = {}
        self.kept: dict[str, int] = {}

    def keep_off(self, server: tuple[str, int], now: int) -> None:
        """A server keeps this host off, or lets it wait."""
        if server in self.slowed or len(self.slowed) < MEMBERS_KEPT:
            self.slowed[server] = now


class Client:
    """One client id at one server."""

    __slots__ = ("connects", "count", "known", "live", "takeovers")

    def __init__(self) -> None:
        self.live: dict[int, tuple[Connection, list[Overtaker]]] = {}
        self.connects: deque[int] = deque(maxlen=TIMES_KEPT)
        self.takeovers: deque[tuple[int, str]] = deque(maxlen=TIMES_KEPT)
        self.known: Profile | None = None
        self.count = 0


class Overtaker:
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


class Moment:  # mutable while `History` fills it, read only from then on
    """One connection at the moment that it is judged, with what is known around it."""

    __slots__ = (
        "client", "connection", "credential", "event", "former", "history", "host", "now",
        "overtakers", "profile", "server",
    )  # fmt: skip

    def __init__(self, history: History, connection: Connection, event: int, now: int) -> None:
        self.history = history
        self.connection = connection
        self.event = event
        self.now = now
        self.profile: Profile | None = None
        self.former: Profile | None = None  # of the same client id, before this one
        self.host: Host | None = None
        self.client: Client | None = None
        self.server: ServerHistory | None = None
        self.credential: Credential | None = None
        self.overtakers: list[Overtaker] = []


class History:
    """All that is remembered. `key` is that of the hashes of secrets, random if None."""

    def __init__(self, key: bytes | None = None) -> None:
        self.key = os.urandom(16) if key is None else key
        self.profiles: Recent[tuple[object, ...], Profile] = Recent(PROFILES)
        self.hosts: Recent[str, Host] = Recent(HOSTS)
        self.clients: Recent[tuple[str, int, str], Client] = Recent(CLIENTS)
        self.credentials: Recent[str, Credential] = Recent(CREDENTIALS)
        self.servers: Recent[tuple[str, int], ServerHistory] = Recent(SERVERS)
        # numbers at the end of client ids, by server and by what is before them
        self.stems: Recent[tuple[str, int, str], set[int]] = Recent(STEMS)
        self.start_ns: int | None = None
        self._once: Recent[tuple[object, ...], None] = Recent(ONCE)
        self._judged: dict[int, Profile] = {}  # of open connections, by stream

    def once(self, *key: object) -> bool:
        """Whether this is asked for the first time."""
        if key in self._once:
            return False
        self._once.keep(key, None)
        return True

    def profile_of(self, stream: int) -> Profile | None:
        """Give the profile of a connection that is open."""
        return self._judged.get(stream)

    def answered(self, connection: Connection) -> Moment | None:
        """Take a connection whose CONNACK has come; None where its CONNECT was not seen."""
        connect, connack = connection.connect, connection.connack
        if connect is None or connect.frame is None or connack is None or connack.frame is None:
            return None
        return self._opened(connection, connect, connack, connack.frame)

    def ended(self, connection: Connection) -> Moment:
        """Take a connection whose view has ended."""
        now = connection.view.ended_ns
        profile = self._judged.pop(connection.stream, None)
        connect = connection.connect
        if profile is None and connect is not None and connect.frame is not None:
            moment = self._opened(connection, connect, connection.connack, connect.frame)
            self._judged.pop(connection.stream, None)
            moment.event |= Event.ENDED
        else:
            moment = Moment(self, connection, Event.ENDED, now)
            moment.profile = profile or self._profile(connection, None, None, now)
            moment.host = self._host(connection)
        if moment.profile is not None and moment.profile.keep_alive == 0:
            moment.event |= Event.UNKEPT
        if connection.findings:
            moment.event |= Event.FAULTY
        if connect is not None and connection.connack is None and moment.host is not None:
            # it was let wait; or we did not see the answer
            moment.host.keep_off((connection.server.ip, connection.server.port), now)
        if connect is None:
            if not connection.client_spoke and not connection.server_spoke:
                moment.event |= Event.SILENT
                assert moment.host is not None
                moment.host.silent.append((connection.opened_ns, now))
            return moment
        moment.client = self.clients.get(
            (connection.server.ip, connection.server.port, connect.client_id)
        )
        if moment.client is not None:
            _, moment.overtakers = moment.client.live.pop(connection.stream, (None, []))
            if moment.overtakers:
                moment.event |= Event.TAKEN_OVER
                first = moment.overtakers[0]
                if connection.view.blind() is None and lived(connection, first.frame.time_ns):
                    moment.client.takeovers.append((first.frame.time_ns, first.ip))
        return moment

    def _opened(
        self, connection: Connection, connect: Connect, connack: Connack | None, frame: FrameRef
    ) -> Moment:
        now = frame.time_ns
        if self.start_ns is None:
            self.start_ns = now
        moment = Moment(self, connection, Event.CONNECT, now)
        profile = moment.profile = self._profile(connection, connect, connack, now)
        if profile.count == 1:
            moment.event |= Event.PROFILE | _traits(profile, connect)
        self._judged[connection.stream] = profile
        host = moment.host = self._host(connection)
        client_id = connect.client_id
        code = profile.code
        if client_id not in host.client_ids and len(host.client_ids) < MEMBERS_KEPT:
            host.client_ids[client_id] = None
        if not client_id:
            host.nameless.append(now)
        server = moment.server = self._server(connection, now)
        if len(server.newcomers) < NEWCOMERS_KEPT:
            server.newcomers.add(client_id or host.ip)
        place = (connection.server.ip, connection.server.port)
        key = (*place, client_id)
        client = self.clients.get(key)
        if client is None:
            client = self.clients.keep(key, Client())
            moment.event |= Event.NEW_CLIENT
        moment.client = client
        client.connects.append(now)
        client.count += 1
        if code is None:
            return moment
        if code:
            moment.event |= Event.REFUSED
            if code in DENIED:
                moment.event |= Event.DENIED
                host.denials.append(Refusal(frame, connect, place, profile.secret, self.key))
            elif code in SLOWED:
                host.keep_off(place, now)
            return moment
        moment.event |= Event.ACCEPTED
        if host.denials:
            moment.event |= Event.AFTER_DENIAL
        if not profile.clean or profile.properties:
            moment.event |= Event.KEPT_SESSION
        for _, overtakers in client.live.values():
            if len(overtakers) < STREAMS_KEPT:
                overtakers.append(Overtaker(connection, frame))
        if len(client.live) < STREAMS_KEPT and client_id:
            client.live[connection.stream] = (connection, [])
        moment.former = client.known
        if client.known is not profile:
            if client.known is not None:
                moment.event |= Event.CHANGED
            client.known = profile
        if profile.secret is not None:
            self._share(moment, profile, connection, frame)
        return moment

    def _share(
        self, moment: Moment, profile: Profile, connection: Connection, frame: FrameRef
    ) -> None:
        secret, client_id = profile.secret, profile.client_id
        assert secret is not None and client_id is not None
        known = self.credentials.get(secret)
        if known is None:
            known = self.credentials.keep(secret, Credential())
        moment.credential = known
        fresh = False
        if client_id not in known.client_ids and len(known.client_ids) < MEMBERS_KEPT:
            known.client_ids[client_id] = None
            fresh = True
        ip = profile.client_ip
        if ip not in known.hosts and len(known.hosts) < MEMBERS_KEPT:
            known.hosts[ip] = profile.client_mac
            fresh = True
        if fresh:
            moment.event |= Event.SHARED
            if len(known.frames) < STREAMS_KEPT:
                known.frames.append(frame)

    def _profile(
        self, connection: Connection, connect: Connect | None, connack: Connack | None, now: int
    ) -> Profile:
        server = connection.server
        secret: str | None = None
        ip, mac = client_place(connection)
        if connect is None:
            key: tuple[object, ...] = (ip, mac, server.ip, server.port, carried(connection))
        else:
            if connect.password is not None:
                pair = encode(connect.username or "") + b"\0" + connect.password
                secret = fingerprint(pair, self.key)
            key = (
                ip, mac, server.ip, server.port, connect.client_id, connect.username,
                secret, connect.protocol_level, connect.connect_flags, connect.keep_alive,
                connect.last_will_topic, connection.transport, carried(connection),
                None if connack is None else connack.return_code,
            )  # fmt: skip
        profile = self.profiles.get(key)
        if profile is None:
            profile = self.profiles.keep(key, Profile(connection, connect, connack, now))
            profile.secret = secret
        profile.count += 1
        if now > profile.last_ns:
            profile.last_ns = now
        profile.note(connection.stream)
        return profile

    def _host(self, connection: Connection) -> Host:
        ip, mac = client_place(connection)
        host = self.hosts.get(ip)
        if host is None:
            host = self.hosts.keep(ip, Host(ip, mac))
        return host

    def _server(self, connection: Connection, now: int) -> ServerHistory:
        key = (connection.server.ip, connection.server.port)
        server = self.servers.get(key)
        if server is None:
            server = self.servers.keep(key, ServerHistory())
        bucket = now // BUCKET_NS
        if bucket > server.bucket:
            if server.bucket >= 0:
                server.rates.append(len(server.newcomers))
                gap = min(bucket - server.bucket - 1, BUCKETS_KEPT)
                server.rates.extend([0] * gap)
            server.bucket = bucket
            server.newcomers = set()
        return server


def _traits(profile: Profile, connect: Connect) -> int:
    """Give the bits that say what is remarkable about a new profile."""
    bits = 0
    if profile.anonymous:
        bits |= Event.ANONYMOUS
    else:
        bits |= Event.CREDENTIALS
        if connect.password:
            bits |= Event.PASSWORD
    if profile.will is not None:
        bits |= Event.WILL
    if profile.bridge:
        bits |= Event.FROM_BRIDGE
    if profile.keep_alive == 0:
        bits |= Event.UNKEPT
    if profile.connack_properties:
        bits |= Event.ANNOUNCED
    if connect.first is not connect.frame:
        bits |= Event.IN_PIECES
    return bits


def client_place(connection: Connection | TlsHandshake) -> tuple[str, str | None]:
    """Give the client's address and MAC; behind a proxy that names it, its address alone."""
    carrier, client = connection.carrier, connection.client
    if carrier is not None and carrier.proxied is not None and carrier.proxied.ip is not None:
        return carrier.proxied.ip, None
    return client.ip, client.mac


def lived(old: Connection, since_ns: int) -> bool:
    """Whether the client of a connection still answered after `since_ns`."""
    return any(
        event.side is Side.CLIENT and event.frame.time_ns >= since_ns for event in old.closes
    )


def _open_properties(properties: tuple[Property, ...]) -> tuple[Property, ...]:
    """Give the properties that hold no secret."""
    if not properties:
        return ()
    return tuple(item for item in properties if item.id != AUTHENTICATION_DATA)
