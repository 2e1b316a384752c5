"""Tracks the activity of TLS connections for the audit rules: keys, server names, failures.

TLS connections share the profiles of `ActivityTables` with unencrypted ones. What a connection
shows in clear text is kept once per profile, as `TlsFacts`; every table is bounded as those of
`ActivityTables` are.
"""

from __future__ import annotations

from collections import deque

from dissector.activity.entities import (
    MEMBERS_KEPT,
    TIMES_KEPT,
    BoundedDict,
    Credential,
    text_bytes,
)
from dissector.activity.profile import Profile, tls_profile_of
from dissector.activity.tables import ActivityTables
from dissector.connections import certificate
from dissector.connections.certificate import Certificate
from dissector.connections.record import client_address
from dissector.connections.thresholds import DEFAULT, Thresholds
from dissector.connections.tls_handshake import TlsHandshake
from dissector.net.tls_messages import ClientHello

KEYS = 4_096
HOSTS = 16_384
SERVERS = 1_024
CHAINS = 1_024
# padding, session_ticket, pre_shared_key, early_data, cookie: only on some connections of a client
_VARYING = frozenset({21, 35, 41, 42, 44})


class TlsServer:
    """One server: the server names (SNI) that clients requested."""

    __slots__ = ("names",)

    def __init__(self) -> None:
        self.names: dict[str, None] = {}


class KeyHolder:
    """The servers that present one public key: their addresses, each with its certificate."""

    __slots__ = ("addresses", "certificates")

    def __init__(self) -> None:
        self.addresses: dict[str, str | None] = {}  # address to MAC
        self.certificates: dict[str, str] = {}  # address to the certificate's fingerprint


class TlsAuditContext:
    """The context in which audit rules check one TLS connection that has ended.

    `failures` are the times of the latest alerts that ended a handshake of this client. `fresh`:
    it is the first connection of its profile, or the first that is remembered. `limits` are the
    thresholds of the audit.
    """

    __slots__ = (
        "activity",
        "credential",
        "failures",
        "fresh",
        "limits",
        "now",
        "profile",
        "record",
        "server",
        "server_key",
    )  # fmt: skip

    def __init__(
        self, activity: TlsActivityTracker, record: TlsHandshake, profile: Profile
    ) -> None:
        self.activity = activity
        self.record = record
        self.profile = profile
        self.now = record.quality.ended_ns
        self.fresh = profile.recent == 1
        self.server = TlsServer()
        self.server_key: KeyHolder | None = None
        self.credential: Credential | None = None
        self.failures: deque[int] = deque()
        self.limits: Thresholds = DEFAULT


class TlsActivityTracker:
    """Holds the activity tables of TLS, in addition to those of `activity`."""

    def __init__(self, activity: ActivityTables) -> None:
        self.activity = activity
        self.keys: BoundedDict[str, KeyHolder] = BoundedDict(KEYS)
        self.servers: BoundedDict[tuple[str, int], TlsServer] = BoundedDict(SERVERS)
        self.failures: BoundedDict[str, deque[int]] = BoundedDict(HOSTS)
        self._chains: BoundedDict[tuple[bytes, ...], tuple[bytes, ...]] = BoundedDict(CHAINS)
        self.once = activity.once

    @property
    def evicted(self) -> int:
        """Number of entries that were evicted from any of its tables."""
        return self.keys.evicted + self.servers.evicted + self.failures.evicted

    def forget(self) -> None:
        """Discards what `ActivityTables.forget` does not."""
        for table in (self.keys, self.servers, self.failures):
            table.empty()

    def ended(self, record: TlsHandshake) -> TlsAuditContext:
        """Records a connection that has ended."""
        size = sum(map(len, record.client_certificates or ()))
        if record.certificates:  # the same for thousands of connections: stored once
            kept = self._chains.get(record.certificates)
            if kept is None:
                chain = sum(map(len, record.certificates))
                size += chain
                kept = self._chains.keep(record.certificates, record.certificates, chain)
            record.certificates = kept
        profile = self._profile(record, size)
        context = TlsAuditContext(self, record, profile)
        place = (record.server.ip, record.server.port)
        known = self.servers.get(place)
        context.server = self.servers.keep(place, TlsServer()) if known is None else known
        name = record.server_name
        if name is not None and len(context.server.names) < MEMBERS_KEPT:
            if name.lower() not in context.server.names:
                self.servers.charge(place, text_bytes(name))
            context.server.names[name.lower()] = None
        shown = leaf(record)
        if shown is not None and shown.key_fingerprint is not None:
            context.server_key = self._holder(shown, record)
        own = own_certificate(record)
        if own is not None:
            context.credential = self._credential(own, profile, record)
        fatal = [alert.frame.time_ns for alert in record.alerts if failing(alert.description)]
        if fatal:
            times = self.failures.get(profile.client_ip)
            if times is None:
                times = self.failures.keep(profile.client_ip, deque(maxlen=TIMES_KEPT))
            times.append(fatal[0])
            context.failures = times
        return context

    def _profile(self, record: TlsHandshake, size: int) -> Profile:
        """Returns the profile of a connection; a new one keeps `size` bytes of certificates."""
        profiles, server = self.activity.profiles, record.server
        own = own_certificate(record)
        key = (
            "tls", *client_address(record.client, record.encapsulation), server.ip, server.port,
            record.server_name, _client_hello_key(record.client_hello), record.version,
            record.suite, record.certificates[:1], record.decrypted,
            None if own is None else own.fingerprint,
        )  # fmt: skip
        now = record.quality.ended_ns if record.close is None else record.close.frame.time_ns
        profile = profiles.get(key)
        if profile is None:
            profile = profiles.keep(key, tls_profile_of(record), size)
            profile.secret = None if own is None else own.key_fingerprint
        facts = profile.tls
        assert facts is not None
        profile.add(self.activity.capture, record.stream, self.activity.period)
        profile.last_ns = max(profile.last_ns, now)
        facts.established += record.established
        facts.resumed += bool(record.resumed)
        if record.certificate_requested is not None:
            facts.requested = facts.requested or record.certificate_requested
        return profile

    def _holder(self, shown: Certificate, record: TlsHandshake) -> KeyHolder:
        assert shown.key_fingerprint is not None
        holder = self.keys.get(shown.key_fingerprint)
        if holder is None:
            holder = self.keys.keep(shown.key_fingerprint, KeyHolder())
        if record.server.ip in holder.addresses or len(holder.addresses) < MEMBERS_KEPT:
            holder.addresses[record.server.ip] = record.server.mac
            holder.certificates[record.server.ip] = shown.fingerprint
        return holder

    def _credential(
        self, own: Certificate, profile: Profile, record: TlsHandshake
    ) -> Credential | None:
        secret = own.key_fingerprint
        if secret is None:
            return None
        known = self.activity.credentials.get(secret)
        if known is None:
            known = self.activity.credentials.keep(secret, Credential())
        if known.add_host(profile.client_ip, profile.client_mac):
            known.frames += (record.client_certificates_frame or record.first,)
        return known


def _client_hello_key(hello: ClientHello | None) -> tuple[object, ...]:
    """Returns what a client's ClientHellos have in common: not extension order, nor tickets."""
    if hello is None:
        return ()
    extensions = tuple(sorted(set(hello.extensions) - _VARYING))
    return (hello.suites, extensions, hello.versions)


def leaf(record: TlsHandshake) -> Certificate | None:
    """Reads the server's leaf certificate; None if it was not seen, or cannot be read."""
    return certificate.read(record.certificates[0]) if record.certificates else None


def own_certificate(record: TlsHandshake) -> Certificate | None:
    """Reads the client's leaf certificate; None if it was not seen, or cannot be read."""
    chain = record.client_certificates
    return certificate.read(chain[0]) if chain else None


# handshake_failure, bad_certificate, certificate_expired, unknown_ca, decrypt_error
_FAILING = frozenset({40, 42, 45, 48, 51})


def failing(description: int | None) -> bool:
    """Whether an alert means that the handshake or the check of a certificate failed."""
    return description in _FAILING
