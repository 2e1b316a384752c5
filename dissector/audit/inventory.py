# cython: annotation_typing=False
"""Profiles with their tallies in, records of devices and servers out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dissector.audit.grouping import Group, grouped
from dissector.audit.posture import counting, device_posture, server_posture
from dissector.audit.records import (
    LISTED,
    Certificate,
    Device,
    Evidence,
    Server,
    Session,
    Will,
)
from dissector.audit.software import client_software, server_software
from dissector.audit.tally import Faults, tally_of
from dissector.audit.ways import way_in
from dissector.connections import certificate
from dissector.connections.profile import Profile
from dissector.model import Version
from dissector.mqtt import spec
from dissector.mqtt.packets import property_value
from dissector.text import printable
from dissector.vendors import local, vendor

_LIMITS = (
    "receiveMaximum", "maximumQos", "retainAvailable", "maximumPacketSize", "topicAliasMaximum",
    "wildcardSubscriptionAvailable", "subscriptionIdentifiersAvailable",
    "sharedSubscriptionAvailable", "serverKeepAlive", "sessionExpiryInterval",
)  # fmt: skip


def devices(profiles: Iterable[Profile]) -> list[Device]:
    """Give the devices in order of first sight: who says a word of MQTT, or may do so in TLS."""
    spoke = [profile for profile in profiles if profile.client_id is not None]
    silent = [profile for profile in profiles if profile.client_id is None]
    groups = grouped([*spoke, *silent])
    holders = _holders(groups)
    return [_device(number, group, holders) for number, group in enumerate(groups)]


def _holders(groups: list[Group]) -> dict[str, int]:
    """Count the devices that got in with each credential; those in TLS may have got in."""
    counts: dict[str, int] = {}
    for group in groups:
        used = {item.secret for item in group.profiles if item.code == 0 or item.tls is not None}
        for secret in used:
            if secret is not None:
                counts[secret] = counts.get(secret, 0) + 1
    return counts


def _device(number: int, group: Group, holders: dict[str, int]) -> Device:
    everything = group.profiles
    tallies = [tally_of(profile) for profile in everything]
    profiles = counting(everything)
    macs: dict[str, int] = {}
    addresses: dict[str, int] = {}
    ids: dict[str, int] = {}
    named: dict[str, int] = {}
    users: dict[str, int] = {}
    secrets: dict[str, int] = {}
    versions: dict[str, int] = {}
    transports: dict[str, int] = {}
    ways: dict[str, int] = {}
    keep_alives: dict[int, int] = {}
    places: dict[str, int] = {}
    for profile in profiles:  # one pass: there may be very many devices
        count = profile.count
        _count(macs, profile.client_mac, count)
        _count(addresses, profile.client_ip, count)
        _count(ids, profile.client_id or None, count)
        _count(named, profile.forwarded, count)
        _count(users, profile.username, count)
        _count(versions, _version(profile), count)
        _count(transports, profile.transport, count)
        _count(ways, way_in(profile), count)
        _count(places, server_name(profile), 1)
        if profile.tls is None and profile.code in (0, None):
            _count(secrets, profile.secret, count)
        if profile.client_id is not None:
            _count(keep_alives, profile.keep_alive, count)
    own_mac = group.kind.value in ("device", "gateway", "bridge")
    made_by, why = _vendor(list(macs)) if own_mac else (None, None)
    faults = Faults()
    refusals: dict[str, int] = {}
    for profile, tally in zip(everything, tallies, strict=True):
        faults.merge(tally.client_faults)
        if profile.code:
            name = spec.return_code_name(profile.code, profile.version)
            refusals[name] = refusals.get(name, 0) + tally.refused
    record = Device(
        id=number,
        name=_name(list(ids), list(macs), list(addresses)),
        kind=group.kind,
        kind_reason=group.reason,
        evidence=(
            *_evidence(macs, addresses, named, ids, users, own_mac),
            *_secrets(everything, holders),
            *_hellos(everything),
        ),
        macs=tuple(macs)[:LISTED],
        addresses=tuple(addresses)[:LISTED],
        client_ids=tuple(ids)[:LISTED],
        client_ids_seen=len(ids),
        usernames=tuple(users)[:LISTED],
        credentials=tuple(secrets)[:LISTED],
        vendor=made_by,
        vendor_reason=why,
        software=client_software(profiles),
        versions=versions,
        transports=transports,
        authentication=ways,
        keep_alives=keep_alives,
        session=_session(profiles),
        wills=_wills(profiles),
        servers=tuple(places)[:LISTED],
        connections=sum(profile.count for profile in profiles),
        accepted=sum(tally.accepted for tally in tallies),
        refused=sum(tally.refused for tally in tallies),
        unanswered=sum(tally.unanswered for tally in tallies),
        refusals=refusals,
        reconnects=sum(profile.count for profile in profiles if profile.client_id) - len(ids),
        takeovers=sum(tally.takeovers for tally in tallies),
        tls=_counted((item.tls.way, item.count) for item in everything if item.tls is not None),
        streams=tuple(sorted({item for profile in profiles for item in profile.streams})[:LISTED]),
        first_seen_ns=group.first_ns,
        last_seen_ns=max(tally.last_ns for tally in tallies),
        findings=_numbers(faults),
    )
    record.posture = device_posture(everything, faults, holders)
    return record


def servers(profiles: Iterable[Profile], found: list[Device]) -> list[Server]:
    """Give the servers in order of first sight."""
    by_place: dict[tuple[str, int], list[Profile]] = {}
    for profile in profiles:
        by_place.setdefault((profile.server_ip, profile.server_port), []).append(profile)
    ordered = sorted(by_place.values(), key=lambda members: min(item.first_ns for item in members))
    return [_server(number, members, found) for number, members in enumerate(ordered)]


def _server(number: int, profiles: list[Profile], found: list[Device]) -> Server:
    first = profiles[0]
    tallies = [tally_of(profile) for profile in profiles]
    accepted = [profile for profile in profiles if profile.code == 0]
    refused = [profile for profile in profiles if profile.code]
    for_version = [profile for profile in refused if profile.code in (1, 0x84)]
    macs = _counted((profile.server_mac, profile.count) for profile in profiles)
    made_by, why = _vendor(list(macs))
    faults = Faults()
    for tally in tallies:
        faults.merge(tally.server_faults)
    name = server_name(first)
    spoken = counting(profiles)
    record = Server(
        id=number,
        name=name,
        ip=first.server_ip,
        port=first.server_port,
        macs=tuple(macs)[:LISTED],
        vendor=made_by,
        vendor_reason=why,
        software=server_software(profiles),
        transports=_counted((profile.transport, profile.count) for profile in spoken),
        hosts=tuple(_counted((profile.host, 1) for profile in profiles))[:LISTED],
        paths=tuple(_counted((profile.path, 1) for profile in profiles))[:LISTED],
        forwarders=_counted(
            (way, profile.count) for profile in profiles for way in profile.forwarders
        ),
        versions=_counted((_version(profile), profile.count) for profile in accepted),
        versions_refused=_counted((_version(profile), profile.count) for profile in for_version),
        accepts=_counted((way_in(profile), profile.count) for profile in _entered(spoken)),
        refuses=_counted((way_in(profile), profile.count) for profile in refused),
        refusals=_counted(
            (spec.return_code_name(profile.code or 0, profile.version), profile.count)
            for profile in refused
        ),
        limits=_limits(accepted),
        devices=sum(name in device.servers for device in found),
        connections=sum(profile.count for profile in spoken),
        accepted=sum(tally.accepted for tally in tallies),
        refused=sum(tally.refused for tally in tallies),
        unanswered=sum(tally.unanswered for tally in tallies),
        tls=_counted((item.tls.way, item.count) for item in profiles if item.tls is not None),
        certificates=_certificates(profiles),
        asks_client_certificate=_asks(profiles),
        first_seen_ns=min(profile.first_ns for profile in profiles),
        last_seen_ns=max(tally.last_ns for tally in tallies),
        findings=_numbers(faults),
    )
    record.posture = server_posture(profiles, faults)
    return record


def server_name(profile: Profile) -> str:
    """Spell a server: address and port, an IPv6 address in brackets."""
    ip = profile.server_ip
    return f"[{ip}]:{profile.server_port}" if ":" in ip else f"{ip}:{profile.server_port}"


def _count(counts: dict[Any, int], key: Any, count: int) -> None:
    if key is not None:
        counts[key] = counts.get(key, 0) + count


def _counted(pairs: Iterable[tuple[Any, int]]) -> dict[Any, int]:
    counts: dict[Any, int] = {}
    for key, count in pairs:
        _count(counts, key, count)
    return counts


def _version(profile: Profile) -> str | None:
    return profile.version.value if isinstance(profile.version, Version) else None


def _name(ids: list[str], macs: list[str], addresses: list[str]) -> str:
    if len(ids) == 1:
        return ids[0]
    return (macs or addresses or ["?"])[0] if not addresses else addresses[0]


def _vendor(macs: list[str]) -> tuple[str | None, str | None]:
    for mac in macs:
        name = vendor(mac)
        if name is not None:
            return name, f"the first half of its MAC address, {mac[:8]}, is registered to it"
    if macs and all(map(local, macs)):
        return None, "its MAC address was made up on the spot and says nothing of its vendor"
    return None, None


def _evidence(
    macs: dict[str, int],
    addresses: dict[str, int],
    named: dict[str, int],
    ids: dict[str, int],
    users: dict[str, int],
    own_mac: bool,
) -> Iterable[Evidence]:
    for mac, count in list(macs.items())[:LISTED]:
        reason = "one MAC address is one device" if own_mac else "a router's: it tells nothing"
        yield Evidence("mac", mac, reason, count)
    for address, count in list(addresses.items())[:LISTED]:
        reason = "seen with this MAC address" if macs and own_mac else "the address it came from"
        yield Evidence("address", address, reason, count)
    for address, count in list(named.items())[:LISTED]:
        yield Evidence("forwarded", address, "a proxy says that it comes from there", count)
    for client_id, count in list(ids.items())[:LISTED]:
        yield Evidence("clientId", client_id, "it called itself so", count)
    for user, count in list(users.items())[:LISTED]:
        yield Evidence("username", user, "it logged in so", count)


def _secrets(profiles: list[Profile], holders: dict[str, int]) -> Iterable[Evidence]:
    """Give credentials, and client certificates by the fingerprint of their key."""
    kinds: dict[tuple[str, str], int] = {}
    for profile in profiles:
        if profile.secret is not None and profile.code in (0, None):
            kind = "credentials" if profile.tls is None else "certificate"
            kinds[kind, profile.secret] = kinds.get((kind, profile.secret), 0) + profile.count
    for (kind, secret), count in list(kinds.items())[:LISTED]:
        shared = holders.get(secret, 0) > 1
        reason = "others use the same" if shared else "nobody else uses it"
        yield Evidence(kind, secret, reason, count)


def _hellos(profiles: list[Profile]) -> Iterable[Evidence]:
    """Give how a device says hello in TLS, and to whom."""
    counts = _counted(
        ((item.tls.ja3, item.tls.server_name), item.count)
        for item in profiles
        if item.tls is not None and item.tls.ja3 is not None
    )
    for (ja3, name), count in list(counts.items())[:LISTED]:
        asked = "and names no server" if name is None else f"and asks for {printable(name, 80)}"
        yield Evidence("tls", f"ja3 {ja3}", f"it says hello so, {asked}", count)


def _entered(profiles: list[Profile]) -> list[Profile]:
    """Give those that got in, as far as can be seen: in TLS, who went on to send data."""
    return [
        item
        for item in profiles
        if item.code == 0 or (item.tls is not None and item.tls.established)
    ]


def _certificates(profiles: list[Profile]) -> tuple[Certificate, ...]:
    """Give what a server showed, each certificate of its own once."""
    made: dict[bytes, Certificate] = {}
    for profile in profiles:
        chain = () if profile.tls is None else profile.tls.certificates
        if not chain or chain[0] in made or len(made) >= LISTED:
            continue
        shown = certificate.read(chain[0])
        if shown is None:
            continue
        key = f"{shown.key_type} {shown.curve or shown.key_bits or ''}".strip()
        made[chain[0]] = Certificate(
            subject=shown.subject,
            issuer=shown.issuer,
            names=shown.names,
            not_before_ns=shown.not_before_ns,
            not_after_ns=shown.not_after_ns,
            key=key,
            signature=shown.signature_hash or "of its own kind",
            fingerprint=shown.fingerprint,
        )
    return tuple(made.values())


def _asks(profiles: list[Profile]) -> bool | None:
    """Say whether a server asked for client certificates; None where nobody could see that."""
    known = [item.tls.requested for item in profiles if item.tls is not None]
    seen = [asked for asked in known if asked is not None]
    return any(seen) if seen else None


def _session(profiles: list[Profile]) -> Session:
    spoke = [profile for profile in profiles if profile.client_id is not None]
    expiries = {property_value(profile.properties, "sessionExpiryInterval") for profile in spoke}
    return Session(
        clean=sum(profile.count for profile in spoke if profile.clean),
        kept=sum(profile.count for profile in spoke if not profile.clean),
        expiry=tuple(sorted(expiry for expiry in expiries if expiry is not None)),
    )


def _wills(profiles: list[Profile]) -> tuple[Will, ...]:
    wills = _counted((profile.will, profile.count) for profile in profiles)
    return tuple(
        Will(topic, qos, retain, message_length=size, count=count)
        for (topic, qos, retain, size), count in list(wills.items())[:LISTED]
    )


def _limits(profiles: list[Profile]) -> dict[str, tuple[Any, ...]]:
    seen: dict[str, dict[Any, None]] = {}
    for profile in profiles:
        for item in profile.connack_properties:
            if item.name in _LIMITS and len(seen.setdefault(item.name, {})) < LISTED:
                seen[item.name][item.value] = None
    return {name: tuple(values) for name, values in sorted(seen.items())}


def _numbers(faults: Faults) -> tuple[int, ...]:
    return tuple(sorted({n for _, _, _, numbers in faults.by_rule.values() for n in numbers}))
