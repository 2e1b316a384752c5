"""Tracks the activity of servers, hosts, client ids and credentials over all connections, for the
audit rules: open connections, refusals, takeovers, reconnects, and which connections are alike.

Connections that are alike in everything that a device chooses share one `Profile`, so expensive
work is done once per profile and memory grows with the number of profiles. Every table evicts its
oldest entry when it is full, so a live capture can run for months. No secret is kept: credentials
are stored as a keyed hash, and packets are released when their connection ends.
"""

from __future__ import annotations

import os

from dissector.connections.audit_context import AuditContext, Event
from dissector.connections.connection import Connection
from dissector.connections.entities import (
    BUCKETS_KEPT,
    MEMBERS_KEPT,
    SECOND_NS,
    TEXT_LIMIT,
    BoundedDict,
    Client,
    Credential,
    Host,
    Refusal,
    ServerHistory,
    Takeover,
    append_bounded,
    text_bytes,
)
from dissector.connections.profile import STREAMS_KEPT, Profile, client_address, encapsulation_facts
from dissector.model import FrameRef, Side
from dissector.mqtt.packets.connack import Connack
from dissector.mqtt.packets.connect import Connect
from dissector.mqtt.properties import property_value
from dissector.text import encode, fingerprint

PROFILES = 65_536
HOSTS = 16_384
CLIENTS = 65_536
CREDENTIALS = 16_384
SERVERS = 1_024
ONCE = 131_072
STEMS = 4_096  # prefixes of client ids that end in a number, over all servers
NEWCOMERS_KEPT = 65_536  # per server and interval of ten seconds
BUCKET_NS = 10 * SECOND_NS

# Return codes that refuse the credentials, in 3.1 and 3.1.1, and in 5.0
DENIED = frozenset({4, 5, 0x86, 0x87})
# Reason codes of 5.0 with which a server throttles a host: Banned, Connection rate exceeded
SLOWED = frozenset({0x8A, 0x9F})


class ActivityTracker:
    """Holds the activity tables. `key` is the key of the hashes of secrets, random if None."""

    def __init__(self, key: bytes | None = None) -> None:
        self.key = os.urandom(16) if key is None else key
        self.profiles: BoundedDict[tuple[object, ...], Profile] = BoundedDict(
            PROFILES, 2 * TEXT_LIMIT
        )
        self.hosts: BoundedDict[str, Host] = BoundedDict(HOSTS)
        self.clients: BoundedDict[tuple[str, int, str], Client] = BoundedDict(CLIENTS)
        self.credentials: BoundedDict[str, Credential] = BoundedDict(CREDENTIALS)
        self.servers: BoundedDict[tuple[str, int], ServerHistory] = BoundedDict(SERVERS)
        # numbers at the end of client ids, by server and prefix
        self.stems: BoundedDict[tuple[str, int, str], set[int]] = BoundedDict(STEMS)
        self.start_ns: int | None = None
        self._once: BoundedDict[tuple[object, ...], None] = BoundedDict(ONCE)
        self._judged: dict[int, Profile] = {}  # of open connections, by stream
        self.capture: int | None = None  # the capture's id if there are several
        self.period = 0  # counts calls of `forget`

    def begin_capture(self, number: int) -> None:
        """Begins one of several captures; the connections of the one before have all ended."""
        self.capture = number
        self._judged.clear()

    def forget(self) -> None:
        """Discards all activity but the profiles, since what follows is not later in time."""
        self.period += 1
        for table in (self.hosts, self.clients, self.credentials, self.servers, self.stems,
                      self._once):  # fmt: skip
            table.empty()
        self.start_ns = None

    @property
    def evicted(self) -> int:
        """Number of entries evicted from the tables; without those of `once`, which only repeat."""
        entities = self.profiles.evicted + self.hosts.evicted + self.clients.evicted
        return entities + self.credentials.evicted + self.servers.evicted + self.stems.evicted

    def once(self, *key: object) -> bool:
        """Whether this is the first call with this key."""
        if key in self._once:
            return False
        self._once.keep(key, None)
        return True

    def reported(self, *key: object) -> bool:
        """Whether `once` was called with this key."""
        return key in self._once

    def profile_of(self, stream: int) -> Profile | None:
        """Returns the profile of an open connection, by stream index."""
        return self._judged.get(stream)

    def answered(self, connection: Connection) -> AuditContext | None:
        """Records a connection whose CONNACK was seen; None if its CONNECT was not seen."""
        connect, connack = connection.connect, connection.connack
        if connect is None or connect.frame is None or connack is None or connack.frame is None:
            return None
        return self._opened(connection, connect, connack, connack.frame)

    def ended(self, connection: Connection) -> AuditContext:
        """Records the end of a connection."""
        now = connection.quality.ended_ns
        profile = self._judged.pop(connection.stream, None)
        connect = connection.connect
        if profile is None and connect is not None and connect.frame is not None:
            context = self._opened(connection, connect, connection.connack, connect.frame)
            self._judged.pop(connection.stream, None)
            context.event |= Event.ENDED
        else:
            context = AuditContext(self, connection, Event.ENDED, now)
            context.profile = profile = profile or self._profile(connection, None, None, now)
            context.host = self._host(profile)
        if context.profile is not None and context.profile.keep_alive == 0:
            context.event |= Event.NO_KEEP_ALIVE
        if connection.findings:
            context.event |= Event.WITH_FINDINGS
        if (context.profile is None or context.profile.code != 0) and connection.served():
            context.event |= Event.SERVED
        if connect is not None and connection.connack is None and context.host is not None:
            # the server did not answer, or its answer was not captured
            context.host.note_rejection((connection.server.ip, connection.server.port), now)
        if connect is None:
            if not connection.has_data():
                context.event |= Event.SILENT
                assert context.host is not None
                append_bounded(context.host.silent, (connection.opened_ns, now))
            return context
        context.client = self.clients.get(
            (connection.server.ip, connection.server.port, connect.client_id)
        )
        if context.client is not None:
            _, context.takeovers_by = context.client.live.pop(connection.stream, (None, []))
            if context.takeovers_by:
                context.event |= Event.TAKEN_OVER
                first = context.takeovers_by[0]
                if connection.quality.incomplete_reason() is None and client_active_since(
                    connection, first.frame.time_ns
                ):
                    append_bounded(context.client.takeovers, (first.frame.time_ns, first.ip))
        return context

    def _opened(
        self, connection: Connection, connect: Connect, connack: Connack | None, frame: FrameRef
    ) -> AuditContext:
        now = frame.time_ns
        if self.start_ns is None:
            self.start_ns = now
        context = AuditContext(self, connection, Event.CONNECT, now)
        profile = context.profile = self._profile(connection, connect, connack, now)
        if profile.recent == 1:
            context.event |= Event.PROFILE | _connection_flags(profile, connect)
        self._judged[connection.stream] = profile
        host = context.host = self._host(profile)
        client_id = connect.client_id
        code = profile.code
        if client_id not in host.client_ids and len(host.client_ids) < MEMBERS_KEPT:
            host.client_ids[client_id] = None
            self.hosts.charge(host.ip, text_bytes(client_id))
        if not client_id:
            append_bounded(host.connects_without_id, now)
        server = context.server = self._server(connection, now)
        if len(server.newcomers) < NEWCOMERS_KEPT:
            server.newcomers.add(hash(client_id or host.ip))
        place = (connection.server.ip, connection.server.port)
        key = (*place, client_id)
        client = self.clients.get(key)
        if client is None:
            size = text_bytes((connect.username, connect.last_will_topic))
            size += _property_text(connect, connack)
            client = self.clients.keep(key, Client(), size)
            context.event |= Event.NEW_CLIENT
        context.client = client
        append_bounded(client.connects, now)
        client.count += 1
        if client.count > 1 or not client_id:
            context.event |= Event.RECONNECT
        if code is None:
            return context
        if code:
            context.event |= Event.REFUSED
            if code in DENIED:
                context.event |= Event.DENIED
                refusal = Refusal(frame, connect, place, profile.secret, self.key)
                self.hosts.charge(host.ip, host.note_denial(refusal))
            elif code in SLOWED:
                host.note_rejection(place, now)
            return context
        context.event |= Event.ACCEPTED
        if host.denials:
            context.event |= Event.AFTER_DENIAL
        if not profile.clean or profile.properties:
            context.event |= Event.KEPT_SESSION
        for _, takeovers_by in client.live.values():
            if len(takeovers_by) < STREAMS_KEPT:
                takeovers_by.append(Takeover(connection, frame))
        if len(client.live) < STREAMS_KEPT and client_id:
            client.live[connection.stream] = (connection, [])
        context.former = client.known
        if client.known is not profile:
            if client.known is not None:
                context.event |= Event.CHANGED
            client.known = profile
        if profile.secret is not None:
            self._share(context, profile, connection, frame)
        return context

    def _share(
        self, context: AuditContext, profile: Profile, connection: Connection, frame: FrameRef
    ) -> None:
        secret, client_id = profile.secret, profile.client_id
        assert secret is not None and client_id is not None
        known = self.credentials.get(secret)
        if known is None:
            known = self.credentials.keep(secret, Credential())
        context.credential = known
        fresh = False
        if client_id not in known.client_ids and len(known.client_ids) < MEMBERS_KEPT:
            known.client_ids[client_id] = None
            self.credentials.charge(secret, text_bytes(client_id))
            fresh = True
        ip = profile.client_ip
        if ip not in known.hosts and len(known.hosts) < MEMBERS_KEPT:
            known.hosts[ip] = profile.client_mac
            fresh = True
        if fresh:
            if len(known.client_ids) > 1 or len(known.hosts) > 1:
                context.event |= Event.SHARED
            if len(known.frames) < STREAMS_KEPT:
                known.frames.append(frame)

    def _profile(
        self, connection: Connection, connect: Connect | None, connack: Connack | None, now: int
    ) -> Profile:
        server = connection.server
        secret: str | None = None
        ip, mac = client_address(connection)
        if connect is None:
            key: tuple[object, ...] = (
                ip,
                mac,
                server.ip,
                server.port,
                connection.transport,
                encapsulation_facts(connection),
                connection.has_data(),
                connection.served(),
            )
        else:
            method = None
            if connect.properties:
                method = property_value(connect.properties, "authenticationMethod")
            if connect.password:
                pair = encode(connect.username or "") + b"\0" + connect.password
                secret = fingerprint(pair, self.key)
            key = (
                ip, mac, server.ip, server.port, connect.client_id, connect.username,
                secret, method, connect.protocol_level, connect.connect_flags, connect.keep_alive,
                connect.last_will_topic, connection.transport, encapsulation_facts(connection),
                None if connack is None else connack.return_code,
                connack is None and connection.served(),
                connection.encapsulation is not None and connection.encapsulation.login_possible,
            )  # fmt: skip
        profile = self.profiles.get(key)
        if profile is None:
            size = 0 if connect is None else _property_text(connect, connack)
            profile = self.profiles.keep(key, Profile(connection, connect, connack, now), size)
            profile.secret = secret
        profile.add(self.capture, connection.stream, self.period)
        if now > profile.last_ns:
            profile.last_ns = now
        return profile

    def _host(self, profile: Profile) -> Host:
        ip = profile.client_ip
        host = self.hosts.get(ip)
        if host is None:
            host = self.hosts.keep(ip, Host(ip, profile.client_mac))
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


def _property_text(connect: Connect, connack: Connack | None) -> int:
    """Returns the memory of the properties of a CONNECT and its CONNACK, which a profile keeps."""
    size = 0
    properties = connect.properties if connack is None else connect.properties + connack.properties
    for item in properties:
        size += text_bytes(item.value)
    return size


def _connection_flags(profile: Profile, connect: Connect) -> int:
    """Returns the `Event` bits of a new profile."""
    bits = 0
    if profile.anonymous:
        bits |= Event.ANONYMOUS
    elif profile.shows_login:
        bits |= Event.CREDENTIALS
        if connect.password:
            bits |= Event.PASSWORD
    if profile.will is not None:
        bits |= Event.WILL
    if profile.bridge:
        bits |= Event.FROM_BRIDGE
    if profile.keep_alive == 0:
        bits |= Event.NO_KEEP_ALIVE
    if profile.connack_properties:
        bits |= Event.CONNACK_PROPERTIES
    if connect.first is not connect.frame:
        bits |= Event.SPLIT_CONNECT
    return bits


def client_active_since(old: Connection, since_ns: int) -> bool:
    """Whether the client closed the connection at or after `since_ns`, so was still active then."""
    for event in old.closes:
        if event.side is Side.CLIENT and event.frame.time_ns >= since_ns:
            return True
    return False
