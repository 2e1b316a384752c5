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
    EARLIER_BUCKETS,
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
from dissector.activity.profile import ENCRYPTED, STREAMS_KEPT, Profile, profile_of
from dissector.activity.tables import ActivityTables
from dissector.connections.record import DENIED, ConnectionRecord
from dissector.connections.thresholds import DEFAULT, Thresholds
from dissector.model import FrameRef, Side, Version

NEWCOMERS_KEPT = 65_536  # per server and interval of ten seconds
BUCKET_NS = 10 * SECOND_NS
TLS_PORT = 8883  # of MQTT in TLS, as registered
# Attributes of a class as module-level names: C integers when compiled
_ACCEPTED, _AFTER_DENIAL, _ANONYMOUS = Event.ACCEPTED, Event.AFTER_DENIAL, Event.ANONYMOUS
_CHANGED, _CONNACK_TEXT, _CONNECT = Event.CHANGED, Event.CONNACK_TEXT, Event.CONNECT
_CREDENTIALS, _DENIED, _ENDED = Event.CREDENTIALS, Event.DENIED, Event.ENDED
_FLEET, _FROM_BRIDGE, _IN_CLEAR = Event.FLEET, Event.FROM_BRIDGE, Event.IN_CLEAR
_KEEP_ALIVE, _KEPT_SESSION, _LATE = Event.KEEP_ALIVE, Event.KEPT_SESSION, Event.LATE
_NEW_CLIENT, _NO_KEEP_ALIVE, _NUMBERED = Event.NEW_CLIENT, Event.NO_KEEP_ALIVE, Event.NUMBERED
_OLD_VERSION, _PASSWORD, _PROFILE = Event.OLD_VERSION, Event.PASSWORD, Event.PROFILE
_RECONNECT, _REFUSED, _RETAINED_WILL = Event.RECONNECT, Event.REFUSED, Event.RETAINED_WILL
_SERVED, _SHARED, _SILENT = Event.SERVED, Event.SHARED, Event.SILENT
_SPLIT_CONNECT, _TAKEN_OVER, _TLS_PORT = Event.SPLIT_CONNECT, Event.TAKEN_OVER, Event.TLS_PORT
_USER_NAME_ONLY, _WILL, _WITH_FINDINGS = Event.USER_NAME_ONLY, Event.WILL, Event.WITH_FINDINGS
_V3_1, _V5_0 = Version.V3_1, Version.V5_0
# Properties of a CONNACK with text, by name
_TEXTS = frozenset({"reasonString", "userProperty", "assignedClientIdentifier"})
# The last character of a client id that ends in a number, or is a MAC address
_LAST_DIGITS = "0123456789abcdefABCDEF:-"

# Reason codes of 5.0 with which a server throttles a host: Banned, Connection rate exceeded
SLOWED = frozenset({0x8A, 0x9F})


class ActivityTracker(ActivityTables):
    """Updates the tables by records of connections."""

    def __init__(self, key: bytes | None = None) -> None:
        ActivityTables.__init__(self, key)
        self._judged: dict[int, Profile] = {}  # of open connections, by stream
        self.set_limits(DEFAULT)

    def set_limits(self, limits: Thresholds) -> None:
        """Sets the thresholds of the rules: events that they depend on are marked accordingly."""
        self.limits = limits
        self._old_versions = limits.oldest_version == _V5_0._value_  # or only 3.1
        self._keep_alive_least = limits.keep_alive_least
        self._keep_alive_most = limits.keep_alive_most
        self._learning_ns = limits.learning_days * 86_400 * SECOND_NS
        self._quick_retries = limits.quick_retries
        self._shared_clients = limits.shared_clients
        self._storm_clients = limits.storm_clients

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
            context.event |= _ENDED
        else:
            context = AuditContext(self, record, _ENDED, now)
            if profile is None:
                profile = self._profile(record, now)
            context.profile = profile
            context.host = self._host(profile)
        profile = context.profile
        assert profile is not None
        if profile.keep_alive == 0:
            context.event |= _NO_KEEP_ALIVE
        if record.findings:
            context.event |= _WITH_FINDINGS
        if profile.code != 0 and record.served:
            context.event |= _SERVED
        if record.server.port == TLS_PORT:
            context.event |= _TLS_PORT
        host = context.host
        if record.has_connect and not record.has_connack and host is not None:
            # the server did not answer, or its answer was not captured
            host.note_rejection((record.server.ip, record.server.port), now)
        if not record.has_connect:
            if not record.has_data:
                context.event |= _SILENT
                assert host is not None
                host.silent = latest(host.silent, (record.opened_ns, now))
            return context
        client = self.clients.get((record.server.ip, record.server.port, record.client_id))
        context.client = client
        if client is not None and client.live:
            connection = client.ended(record.stream)
            if connection is not None and connection.takeovers_by:
                context.takeovers_by = connection.takeovers_by
                context.event |= _TAKEN_OVER
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
        context = AuditContext(self, record, _CONNECT, now)
        profile = context.profile = self._profile(record, now)
        if profile.recent == 1:
            context.event |= _PROFILE | self._profile_events(profile, record)
        self._judged[record.stream] = profile
        host = context.host = self._host(profile)
        client_id = record.client_id
        code = profile.code
        if not client_id:
            host.connects_without_id = latest(host.connects_without_id, now)
        server = context.server = self._server(record, now)
        if len(server.newcomers) < NEWCOMERS_KEPT:
            server.newcomers.add(hash(client_id or host.ip))
        if len(server.newcomers) >= self._storm_clients and len(server.rates) >= EARLIER_BUCKETS:
            context.event |= _FLEET
        place = (record.server.ip, record.server.port)
        key = (*place, client_id)
        client = self.clients.get(key)
        if client is None:
            size = text_bytes((record.username, record.last_will_topic)) + _property_text(record)
            client = self.clients.keep(key, Client(), size)
            context.event |= _NEW_CLIENT
            if now - self.start_ns >= self._learning_ns:
                context.event |= _LATE
        context.client = client
        client.connects = latest(client.connects, now)
        client.count += 1
        times = client.connects if client_id else host.connects_without_id
        if len(times) > self._quick_retries:
            context.event |= _RECONNECT
        if code is None:
            return context
        if code:
            context.event |= _REFUSED
            if code in DENIED:
                context.event |= _DENIED
                self.hosts.charge(host.ip, host.refused(Refusal(record, frame, place)))
            elif code in SLOWED:
                host.note_rejection(place, now)
            return context
        context.event |= _ACCEPTED
        if host.refusals is not None:
            context.event |= _AFTER_DENIAL
        if not profile.clean or profile.properties:
            context.event |= _KEPT_SESSION
        for connection in client.live:
            if len(connection.takeovers_by) < STREAMS_KEPT:
                connection.takeovers_by += (Takeover(record, frame),)
        if len(client.live) < STREAMS_KEPT and client_id:
            client.live += (OpenConnection(record.stream, bool(record.closes)),)
        context.former = client.known
        if client.known is not profile:
            if client.known is not None:
                context.event |= _CHANGED
            client.known = profile
        if profile.secret is not None:
            self._share(context, profile, frame)
        if context.event & _NEW_CLIENT and client_id and client_id[-1] in _LAST_DIGITS:
            shared = context.credential
            if profile.anonymous or (
                shared is not None and len(shared.client_ids) >= self._shared_clients
            ):
                context.event |= _NUMBERED
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
                context.event |= _SHARED
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

    def _profile_events(self, profile: Profile, record: ConnectionRecord) -> int:
        """Returns the `Event` bits of a new profile."""
        bits = 0
        if profile.anonymous:
            bits |= _ANONYMOUS
        elif profile.shows_login:
            bits |= _CREDENTIALS
            if record.password is not None:
                bits |= _PASSWORD
        if profile.will is not None:
            bits |= _WILL
            if profile.will[2]:
                bits |= _RETAINED_WILL
        if profile.bridge:
            bits |= _FROM_BRIDGE
        if profile.keep_alive == 0:
            bits |= _NO_KEEP_ALIVE
        for item in profile.connack_properties:
            if item.name in _TEXTS:
                bits |= _CONNACK_TEXT
        if record.connect_first is not record.connect_frame:
            bits |= _SPLIT_CONNECT
        if record.server.port == TLS_PORT:
            bits |= _TLS_PORT
        if profile.code == 0:
            bits |= self._accepted_events(profile)
        return bits

    def _accepted_events(self, profile: Profile) -> int:
        """Returns the `Event` bits of a new profile that was accepted."""
        bits = 0
        if profile.transport not in ENCRYPTED:
            bits |= _IN_CLEAR
        version = profile.version
        if version is _V3_1 or (
            self._old_versions and version is not None and version is not _V5_0
        ):
            bits |= _OLD_VERSION
        if not profile.complete:
            return bits
        seconds = profile.keep_alive
        odd = seconds < self._keep_alive_least or seconds > self._keep_alive_most
        if profile.connack_properties or (seconds and odd):
            bits |= _KEEP_ALIVE  # the server may have set another one
        if profile.username is not None and profile.secret is None and profile.method is None:
            bits |= _USER_NAME_ONLY
        return bits

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


def client_active_since(record: ConnectionRecord, since_ns: int) -> bool:
    """Whether the client closed the connection at or after `since_ns`, so was still active then."""
    for event in record.closes:
        if event.side is Side.CLIENT and event.frame.time_ns >= since_ns:
            return True
    return False
