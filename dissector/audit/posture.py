"""Profiles and the faults found on them in, a posture out: what is wrong, and what is right.

What is right is said only where it holds for every connection that was seen of the party.
"""

from __future__ import annotations

from collections.abc import Sequence

from dissector.audit.records import Device, Overview, Point, Posture, Problem, Server
from dissector.audit.tally import Faults
from dissector.connections.profile import Profile
from dissector.model import Severity, Version

_ENCRYPTED = frozenset({"tls", "wss", "quic"})
_STANDARDS = (Version.V3_1_1, Version.V5_0)
_SHARING = frozenset({"SEC07"})
_WEAK = frozenset({"SEC04", "SEC05", "SEC06", "SEC08", "SEC29"})
_KEEP_ALIVE = frozenset({"SEC15", "SEC16"})
_IDENTITY = frozenset({"SEC12", "SEC13", "SEC14", "SEC27", "SEC34"})


def device_posture(everything: list[Profile], faults: Faults, holders: dict[str, int]) -> Posture:
    """Judge a device; `holders` counts the devices that use each credential."""
    profiles = counting(everything)
    spoke = opaque = inside = count = opaque_count = 0
    certified = named = unique = secret = standard = identified = True
    for profile in profiles:  # one pass: there may be very many devices
        if profile.opaque:
            opaque += 1
            opaque_count += profile.count
            certified = certified and bool(profile.tls and profile.tls.client_certificates)
        if profile.client_id is None:
            continue
        spoke += 1
        named = named and not profile.anonymous
        if profile.code == 0:
            inside += 1
            count += profile.count
            unique = unique and holders.get(profile.secret or "") == 1
            secret = secret and bool(profile.secret)
            standard = standard and profile.version in _STANDARDS
            identified = identified and bool(profile.client_id)
    found = faults.by_rule.keys()
    right = _encryption(
        [item for item in profiles if item.client_id is not None or item.opaque],
        everything, faults, "all its connections are encrypted",
    )  # fmt: skip
    if opaque and certified:
        text = "it shows a certificate of its own"
        right.append(Point("authentication", text, opaque_count))
    if inside and named:
        right.append(Point("authentication", "it shows who it is on every connection", count))
        if unique and found.isdisjoint(_SHARING):
            right.append(Point("credentials", "nobody else was seen with its credentials", count))
        if secret and found.isdisjoint(_WEAK):
            right.append(Point("credentials", "its password is not obviously weak", count))
    if inside and standard:
        right.append(Point("version", "it speaks a version that is an OASIS standard", count))
    if inside and identified and found.isdisjoint(_IDENTITY):
        right.append(Point("identity", "its client id is its own", count))
    if inside and found.isdisjoint(_KEEP_ALIVE):
        right.append(Point("session", "its keep alive is sensible", count))
    unseen = ["what it publishes and subscribes to is not judged by this version"]
    if opaque:
        unseen.append("what it says inside of TLS; a key log would show it (--keylog)")
    elif not inside:
        unseen.append("it was never let in: what it would do inside was not seen")
    if spoke + opaque < len(profiles):
        unseen.append("some of its connections hold no CONNECT that was seen")
    return _posture(faults, right, unseen)


def server_posture(everything: list[Profile], faults: Faults) -> Posture:
    """Judge a server."""
    profiles = counting(everything)
    spoke = [profile for profile in profiles if profile.client_id is not None]
    inside = [profile for profile in spoke if profile.code == 0]
    refused = [profile for profile in spoke if profile.code]
    count = sum(profile.count for profile in inside)
    opaque = [profile for profile in profiles if profile.opaque]
    right = _encryption(
        [*inside, *opaque], everything, faults, "it was only seen to speak encrypted"
    )
    if any(item.tls is not None and item.tls.requested for item in opaque):
        times = sum(profile.count for profile in opaque)
        right.append(Point("authentication", "it asks for client certificates", times))
    if inside and not any(profile.anonymous for profile in inside):
        right.append(Point("authentication", "nobody was let in without credentials", count))
    if refused:
        times = sum(profile.count for profile in refused)
        right.append(Point("authentication", "it turns clients away that may not come in", times))
    if inside and all(profile.version in _STANDARDS for profile in inside):
        right.append(Point("version", "it speaks only versions that are OASIS standards", count))
    unseen = ["which topics it lets whom read and write is not judged by this version"]
    if opaque:
        unseen.append("whom it lets in and how: that is inside of TLS")
    elif not refused:
        unseen.append("it was never seen to refuse anybody")
    return _posture(faults, right, unseen)


def counting(profiles: list[Profile]) -> list[Profile]:
    """Leave out the TLS that a key log opened: it is there a second time, as what it held."""
    return [item for item in profiles if item.tls is None or item.opaque] or profiles


def _encryption(
    profiles: list[Profile], everything: list[Profile], faults: Faults, text: str
) -> list[Point]:
    """Say that all is encrypted, where it is, and whether that is worth something."""
    count = 0
    for profile in profiles:
        if profile.transport not in _ENCRYPTED:
            return []
        count += profile.count
    if not count:
        return []
    found = [Point("encryption", text, count)]
    if not [rule for rule in faults.by_rule if rule.startswith("TLS")]:
        versions = {item.tls.version for item in everything if item.tls is not None}
        if versions and versions <= {"TLS 1.2", "TLS 1.3"}:
            found.append(Point("encryption", "its versions of TLS are current ones", count))
    return found


def _posture(faults: Faults, right: list[Point], unseen: list[str]) -> Posture:
    wrong = [
        Problem(rule, name, faults.severity(rank), count, tuple(numbers))
        for rule, (name, rank, count, numbers) in faults.by_rule.items()
    ]
    if len(wrong) > 1:
        wrong.sort(key=_worst_first)
    worst = wrong[0].severity if wrong else None
    return Posture(worst, tuple(right), tuple(wrong), tuple(unseen))


def _worst_first(problem: Problem) -> tuple[int, str]:
    return (-problem.severity.rank, problem.rule)


def overview(
    devices: Sequence[Device],
    servers: Sequence[Server],
    profiles: Sequence[Profile],
    *,
    other: dict[str, int],
    forgot: int,
    seconds: float,
) -> Overview:
    """Sum everything up; `other` is what else there was, by kind, `forgot` profiles let go."""
    spoke = [profile for profile in profiles if profile.client_id is not None]
    opaque = sum(profile.count for profile in profiles if profile.opaque)
    worst: dict[str, int] = {severity.value: 0 for severity in reversed(Severity)} | {"none": 0}
    for device in devices:
        worst["none" if device.posture.worst is None else device.posture.worst._value_] += 1
    clear = sum(profile.count for profile in spoke if profile.transport not in _ENCRYPTED)
    encrypted = sum(profile.count for profile in spoke) - clear + opaque
    unseen = ["what is published and subscribed to, and who may read it"]
    if opaque:
        unseen.append(f"what is inside of {opaque:,} TLS connections; --keylog would show it")
    foreign = other.get("tls", 0) - sum(item.count for item in profiles if item.tls is not None)
    if foreign > 0:
        unseen.append(f"{foreign:,} TLS connections that do not look like MQTT")
    unseen.append(f"what happened outside of the {seconds:,.0f} seconds of this capture")
    limits = ["an audit of traffic sees who spoke, not who could have"]
    if forgot:
        limits.append(f"{forgot:,} kinds of connection were let go to bound memory: the oldest")
    return Overview(
        devices=len(devices),
        servers=len(servers),
        clear=clear,
        encrypted=encrypted,
        anonymous=sum(profile.count for profile in spoke if profile.anonymous),
        authenticated=sum(profile.count for profile in spoke if not profile.anonymous),
        devices_by_worst=worst,
        right=_common(devices),
        not_seen=tuple(unseen),
        method=(
            "passive: nothing was sent, everything is told from the captured frames",
            "devices are told apart by MAC address, address, client id, credentials, and by how "
            "they say hello in TLS",
            "credentials are compared by a keyed hash and are not kept",
        ),
        limits=tuple(limits),
    )


def _common(devices: Sequence[Device]) -> tuple[Point, ...]:
    counts: dict[tuple[str, str], int] = {}
    for device in devices:
        for point in device.posture.right:
            key = (point.topic, point.text)
            counts[key] = counts.get(key, 0) + 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Point(topic, text, count) for (topic, text), count in ordered)
