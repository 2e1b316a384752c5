"""Builds the records of devices and servers from profiles and their tallies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from dissector.activity.profile import Profile
from dissector.audit.certificates import asks_for_certificate, shown_certificates
from dissector.audit.grouping import Group, first_ns, grouped
from dissector.audit.login_methods import login_method
from dissector.audit.posture import (
    Holders,
    Totals,
    device_posture,
    server_posture,
    without_decrypted,
)
from dissector.audit.records import (
    LISTED,
    Device,
    Evidence,
    Kind,
    Server,
    Session,
    Will,
)
from dissector.audit.software import client_software, server_software
from dissector.audit.tally import Faults, tally_of
from dissector.model import Side, Stream, Version
from dissector.mqtt import spec
from dissector.mqtt.properties import property_value
from dissector.text import printable
from dissector.vendors import local, vendor

_LIMITS = (
    "receiveMaximum", "maximumQos", "retainAvailable", "maximumPacketSize", "topicAliasMaximum",
    "wildcardSubscriptionAvailable", "subscriptionIdentifiersAvailable",
    "sharedSubscriptionAvailable", "serverKeepAlive", "sessionExpiryInterval",
)  # fmt: skip

_AT_ONCE = 256  # devices
_OWN = (Kind.DEVICE, Kind.GATEWAY, Kind.BRIDGE)  # kinds whose MAC address is their own


def clients(profiles: Iterable[Profile]) -> list[Group]:
    """Groups the clients of MQTT, or of TLS that may carry it, by device, in order of appearance.

    Those with a CONNECT come first within a device: they say most about it.
    """
    with_connect = [profile for profile in profiles if profile.client_id is not None]
    without_connect = [profile for profile in profiles if profile.client_id is None]
    return grouped([*with_connect, *without_connect])


def devices(
    groups: list[Group], holders: Holders, checked: frozenset[str], totals: Totals
) -> Iterator[Device]:
    """Yields the devices of these groups; `checked` are the rules that were checked.

    Each is counted in `totals`. They are made `_AT_ONCE` by `_AT_ONCE`: there may be very many, and
    the instruction cache holds the code of one step, not of all.
    """
    for first in range(0, len(groups), _AT_ONCE):
        part = groups[first : first + _AT_ONCE]
        faults = [_faults(group.profiles, Side.CLIENT) for group in part]
        found = [
            _device(first + number, group, faults[number], holders)
            for number, group in enumerate(part)
        ]
        for number, group in enumerate(part):
            found[number].posture = device_posture(
                group.profiles, faults[number], holders, checked, totals
            )
            totals.add(found[number])
        yield from found


def _faults(profiles: list[Profile], side: Side) -> Faults:
    faults = Faults()
    for profile in profiles:
        tally = tally_of(profile)
        found = tally.client_faults if side is Side.CLIENT else tally.server_faults
        if found is not None:
            faults.merge(found)
    return faults


def holders(groups: list[Group]) -> Holders:
    """Counts the devices accepted with each credential, and with each client id at a server.

    Those in TLS may have been accepted.
    """
    counts: Holders = {}
    for group in groups:
        its: set[object] = set()
        for profile in group.profiles:
            if profile.secret is not None and (profile.code == 0 or profile.tls is not None):
                its.add(profile.secret)
            if profile.client_id and profile.code == 0:
                its.add((profile.server_ip, profile.server_port, profile.client_id))
        for item in its:
            counts[item] = counts.get(item, 0) + 1
    return counts


def _device(number: int, group: Group, faults: Faults, holders: Holders) -> Device:
    everything = group.profiles
    profiles = without_decrypted(everything)
    macs: dict[str, int] = {}
    addresses: dict[str, int] = {}
    ids: dict[str, int] = {}
    named: dict[str, int] = {}
    users: dict[str, int] = {}
    secrets: dict[str, int] = {}
    versions: dict[str, int] = {}
    transports: dict[str, int] = {}
    logins: dict[str, int] = {}
    keep_alives: dict[int, int] = {}
    server_names: dict[str, int] = {}
    wills: dict[tuple[str, int, bool, int], int] = {}
    streams: set[Stream] = set()
    connections = identified = 0
    for profile in profiles:  # one pass: there may be very many devices
        count = profile.count
        used = profile.used_count()
        connections += count
        streams.update(profile.streams)
        _count(macs, profile.client_mac, count)
        _count(addresses, profile.client_ip, count)
        _count(named, profile.forwarded, count)
        _count(users, profile.username, count)
        _count(versions, _version(profile), count)
        _count(transports, profile.transport, used)
        _count(logins, login_method(profile), used)
        _count(server_names, server_name(profile), 1)
        _count(wills, profile.will, count)
        if profile.tls is None and profile.code in (0, None):
            _count(secrets, profile.secret, count)
        if profile.client_id is not None:
            _count(keep_alives, profile.keep_alive, count)
        if profile.client_id:
            _count(ids, profile.client_id, count)
            identified += count
    own_mac = group.kind in _OWN
    its_macs, its_addresses, its_ids = tuple(macs), tuple(addresses), tuple(ids)
    made_by, why = _vendor(its_macs) if own_mac else (None, None)
    refusals: dict[str, int] = {}
    tls: dict[str, int] = {}
    accepted = refused = unanswered = takeovers = last_ns = 0
    for profile in everything:
        tally = tally_of(profile)
        accepted += tally.accepted
        refused += tally.refused
        unanswered += tally.unanswered
        takeovers += tally.takeovers
        last_ns = max(last_ns, tally.last_ns)
        if profile.code:
            _count(refusals, spec.return_code_name(profile.code, profile.version), tally.refused)
        if profile.tls is not None:
            _count(tls, profile.tls.version_and_suite, profile.count)
    evidence = _evidence(macs, addresses, named, ids, users, own_mac)
    evidence += _secrets(everything, holders)
    evidence += _hellos(everything)
    return Device(
        id=number,
        name=_name(its_ids, its_macs, its_addresses),
        kind=group.kind,
        kind_reason=group.reason,
        evidence=tuple(evidence),
        macs=its_macs[:LISTED],
        addresses=its_addresses[:LISTED],
        client_ids=its_ids[:LISTED],
        client_ids_seen=len(ids),
        usernames=tuple(users)[:LISTED],
        credentials=tuple(secrets)[:LISTED],
        vendor=made_by,
        vendor_reason=why,
        software=client_software(profiles),
        versions=versions,
        transports=transports,
        authentication=logins,
        keep_alives=keep_alives,
        session=_session(profiles),
        wills=_wills(wills),
        servers=tuple(server_names)[:LISTED],
        connections=connections,
        accepted=accepted,
        refused=refused,
        unanswered=unanswered,
        refusals=refusals,
        reconnects=identified - len(ids),
        takeovers=takeovers,
        tls=tls,
        streams=tuple(sorted(streams)[:LISTED]),
        first_seen_ns=group.first_ns,
        last_seen_ns=last_ns,
        findings=_numbers(faults),
    )


def servers(
    profiles: Iterable[Profile],
    visitors: dict[str, int],
    holders: Holders,
    checked: frozenset[str],
) -> list[Server]:
    """Returns the servers in order of first appearance; `visitors` counts devices by server."""
    by_place: dict[tuple[str, int], list[Profile]] = {}
    for profile in profiles:
        by_place.setdefault((profile.server_ip, profile.server_port), []).append(profile)
    ordered = sorted(by_place.values(), key=first_ns)
    made = []
    for number, members in enumerate(ordered):
        faults = _faults(members, Side.SERVER)
        record = _server(number, members, faults, visitors)
        record.posture = server_posture(members, faults, holders, checked)
        made.append(record)
    return made


def _server(
    number: int, profiles: list[Profile], faults: Faults, visitors: dict[str, int]
) -> Server:
    first = profiles[0]
    macs: dict[str, int] = {}
    transports: dict[str, int] = {}
    hosts: dict[str, int] = {}
    paths: dict[str, int] = {}
    forwarders: dict[str, int] = {}
    versions: dict[str, int] = {}
    versions_refused: dict[str, int] = {}
    accepts: dict[str, int] = {}
    refuses: dict[str, int] = {}
    refusals: dict[str, int] = {}
    tls: dict[str, int] = {}
    accepted_profiles: list[Profile] = []
    connections = accepted = refused = unanswered = last_ns = 0
    for profile in without_decrypted(profiles):
        count = profile.count
        used = profile.used_count()
        connections += count
        _count(transports, profile.transport, used)
        if profile.served or profile.tls is not None:  # in TLS, clients that then sent data
            _count(accepts, login_method(profile), used)
    for profile in profiles:  # one pass: there may be very many
        count = profile.count
        tally = tally_of(profile)
        accepted += tally.accepted
        refused += tally.refused
        unanswered += tally.unanswered
        last_ns = max(last_ns, tally.last_ns)
        _count(macs, profile.server_mac, count)
        _count(hosts, profile.host, 1)
        _count(paths, profile.path, 1)
        for way in profile.forwarders:
            _count(forwarders, way, count)
        if profile.tls is not None:
            _count(tls, profile.tls.version_and_suite, count)
        if profile.code == 0:
            accepted_profiles.append(profile)
            _count(versions, _version(profile), count)
        elif profile.code:
            _count(refuses, login_method(profile), count)
            _count(refusals, spec.return_code_name(profile.code, profile.version), count)
            if profile.code in (1, 0x84):
                _count(versions_refused, _version(profile), count)
    made_by, why = _vendor(tuple(macs))
    name = server_name(first)
    return Server(
        id=number,
        name=name,
        ip=first.server_ip,
        port=first.server_port,
        macs=tuple(macs)[:LISTED],
        vendor=made_by,
        vendor_reason=why,
        software=server_software(profiles),
        transports=transports,
        hosts=tuple(hosts)[:LISTED],
        paths=tuple(paths)[:LISTED],
        forwarders=forwarders,
        versions=versions,
        versions_refused=versions_refused,
        accepts=accepts,
        refuses=refuses,
        refusals=refusals,
        limits=_limits(accepted_profiles),
        devices=visitors.get(name, 0),
        connections=connections,
        accepted=accepted,
        refused=refused,
        unanswered=unanswered,
        tls=tls,
        certificates=shown_certificates(profiles),
        asks_client_certificate=asks_for_certificate(profiles),
        first_seen_ns=first_ns(profiles),
        last_seen_ns=last_ns,
        findings=_numbers(faults),
    )


def server_name(profile: Profile) -> str:
    """Formats a server as address and port, an IPv6 address in brackets."""
    ip = profile.server_ip
    return f"[{ip}]:{profile.server_port}" if ":" in ip else f"{ip}:{profile.server_port}"


def _count(counts: dict[Any, int], key: Any, count: int) -> None:
    if key is not None and count:
        counts[key] = counts.get(key, 0) + count


def _version(profile: Profile) -> str | None:
    return profile.version._value_ if isinstance(profile.version, Version) else None


def _name(ids: tuple[str, ...], macs: tuple[str, ...], addresses: tuple[str, ...]) -> str:
    if len(ids) == 1:
        return ids[0]
    return (addresses or macs or ("?",))[0]


def _vendor(macs: tuple[str, ...]) -> tuple[str | None, str | None]:
    registered = [mac for mac in macs if not local(mac)]
    for mac in registered:
        name = vendor(mac)
        if name is not None:
            return name, f"the OUI of its MAC address, {mac[:8]}, is registered to this vendor"
    if macs and not registered:
        return None, "its MAC address is locally administered and does not identify a vendor"
    return None, None


def _evidence(
    macs: dict[str, int],
    addresses: dict[str, int],
    named: dict[str, int],
    ids: dict[str, int],
    users: dict[str, int],
    own_mac: bool,
) -> list[Evidence]:
    made: list[Evidence] = []
    reason = "one MAC address is one device" if own_mac else "a router's: it identifies no device"
    _add_evidence(made, "mac", macs, reason)
    reason = "seen with this MAC address" if macs and own_mac else "its source address"
    _add_evidence(made, "address", addresses, reason)
    _add_evidence(made, "forwarded", named, "its address as a proxy reports it")
    _add_evidence(made, "clientId", ids, "client id of its CONNECT")
    _add_evidence(made, "username", users, "user name of its CONNECT")
    return made


def _add_evidence(made: list[Evidence], kind: str, counts: dict[str, int], reason: str) -> None:
    items = [Evidence(kind, value, reason, count) for value, count in counts.items()]
    made += items[:LISTED]


def _secrets(profiles: list[Profile], holders: Holders) -> list[Evidence]:
    """Returns credentials, and client certificates by the fingerprint of their key."""
    kinds: dict[tuple[str, str], int] = {}
    for profile in profiles:
        if profile.secret is not None and profile.code in (0, None):
            kind = "credentials" if profile.tls is None else "certificate"
            _count(kinds, (kind, profile.secret), profile.count)
    made: list[Evidence] = []
    for (kind, secret), count in kinds.items():
        shared = holders.get(secret, 0) > 1
        reason = "other devices use the same" if shared else "no other device was seen with it"
        made.append(Evidence(kind, secret, reason, count))
    return made[:LISTED]


def _hellos(profiles: list[Profile]) -> list[Evidence]:
    """Returns the JA3 of a device's ClientHello and the server name (SNI) that it requests."""
    counts: dict[tuple[str, str | None], int] = {}
    for profile in profiles:
        if profile.tls is not None and profile.tls.ja3 is not None:
            _count(counts, (profile.tls.ja3, profile.tls.server_name), profile.count)
    made: list[Evidence] = []
    for (ja3, name), count in list(counts.items())[:LISTED]:
        sni = "without server name" if name is None else f"for server {printable(name, 80)}"
        made.append(Evidence("tls", f"ja3 {ja3}", f"JA3 of its ClientHello, {sni}", count))
    return made


def _session(profiles: list[Profile]) -> Session:
    clean = kept = 0
    expiries: set[int] = set()
    for profile in profiles:
        if profile.client_id is None:
            continue
        if profile.clean:
            clean += profile.count
        else:
            kept += profile.count
        if profile.properties:
            expiry = property_value(profile.properties, "sessionExpiryInterval")
            if expiry is not None:
                expiries.add(expiry)
    return Session(clean, kept, tuple(sorted(expiries)))


def _wills(wills: dict[tuple[str, int, bool, int], int]) -> tuple[Will, ...]:
    return tuple([Will(*will, count) for will, count in wills.items()])[:LISTED]


def _limits(profiles: list[Profile]) -> dict[str, tuple[Any, ...]]:
    seen: dict[str, dict[Any, None]] = {}
    for profile in profiles:
        for item in profile.connack_properties:
            if item.name in _LIMITS and len(seen.setdefault(item.name, {})) < LISTED:
                seen[item.name][item.value] = None
    return {name: tuple(values) for name, values in sorted(seen.items())}


def _numbers(faults: Faults) -> tuple[int, ...]:
    every: set[int] = set()
    for item in faults.counts:
        every.update(item.numbers)
    return tuple(sorted(every))
