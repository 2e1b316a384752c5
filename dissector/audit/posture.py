"""Evaluates the posture of devices and servers: what is wrong and what is right.

A point counts as right only if it holds for every connection seen of the party.
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
    """Evaluates a device; `holders` counts the devices that use each credential."""
    profiles = without_decrypted(everything)
    connected = opaque = accepted = count = opaque_count = 0
    certified = authenticated = unique = secret = standard = identified = True
    for profile in profiles:  # one pass: there may be very many devices
        if profile.opaque:
            opaque += 1
            opaque_count += profile.count
            certified = certified and bool(profile.tls and profile.tls.client_certificates)
        if profile.client_id is None:
            continue
        connected += 1
        authenticated = authenticated and not profile.anonymous
        if profile.code == 0:
            accepted += 1
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
        text = "it presents a client certificate"
        right.append(Point("authentication", text, opaque_count))
    if accepted and authenticated:
        right.append(Point("authentication", "it sends credentials on every connection", count))
        if unique and found.isdisjoint(_SHARING):
            text = "no other device was seen with its credentials"
            right.append(Point("credentials", text, count))
        if secret and found.isdisjoint(_WEAK):
            right.append(Point("credentials", "its password is not obviously weak", count))
    if accepted and standard:
        right.append(Point("version", "its MQTT version is an OASIS standard", count))
    if accepted and identified and found.isdisjoint(_IDENTITY):
        right.append(Point("identity", "its client id is its own", count))
    if accepted and found.isdisjoint(_KEEP_ALIVE):
        right.append(Point("session", "its keep alive is reasonable", count))
    unseen = ["what it publishes and subscribes to is not evaluated by this version"]
    if opaque:
        unseen.append("what it sends inside TLS; a key log would decrypt it (--keylog)")
    elif not accepted:
        unseen.append("what it does after a CONNACK: no connection of it was accepted")
    if connected + opaque < len(profiles):
        unseen.append("the CONNECT of some of its connections")
    return _posture(faults, right, unseen)


def server_posture(everything: list[Profile], faults: Faults) -> Posture:
    """Evaluates a server."""
    profiles = without_decrypted(everything)
    connected = [profile for profile in profiles if profile.client_id is not None]
    accepted = [profile for profile in connected if profile.code == 0]
    refused = [profile for profile in connected if profile.code]
    count = sum(profile.count for profile in accepted)
    opaque = [profile for profile in profiles if profile.opaque]
    right = _encryption(
        [*accepted, *opaque], everything, faults, "all its accepted connections are encrypted"
    )
    if any(item.tls is not None and item.tls.requested for item in opaque):
        times = sum(profile.count for profile in opaque)
        right.append(Point("authentication", "it requests client certificates", times))
    if accepted and not any(profile.anonymous for profile in accepted):
        text = "it accepted no client without credentials"
        right.append(Point("authentication", text, count))
    if refused:
        times = sum(profile.count for profile in refused)
        right.append(Point("authentication", "it refuses clients that are not allowed", times))
    if accepted and all(profile.version in _STANDARDS for profile in accepted):
        text = "it accepted only MQTT versions that are OASIS standards"
        right.append(Point("version", text, count))
    unseen = ["which client may read and write which topic is not evaluated by this version"]
    if opaque:
        unseen.append("which clients it accepts, and how: this is inside TLS")
    elif not refused:
        unseen.append("whether it refuses any client")
    return _posture(faults, right, unseen)


def without_decrypted(profiles: list[Profile]) -> list[Profile]:
    """Drops TLS profiles that were decrypted, as their content has a profile of its own."""
    return [item for item in profiles if item.tls is None or item.opaque] or profiles


def _encryption(
    profiles: list[Profile], everything: list[Profile], faults: Faults, text: str
) -> list[Point]:
    """Returns a point if all is encrypted, and another if the TLS versions are current."""
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
            found.append(Point("encryption", "its TLS versions are current", count))
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
    evicted: int,
    seconds: float,
) -> Overview:
    """Summarizes an audit; `other` is other traffic by kind, `evicted` counts lost profiles."""
    connected = [profile for profile in profiles if profile.client_id is not None]
    opaque = sum(profile.count for profile in profiles if profile.opaque)
    worst: dict[str, int] = {severity.value: 0 for severity in reversed(Severity)} | {"none": 0}
    for device in devices:
        worst["none" if device.posture.worst is None else device.posture.worst._value_] += 1
    clear = sum(profile.count for profile in connected if profile.transport not in _ENCRYPTED)
    encrypted = sum(profile.count for profile in connected) - clear + opaque
    unseen = ["what is published and subscribed to, and who may read it"]
    if opaque:
        unseen.append(f"the content of {opaque:,} TLS connections; --keylog would decrypt it")
    foreign = other.get("tls", 0) - sum(item.count for item in profiles if item.tls is not None)
    if foreign > 0:
        unseen.append(f"{foreign:,} TLS connections that do not look like MQTT")
    unseen.append(f"what happened outside the {seconds:,.0f} seconds of this capture")
    limits = ["an audit of traffic sees who connected, not who could connect"]
    if evicted:
        limits.append(f"the oldest {evicted:,} kinds of connection were evicted to bound memory")
    return Overview(
        devices=len(devices),
        servers=len(servers),
        clear=clear,
        encrypted=encrypted,
        anonymous=sum(profile.count for profile in connected if profile.anonymous),
        authenticated=sum(profile.count for profile in connected if not profile.anonymous),
        devices_by_worst=worst,
        right=_common(devices),
        not_seen=tuple(unseen),
        method=(
            "passive: nothing was sent, all results come from the captured frames",
            "devices are distinguished by MAC address, IP address, client id, credentials and the "
            "JA3 of their ClientHello",
            "credentials are compared by a keyed hash and are not stored",
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
