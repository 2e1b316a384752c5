"""Tracks the activity of servers, hosts, client ids and credentials over all connections, for the
audit rules: open connections, refusals, takeovers, reconnects, and which connections are alike.

It takes records of connections (`connections/record.py`), no live ones, in the order of time.
Connections that are alike in everything that a device chooses share one `Profile`, so expensive
work is done once per profile and memory grows with the number of profiles. No secret is kept:
credentials are stored as a keyed hash.
"""

from __future__ import annotations

from dissector.activity.context import AuditContext, Event
from dissector.activity.entities import (
    BUCKETS_KEPT,
    MEMBERS_KEPT,
    SECOND_NS,
    SHORT,
    Client,
    Credential,
    Host,
    OpenConnection,
    Refusal,
    ServerHistory,
    Takeover,
    latest,
    text_bytes,
)
from dissector.activity.profile import STREAMS_KEPT, Profile, profile_of
from dissector.activity.tables import ActivityTables
from dissector.connections.record import DENIED, ConnectionRecord
from dissector.model import FrameRef, Side

NEWCOMERS_KEPT = 65_536  # per server and interval of ten seconds
BUCKET_NS = 10 * SECOND_NS

# Reason codes of 5.0 with which a server throttles a host: Banned, Connection rate exceeded
SLOWED = frozenset({0x8A, 0x9F})


class ActivityTracker(ActivityTables):
    """Updates the tables by records of connections."""

    def __init__(self, key: bytes | None = None) -> None:
        ActivityTables.__init__(self, key)
        self._judged: dict[int, Profile] = {}  # of open connections, by stream

    def begin_capture(self, number: int) -> None:
        """Begins one of several captures; the connections of the one before have all ended."""
        self.capture = number
        self._judged.clear()

    def answered(self, record: ConnectionRecord) -> AuditContext:
        """Records a connection whose CONNECT and CONNACK were seen."""
        assert record.connack_frame is not None
        return self._opened(record, record.connack_frame)

    def closing(self, stream: int) -> None:
        """Records that one side has closed an open connection."""
        profile = self._judged.get(stream)
        if profile is None or not profile.client_id:
            return
        client = self.clients.get((profile.server_ip, profile.server_port, profile.client_id))
        if client is not None:
            for connection in client.live:
                if connection.stream == stream:
                    connection.closed = True

    def ended(self, record: ConnectionRecord) -> AuditContext:
        """Records the end of a connection."""
        now = record.ended_ns
        profile = self._judged.pop(record.stream, None)
        if profile is None and record.connect_frame is not None:
            context = self._opened(record, record.connect_frame)
            self._judged.pop(record.stream, None)
            context.event |= Event.ENDED
        else:
            context = AuditContext(self, record, Event.ENDED, now)
            if profile is None:
                profile = self._profile(record, now)
            context.profile = profile
            context.host = self._host(profile)
        profile = context.profile
        assert profile is not None
        if profile.keep_alive == 0:
            context.event |= Event.NO_KEEP_ALIVE
        if record.findings:
            context.event |= Event.WITH_FINDINGS
        if profile.code != 0 and record.served:
            context.event |= Event.SERVED
        host = context.host
        if record.has_connect and not record.has_connack and host is not None:
            # the server did not answer, or its answer was not captured
            host.note_rejection((record.server.ip, record.server.port), now)
        if not record.has_connect:
            if not record.has_data:
                context.event |= Event.SILENT
                assert host is not None
                host.silent = latest(host.silent, (record.opened_ns, now))
            return context
        client = self.clients.get((record.server.ip, record.server.port, record.client_id))
        context.client = client
        if client is not None and client.live:
            connection = client.ended(record.stream)
            if connection is not None and connection.takeovers_by:
                context.takeovers_by = connection.takeovers_by
                context.event |= Event.TAKEN_OVER
                first = connection.takeovers_by[0]
                if record.incomplete_reason is None and client_active_since(
                    record, first.frame.time_ns
                ):
                    client.takeovers = latest(client.takeovers, (first.frame.time_ns, first.ip))
        return context

    def _opened(self, record: ConnectionRecord, frame: FrameRef) -> AuditContext:
        now = frame.time_ns
        if self.start_ns is None:
            self.start_ns = now
        context = AuditContext(self, record, Event.CONNECT, now)
        profile = context.profile = self._profile(record, now)
        if profile.recent == 1:
            context.event |= Event.PROFILE | _profile_events(profile, record)
        self._judged[record.stream] = profile
        host = context.host = self._host(profile)
        client_id = record.client_id
        code = profile.code
        if not client_id:
            host.connects_without_id = latest(host.connects_without_id, now)
        server = context.server = self._server(record, now)
        if len(server.newcomers) < NEWCOMERS_KEPT:
            server.newcomers.add(hash(client_id or host.ip))
        place = (record.server.ip, record.server.port)
        key = (*place, client_id)
        client = self.clients.get(key)
        if client is None:
            size = text_bytes((record.username, record.last_will_topic)) + _property_text(record)
            client = self.clients.keep(key, Client(), size)
            context.event |= Event.NEW_CLIENT
        context.client = client
        client.connects = latest(client.connects, now)
        client.count += 1
        if client.count > 1 or not client_id:
            context.event |= Event.RECONNECT
        if code is None:
            return context
        if code:
            context.event |= Event.REFUSED
            if code in DENIED:
                context.event |= Event.DENIED
                self.hosts.charge(host.ip, host.refused(Refusal(record, frame, place)))
            elif code in SLOWED:
                host.note_rejection(place, now)
            return context
        context.event |= Event.ACCEPTED
        if host.refusals is not None:
            context.event |= Event.AFTER_DENIAL
        if not profile.clean or profile.properties:
            context.event |= Event.KEPT_SESSION
        for connection in client.live:
            if len(connection.takeovers_by) < STREAMS_KEPT:
                connection.takeovers_by += (Takeover(record, frame),)
        if len(client.live) < STREAMS_KEPT and client_id:
            client.live += (OpenConnection(record.stream, bool(record.closes)),)
        context.former = client.known
        if client.known is not profile:
            if client.known is not None:
                context.event |= Event.CHANGED
            client.known = profile
        if profile.secret is not None:
            self._share(context, profile, frame)
        return context

    def _share(self, context: AuditContext, profile: Profile, frame: FrameRef) -> None:
        secret, client_id = profile.secret, profile.client_id
        assert secret is not None and client_id is not None
        known = self.credentials.get(secret)
        if known is None:
            known = self.credentials.keep(secret, Credential())
        context.credential = known
        fresh = known.add_host(profile.client_ip, profile.client_mac)
        if client_id not in known.client_ids and len(known.client_ids) < MEMBERS_KEPT:
            known.client_ids += (client_id,)
            size = text_bytes(client_id)
            if size > SHORT or len(known.client_ids) > 1:  # most have a single short one
                self.credentials.charge(secret, size)
            fresh = True
        if fresh:
            if len(known.client_ids) > 1 or len(known.addresses) > 1:
                context.event |= Event.SHARED
            if len(known.frames) < STREAMS_KEPT:
                known.frames += (frame,)

    def _profile(self, record: ConnectionRecord, now: int) -> Profile:
        server = record.server
        if not record.has_connect:
            key: tuple[object, ...] = (
                record.client_ip, record.client_mac, server.ip, server.port, record.transport,
                record.host, record.path, record.forwarded, record.forwarders, record.has_data,
                record.served,
            )  # fmt: skip
        else:
            encapsulated: object = None
            if record.transport != "tcp" or record.forwarders:
                encapsulated = (record.host, record.path, record.forwarded, record.forwarders)
            key = (
                record.client_ip, record.client_mac, server.ip, server.port, record.client_id,
                record.username, record.secret, record.method, record.protocol_level,
                record.connect_flags, record.keep_alive, record.last_will_topic, record.transport,
                encapsulated, record.code, not record.has_connack and record.served,
                record.login_possible,
            )  # fmt: skip
        profile = self.profiles.get(key)
        if profile is None:
            profile = self.profiles.keep(key, profile_of(record, now), _property_text(record))
        profile.add(self.capture, record.stream, self.period)
        if now > profile.last_ns:
            profile.last_ns = now
        return profile

    def _host(self, profile: Profile) -> Host:
        ip = profile.client_ip
        host = self.hosts.get(ip)
        if host is None:
            host = self.hosts.keep(ip, Host(ip, profile.client_mac))
        return host

    def _server(self, record: ConnectionRecord, now: int) -> ServerHistory:
        key = (record.server.ip, record.server.port)
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


def _property_text(record: ConnectionRecord) -> int:
    """Returns the memory of the properties of a CONNECT and its CONNACK, which a profile keeps."""
    size = 0
    for item in record.properties:
        size += text_bytes(item.value)
    for item in record.connack_properties:
        size += text_bytes(item.value)
    return size


def _profile_events(profile: Profile, record: ConnectionRecord) -> int:
    """Returns the `Event` bits of a new profile."""
    bits = 0
    if profile.anonymous:
        bits |= Event.ANONYMOUS
    elif profile.shows_login:
        bits |= Event.CREDENTIALS
        if record.password is not None:
            bits |= Event.PASSWORD
    if profile.will is not None:
        bits |= Event.WILL
    if profile.bridge:
        bits |= Event.FROM_BRIDGE
    if profile.keep_alive == 0:
        bits |= Event.NO_KEEP_ALIVE
    if profile.connack_properties:
        bits |= Event.CONNACK_PROPERTIES
    if record.connect_first is not record.connect_frame:
        bits |= Event.SPLIT_CONNECT
    return bits


def client_active_since(record: ConnectionRecord, since_ns: int) -> bool:
    """Whether the client closed the connection at or after `since_ns`, so was still active then."""
    for event in record.closes:
        if event.side is Side.CLIENT and event.frame.time_ns >= since_ns:
            return True
    return False
