"""Record of one connection for an audit: facts of it as plain values, without any secret.

What an audit remembers of hosts, client ids, credentials and servers (`activity/`) is made of such
records alone. A record refers to no live object, so records of another process give the same result
when they are fed in the order of time. It is made when the CONNACK was received (`answered`), and
again, complete, when the connection has ended (`ended`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from dissector.connections.connection import CloseEvent, Connection
from dissector.connections.secrets import PasswordFacts, password_facts, will_content
from dissector.model import Endpoint, Finding, FrameRef, Outcome, Severity, Side, Version
from dissector.mqtt.packets import Connect, Property, property_value
from dissector.mqtt.spec import is_secret_property
from dissector.text import encode, fingerprint

if TYPE_CHECKING:
    from dissector.connections.encapsulation.record import Encapsulation

# Return codes that refuse the credentials, in 3.1 and 3.1.1, and in 5.0
DENIED = frozenset({4, 5, 0x86, 0x87})

EncapsulationFacts = tuple[str | None, str | None, str | None, tuple[str, ...]]
NO_FACTS: EncapsulationFacts = (None, None, None, ())
_INCOMPLETE, _SERVER = Outcome.INCOMPLETE, Side.SERVER


class FindingFact(msgspec.Struct, frozen=True, gc=False):
    """What a record says of a finding: its rule, the party at fault, and its last frame.

    `provoked_by` is the rule that found what the finding is a reaction to, None if there is none.
    """

    rule: str
    side: Side
    severity: Severity
    provoked_by: str | None
    time_ns: int
    frame: FrameRef


class ConnectionRecord:
    """One connection with MQTT on it, as far as it is known at one time.

    `handshake` is the id of its handshake, None without one. `client_ip` and `client_mac` are those
    of the client, also behind a PROXY protocol. `host`, `path`, `forwarded` and `forwarders` are
    those of a WebSocket upgrade and of proxies; `login_possible`: the client may have shown who it
    is in the layers around MQTT; `behind_tls_proxy`: a proxy reports that it terminates TLS.

    `has_connect` and `has_connack` say whether these packets were seen; without one its fields have
    no meaning. `secret` is a keyed hash of user name and password, None if the password is absent
    or empty, `empty_password` in the latter case. `password_hash` is that of a password that was
    refused. `password` is what is wrong with the password, None for most. `method` is the
    Authentication Method. `will` is topic, QoS, retain and size of the will message; `will_content`
    is what a retained one seems to contain. Properties are those that hold no secret.

    `served`, `has_data` and `server_spoke` say whether the server accepted the client, whether
    either side sent data, and whether the server sent a control packet. `foreign_answer` has the
    first bytes of a server that is no MQTT server. `findings` are those of rules about the
    standard, `malformed` those by which a packet is malformed, `unjudged` the ids of rules that
    were not evaluated; these are known when it has ended.
    """

    __slots__ = (
        "behind_tls_proxy", "bridge", "clean", "client", "client_bytes", "client_id", "client_ip",
        "client_mac", "closes", "code", "complete", "conflict", "connack_frame",
        "connack_properties", "connect_first", "connect_flags", "connect_frame", "empty_password",
        "ended_ns", "findings", "first", "foreign_answer", "forwarded", "forwarders", "handshake",
        "has_connack", "has_connect", "has_data", "host", "incomplete_reason", "keep_alive",
        "last_data_ns", "last_will_topic", "login_possible", "malformed", "method", "opened_ns",
        "outcome", "password", "password_hash", "path", "properties", "protocol_level", "secret",
        "served", "server", "server_bytes", "server_spoke", "stream", "syn_seen", "transport",
        "unjudged", "username", "version", "will", "will_content",
    )  # fmt: skip

    def __init__(self, connection: Connection) -> None:
        self._fill(connection)

    def _fill(self, connection: Connection) -> None:
        quality = connection.quality
        self.stream = connection.stream
        self.client: Endpoint = connection.client
        self.server: Endpoint = connection.server
        self.first: FrameRef = connection.first
        self.transport = connection.transport
        self.version: Version | None = connection.version
        self.bridge = connection.bridge
        self.client_ip = connection.client.ip
        self.client_mac = connection.client.mac
        self.host: str | None = None
        self.path: str | None = None
        self.forwarded: str | None = None
        self.forwarders: tuple[str, ...] = ()
        self.login_possible = self.behind_tls_proxy = False
        encapsulation: Encapsulation | None = connection.encapsulation
        if encapsulation is not None:
            self.client_ip, self.client_mac = client_address(connection.client, encapsulation)
            self.host, self.path, self.forwarded, self.forwarders = encapsulation_facts(
                encapsulation
            )
            self.login_possible = encapsulation.login_possible
            self.behind_tls_proxy = encapsulation.behind_tls_proxy
        self.opened_ns = connection.opened_ns
        self.last_data_ns = connection.last_data_ns
        self.ended_ns = quality.ended_ns
        self.client_bytes = connection.client_sent_bytes
        self.server_bytes = connection.server_sent_bytes
        self.closes: tuple[CloseEvent, ...] = connection.closes
        self.syn_seen = quality.syn_seen
        self.conflict = quality.conflict
        self.incomplete_reason: str | None = quality.incomplete_reason()
        self.foreign_answer: tuple[bytes, FrameRef] | None = quality.foreign_answer
        self.has_data = connection.has_data()
        self.served = connection.served()
        self.server_spoke = False
        for packet in connection.activity:
            if packet.side is _SERVER:
                self.server_spoke = True
                break
        self.handshake: int | None = None
        self.outcome: Outcome = _INCOMPLETE
        handshake = connection.handshake
        if handshake is not None:
            self.handshake = handshake.id
            self.outcome = handshake.outcome
        self.findings: tuple[FindingFact, ...] = ()
        self.malformed: tuple[FindingFact, ...] = ()
        self.unjudged: tuple[str, ...] = ()
        self.password: PasswordFacts | None = None
        self.secret: str | None = None
        self.password_hash: str | None = None
        self.empty_password = False
        self.will_content: str | None = None
        self._connect(connection.connect)
        connack = connection.connack
        self.has_connack = connack is not None
        self.connack_frame: FrameRef | None = None
        self.code: int | None = None
        self.connack_properties: tuple[Property, ...] = ()
        if connack is not None:
            self.connack_frame = connack.frame
            self.code = connack.return_code
            self.connack_properties = public_properties(connack.properties)

    def _connect(self, connect: Connect | None) -> None:
        """Records the fields of the CONNECT that are not secret."""
        self.has_connect = connect is not None
        self.connect_frame: FrameRef | None = None
        self.connect_first: FrameRef | None = None
        self.client_id = ""
        self.username: str | None = None
        self.protocol_level = self.connect_flags = self.keep_alive = 0
        self.clean = True
        self.complete = False
        self.method: str | None = None
        self.last_will_topic: str | None = None
        self.will: tuple[str, int, bool, int] | None = None
        self.properties: tuple[Property, ...] = ()
        if connect is None:
            return
        self.connect_frame = connect.frame
        self.connect_first = connect.first
        self.client_id = connect.client_id
        self.username = connect.username
        self.protocol_level = connect.protocol_level
        self.connect_flags = connect.connect_flags
        self.keep_alive = connect.keep_alive
        self.clean = connect.clean_session
        self.complete = connect.complete
        self.last_will_topic = connect.last_will_topic
        if connect.properties:
            self.method = property_value(connect.properties, "authenticationMethod")
            self.properties = public_properties(connect.properties)
        if connect.will_flag and connect.last_will_topic is not None:
            size = len(connect.last_will_message or b"")
            self.will = (
                connect.last_will_topic, connect.last_will_qos, connect.last_will_retain, size
            )  # fmt: skip


class RecordMaker:
    """Makes the records of the connections of one analysis.

    `key` is the key of the hashes of secrets. Passwords shorter than `short_password` bytes are
    weak; `derived_length` is the least length of one that can be derived from an identifier.
    """

    def __init__(self, key: bytes, short_password: int, derived_length: int) -> None:
        self._key = key
        self._short_password = short_password
        self._derived_length = derived_length
        self._answered: set[int] = set()  # streams of open connections

    def begin_capture(self) -> None:
        """Begins one of several captures; the connections of the one before have all ended."""
        self._answered.clear()

    def answered(self, connection: Connection) -> ConnectionRecord | None:
        """Returns the record of a connection whose CONNACK was seen; None without its CONNECT."""
        connect, connack = connection.connect, connection.connack
        if connect is None or connect.frame is None or connack is None or connack.frame is None:
            return None
        record = ConnectionRecord(connection)
        self._secrets(record, connect)
        self._answered.add(connection.stream)
        return record

    def ended(self, connection: Connection) -> ConnectionRecord:
        """Returns the record of a connection that has ended.

        What a secret shows is only in its first record.
        """
        record = ConnectionRecord(connection)
        if connection.findings:
            record.findings = _facts(connection.findings)
            if connection.malformed:
                record.malformed = _facts(connection.malformed)
        if connection.unjudged is not None:
            record.unjudged = tuple(sorted(connection.unjudged))
        if connection.stream in self._answered:
            self._answered.discard(connection.stream)
        elif connection.connect is not None:
            self._secrets(record, connection.connect)
        return record

    def _secrets(self, record: ConnectionRecord, connect: Connect) -> None:
        """Records hashes of the secrets of a CONNECT, and what they show."""
        password = connect.password
        if password:
            pair = encode(connect.username or "") + b"\0" + password
            record.secret = fingerprint(pair, self._key)
            if record.code in DENIED:
                record.password_hash = fingerprint(password, self._key)
            record.password = password_facts(
                connect, record.client_mac, self._short_password, self._derived_length
            )
        elif password is not None:
            record.empty_password = True
        if record.will is not None and connect.last_will_retain:
            record.will_content = will_content(connect.last_will_message or b"")


def _facts(findings: tuple[Finding, ...]) -> tuple[FindingFact, ...]:
    found = []
    for item in findings:
        provoked_by = item.evidence.get("provokedBy")
        found.append(
            FindingFact(
                item.rule,
                item.side,
                item.severity,
                provoked_by if isinstance(provoked_by, str) else None,
                item.time_ns,
                item.frames[-1],
            )
        )
    return tuple(found)


def encapsulation_facts(encapsulation: Encapsulation) -> EncapsulationFacts:
    """Returns host, path, the client's address behind a proxy and the headers that state it."""
    from dissector.net import harmless  # its import costs more than a small capture

    request = None if encapsulation.request is None else harmless.request(encapsulation.request)
    return (
        None if request is None else request.host,
        None if request is None else request.path,
        harmless.header_value("x-forwarded-for", encapsulation.forwarded),
        encapsulation.forwarders,
    )


def client_address(client: Endpoint, encapsulation: Encapsulation | None) -> tuple[str, str | None]:
    """Returns the client's address and MAC; by a PROXY protocol header, its address and None."""
    if (
        encapsulation is not None
        and encapsulation.proxied is not None
        and encapsulation.proxied.ip is not None
    ):
        return encapsulation.proxied.ip, None
    return client.ip, client.mac


def public_properties(properties: tuple[Property, ...]) -> tuple[Property, ...]:
    """Returns the properties that hold no secret."""
    if not properties:
        return ()
    return tuple([item for item in properties if not is_secret_property(item.id)])
