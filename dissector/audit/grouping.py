"""Profiles in, devices out: which connections come from one and the same device, and why.

A MAC address is a device, unless it stands for several addresses that have nothing in common: then
it is a router's, and each address behind it is a device. One host that speaks for several client
ids at the same time is a gateway if they share credentials, else an address that several devices
are behind (NAT), one for each user name. What was refused only tells no devices apart: an attacker
may call himself anything.
"""

from __future__ import annotations

from collections.abc import Iterable

from dissector.audit.records import Kind
from dissector.audit.tally import tally_of
from dissector.connections.history import Profile

NO_MAC = "00:00:00:00:00:00"  # as the loopback interface has it
GATEWAY_IDS = 2  # client ids at the same time


class Group:
    """The profiles of one device, what kind it is, and the reason."""

    def __init__(self, profiles: list[Profile], kind: Kind, reason: str | None) -> None:
        self.profiles = profiles
        self.kind = kind
        self.reason = reason
        self.first_ns = min(profile.first_ns for profile in profiles)


def grouped(profiles: Iterable[Profile]) -> list[Group]:
    """Tell devices apart; in order of first sight."""
    everything = list(profiles)
    routers = _routers(everything)
    servers = {profile.server_ip for profile in everything if profile.client_id is not None}
    hosts: dict[str, list[Profile]] = {}
    for profile in everything:
        mac = profile.client_mac if profile.client_mac != NO_MAC else None
        routed = mac is None or mac in routers
        hosts.setdefault(profile.client_ip if routed or mac is None else mac, []).append(profile)
    groups: list[Group] = []
    for name, members in hosts.items():
        routed = members[0].client_mac in routers
        groups += _split(name, members, routed=routed, servers=servers)
    return sorted(groups, key=lambda group: group.first_ns)


def _routers(profiles: list[Profile]) -> set[str]:
    """Give the MAC addresses behind which several hosts are."""
    seen: dict[str, dict[str, set[object]]] = {}
    for profile in profiles:
        if profile.client_mac not in (None, NO_MAC):
            assert profile.client_mac is not None
            marks = seen.setdefault(profile.client_mac, {}).setdefault(profile.client_ip, set())
            marks.add(profile.client_id or profile.secret or profile.client_ip)
    found = set()
    for mac, addresses in seen.items():
        fours = [marks for ip, marks in addresses.items() if ":" not in ip]
        if len(fours) > 1 and not set.intersection(*fours):
            found.add(mac)
    return found


def _split(name: str, members: list[Profile], *, routed: bool, servers: set[str]) -> list[Group]:
    bridges = [profile for profile in members if profile.bridge]
    if bridges:
        return [Group(members, Kind.BRIDGE, "it sets the bridge bit in the protocol level")]
    if any(profile.client_ip in servers - {profile.server_ip} for profile in members):
        return [Group(members, Kind.BRIDGE, "it is a server itself, and connects to another")]
    inside = [profile for profile in members if profile.code == 0 and profile.client_id]
    ids = {profile.client_id for profile in inside}
    if len(ids) >= GATEWAY_IDS and _together(inside) >= GATEWAY_IDS:
        users = {profile.username for profile in inside}
        if len(users) > 1:
            return _behind(members, inside, len(users))
        at_once = _together(inside)
        reason = f"{at_once} client ids at the same time, with one and the same credentials"
        return [Group(members, Kind.GATEWAY, reason)]
    if routed:
        reason = "its MAC address is a router's: other addresses have it, too"
        return [Group(members, Kind.ROUTED, reason)]
    return [Group(members, Kind.DEVICE, None)]


def _behind(members: list[Profile], inside: list[Profile], users: int) -> list[Group]:
    reason = f"{users} user names at the same time from one address"
    by_user: dict[str | None, list[Profile]] = {}
    for profile in members:
        known = {item.username for item in inside}
        user = profile.username if profile.username in known else inside[0].username
        by_user.setdefault(user, []).append(profile)
    return [Group(part, Kind.NAT, reason) for part in by_user.values()]


def _together(profiles: list[Profile]) -> int:
    """Count the different client ids that were there at the same moment, at most."""
    spans: dict[str, tuple[int, int]] = {}
    for profile in profiles:
        assert profile.client_id is not None
        start, stop = spans.get(profile.client_id, (profile.first_ns, 0))
        last = max(stop, tally_of(profile).last_ns)
        spans[profile.client_id] = (min(start, profile.first_ns), last)
    changes = sorted(
        (time_ns, step)
        for start, stop in spans.values()
        for time_ns, step in ((start, 1), (stop, -1))
    )
    most = now = 0
    for _, step in changes:
        now += step
        most = max(most, now)
    return most
