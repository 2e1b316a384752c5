"""Groups profiles into devices: which connections come from the same device, and why.

A MAC address is a device, unless it has several IP addresses at the same time, or of different
networks, that have nothing in common: then it belongs to a router, and each address behind it is a
device. One host with several client ids at the same time is a gateway if they share credentials,
else an address with several devices behind it (NAT), one for each user name. Connections that were
only refused do not distinguish devices: an attacker may use any client id.
"""

from __future__ import annotations

from collections.abc import Iterable

from dissector.activity.profile import Profile
from dissector.audit.records import Kind
from dissector.audit.tally import tally_of

NO_MAC = "00:00:00:00:00:00"  # on the loopback interface
GATEWAY_IDS = 2  # client ids at the same time

Span = tuple[int, int]  # first and last time seen


class Group:
    """The profiles of one device, its kind, and the reason for it."""

    def __init__(self, profiles: list[Profile], kind: Kind, reason: str | None) -> None:
        self.profiles = profiles
        self.kind = kind
        self.reason = reason
        self.first_ns = first_ns(profiles)


def _first_seen(group: Group) -> int:
    return group.first_ns


def first_ns(profiles: list[Profile]) -> int:
    """Returns the time when the first of these profiles was first seen."""
    first = profiles[0].first_ns
    for profile in profiles:
        first = min(first, profile.first_ns)
    return first


def grouped(profiles: Iterable[Profile]) -> list[Group]:
    """Groups profiles by device, in order of first appearance."""
    everything = list(profiles)
    routers = _routers(everything)
    servers = {
        profile.server_ip
        for profile in everything
        if profile.client_id is not None or profile.tls is not None
    }
    hosts: dict[str, list[Profile]] = {}
    for profile in everything:
        mac = profile.client_mac if profile.client_mac != NO_MAC else None
        routed = mac is None or mac in routers
        hosts.setdefault(profile.client_ip if routed or mac is None else mac, []).append(profile)
    groups: list[Group] = []
    for members in hosts.values():
        groups += _split(members, members[0].client_mac in routers, servers)
    return sorted(groups, key=_first_seen)


def _routers(profiles: list[Profile]) -> set[str]:
    """Returns the MAC addresses of routers, which have several hosts behind them.

    A device may change its IPv4 address, but cannot have two at once that share nothing.
    """
    seen: dict[str, dict[str, list[Profile]]] = {}
    for profile in profiles:
        if profile.client_mac not in (None, NO_MAC) and ":" not in profile.client_ip:
            assert profile.client_mac is not None
            addresses = seen.setdefault(profile.client_mac, {})
            addresses.setdefault(profile.client_ip, []).append(profile)
    return {mac for mac, found in seen.items() if len(found) > 1 and _several_hosts(found)}


def _several_hosts(addresses: dict[str, list[Profile]]) -> bool:
    identities = [{_identity(profile) for profile in members} for members in addresses.values()]
    if set.intersection(*identities):
        return False
    if len({address.rpartition(".")[0] for address in addresses}) > 1:
        return True
    spans = [_span(members) for members in addresses.values()]
    return _most_at_once(spans) > 1


def _identity(profile: Profile) -> object:
    """Returns what stays the same when a device changes its address."""
    if profile.client_id or profile.secret:
        return profile.client_id or profile.secret
    return profile.client_ip if profile.tls is None else (profile.tls.ja3, profile.server_ip)


def _split(members: list[Profile], routed: bool, servers: set[str]) -> list[Group]:
    bridge = server = False
    accepted: list[Profile] = []
    for profile in members:  # one pass: there may be very many devices
        ip = profile.client_ip
        bridge = bridge or profile.bridge
        server = server or (ip in servers and ip != profile.server_ip)
        if profile.code == 0 and profile.client_id:
            accepted.append(profile)
    if bridge:
        return [Group(members, Kind.BRIDGE, "it sets the bridge bit in the protocol level")]
    if server:
        return [Group(members, Kind.BRIDGE, "it is a server itself and connects to another")]
    at_once = _ids_at_once(accepted)
    if at_once >= GATEWAY_IDS:
        users = {profile.username for profile in accepted}
        if len(users) > 1:
            return _split_nat(members, users)
        secrets = {profile.secret for profile in accepted}
        logins = {profile.shows_login for profile in accepted}
        if logins == {False}:
            how = "without credentials: a gateway, or several devices behind one address"
        elif len(secrets) == 1 and secrets != {None}:
            how = "with the same credentials"
        else:
            how = "without a user name" if users == {None} else "with the same user name"
        return [Group(members, Kind.GATEWAY, f"{at_once} client ids at the same time, {how}")]
    if routed:
        reason = "its MAC address is a router's: other IP addresses share it"
        return [Group(members, Kind.ROUTED, reason)]
    return [Group(members, Kind.DEVICE, None)]


def _split_nat(members: list[Profile], users: set[str | None]) -> list[Group]:
    """Splits the devices behind one address by the user names that were accepted.

    Connections that were never accepted or are encrypted may belong to any of them or to another.
    """
    by_user: dict[tuple[bool, str | None], list[Profile]] = {}
    for profile in members:
        known = profile.client_id is not None and profile.username in users
        by_user.setdefault((known, profile.username if known else None), []).append(profile)
    reason = f"{len(users)} user names at the same time from one address"
    other = f"{reason}; this one was never accepted with any of them"
    return [
        Group(part, Kind.NAT, reason if known else other) for (known, _), part in by_user.items()
    ]


def _span(profiles: Iterable[Profile]) -> Span:
    every = list(profiles)
    return (
        min(profile.first_ns for profile in every),
        max(tally_of(profile).last_ns for profile in every),
    )


def _ids_at_once(profiles: list[Profile]) -> int:
    """Returns the largest number of different client ids connected at the same time."""
    if len(profiles) < GATEWAY_IDS:  # nearly always
        return len(profiles)
    by_id: dict[str | None, list[Profile]] = {}
    for profile in profiles:
        by_id.setdefault(profile.client_id, []).append(profile)
    if len(by_id) < GATEWAY_IDS:
        return len(by_id)
    return _most_at_once([_span(members) for members in by_id.values()])


def _most_at_once(spans: list[Span]) -> int:
    changes = sorted(
        (time_ns, step) for start, stop in spans for time_ns, step in ((start, 1), (stop, -1))
    )
    most = now = 0
    for _, step in changes:
        now += step
        most = max(most, now)
    return most
