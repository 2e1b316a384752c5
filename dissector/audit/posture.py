"""Evaluates the posture of devices and servers: what is wrong and what is right.

`DEVICE_MERITS` and `SERVER_MERITS` list all that can be right, each with the rules that contradict
it. A point is reported on a party with the number of connections on which it was seen, if no
connection of the party violates it and none has a finding that contradicts it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from dissector.activity.profile import Profile
from dissector.audit.records import Device, Overview, Point, Posture, Problem
from dissector.audit.tally import Faults, tally_of
from dissector.connections.record import DENIED
from dissector.model import Severity, Version
from dissector.net.tls_names import TLS_1_2, TLS_1_3, broken, version_name

_STANDARDS = (Version.V3_1_1, Version.V5_0)
_CURRENT = (version_name(TLS_1_2), version_name(TLS_1_3))
_HIDES_CERTIFICATES = version_name(TLS_1_3)
_VIOLATED = -1
_V3_1_1, _V5_0 = Version.V3_1_1, Version.V5_0
KINDS_KEPT = 4096  # of devices, by the facts that decide what is right about them

# How many devices use each credential, and each client id at a server (`inventory.py`)
Holders = dict[object, int]


class Merit(NamedTuple):
    """Something that can be right about a device or a server.

    `seen` returns the number of connections of a profile on which it holds, 0 if that cannot be
    seen or does not apply, `_VIOLATED` if it does not hold. It is right only as far as the rules of
    `rests_on` were checked and found nothing; `contradicted_by` are the other rules whose findings
    say the opposite.
    """

    topic: str
    text: str
    seen: Callable[[Profile, Holders], int]
    rests_on: frozenset[str] = frozenset()
    contradicted_by: frozenset[str] = frozenset()


def _encrypted(profile: Profile, holders: Holders) -> int:
    if profile.in_clear:
        return _VIOLATED
    facts = profile.tls
    if facts is not None and facts.established and facts.suite is not None and broken(facts.suite):
        return _VIOLATED
    return profile.encrypted


def _served_encrypted(profile: Profile, holders: Holders) -> int:
    if profile.tls is None and not profile.served:
        return 0
    return _encrypted(profile, holders)


def _current_tls(profile: Profile, holders: Holders) -> int:
    facts = profile.tls
    if facts is None or facts.version is None:
        return 0
    return facts.established if facts.version in _CURRENT else _VIOLATED


def _certified(profile: Profile, holders: Holders) -> int:
    facts = profile.tls
    if facts is None or not facts.established:
        return 0
    if facts.client_certificates:
        return facts.established
    visible = facts.version not in (None, _HIDES_CERTIFICATES) and not facts.resumed
    return _VIOLATED if visible else 0


def _requests_certificate(profile: Profile, holders: Holders) -> int:
    facts = profile.tls
    if facts is None or facts.requested is None:
        return 0
    return facts.established if facts.requested else _VIOLATED


def _logged_in(profile: Profile, holders: Holders) -> int:
    if profile.anonymous:
        return _VIOLATED
    proven = profile.secret is not None or profile.method is not None
    return profile.count if proven and profile.code == 0 else 0


def _accepted_with_login(profile: Profile, holders: Holders) -> int:
    return _logged_in(profile, holders) if profile.served else 0


def _own_credentials(profile: Profile, holders: Holders) -> int:
    if profile.code != 0 or profile.secret is None:
        return 0
    return profile.count if holders[profile.secret] == 1 else _VIOLATED


def _password(profile: Profile, holders: Holders) -> int:
    return profile.count if profile.code == 0 and profile.secret is not None else 0


def _standard_version(profile: Profile, holders: Holders) -> int:
    if profile.code != 0:
        return 0
    return profile.count if profile.version in _STANDARDS else _VIOLATED


def _own_client_id(profile: Profile, holders: Holders) -> int:
    if profile.code != 0 or not profile.client_id:
        return 0
    key = (profile.server_ip, profile.server_port, profile.client_id)
    return profile.count if holders[key] == 1 else _VIOLATED


def _keep_alive(profile: Profile, holders: Holders) -> int:
    if profile.code != 0 or not profile.complete:
        return 0
    return profile.count if profile.keep_alive else _VIOLATED


def _denied(profile: Profile, holders: Holders) -> int:
    return profile.count if profile.code in DENIED else 0


_ENCRYPTION, _LOGIN, _CREDENTIALS = "encryption", "authentication", "credentials"

DEVICE_MERITS = (
    Merit(
        _ENCRYPTION,
        "its connections are encrypted",
        _encrypted,
        contradicted_by=frozenset({"SEC01", "SEC02", "SEC03", "SEC36", "TLS03"}),
    ),
    Merit(
        _ENCRYPTION,
        "its TLS versions are current",
        _current_tls,
        contradicted_by=frozenset({"TLS01", "TLS02"}),
    ),
    Merit(
        _LOGIN,
        "it presents a client certificate",
        _certified,
        contradicted_by=frozenset({"TLS08", "TLS14"}),
    ),
    Merit(
        _LOGIN,
        "it sends credentials",
        _logged_in,
        contradicted_by=frozenset(
            {"CON07", "CON08", "CON09", "SEC03", "SEC08", "SEC09", "SEC10", "SEC36"}
        ),
    ),
    Merit(
        _CREDENTIALS,
        "no other device was seen with its credentials",
        _own_credentials,
        contradicted_by=frozenset({"SEC07", "SEC09", "SEC10", "TLS08"}),
    ),
    Merit(
        _CREDENTIALS,
        "its password is not obviously weak",
        _password,
        rests_on=frozenset({"SEC04", "SEC05", "SEC06", "SEC29"}),
        contradicted_by=frozenset({"SEC08", "SEC09", "SEC10"}),
    ),
    Merit(
        "version",
        "its MQTT version is an OASIS standard",
        _standard_version,
        contradicted_by=frozenset({"CON01", "CON02", "SEC20"}),
    ),
    Merit(
        "identity",
        "no other device was seen with its client id",
        _own_client_id,
        contradicted_by=frozenset({"SEC12", "SEC13", "SEC14", "SEC27", "SEC34"}),
    ),
    Merit(
        "session",
        "its keep alive is reasonable",
        _keep_alive,
        rests_on=frozenset({"SEC15", "SEC16"}),
    ),
)
SERVER_MERITS = (
    Merit(
        _ENCRYPTION,
        "its accepted connections are encrypted",
        _served_encrypted,
        contradicted_by=frozenset({"SEC02", "SEC03", "TLS03"}),
    ),
    Merit(
        _ENCRYPTION,
        "its TLS versions are current",
        _current_tls,
        contradicted_by=frozenset({"TLS01"}),
    ),
    Merit(
        _LOGIN,
        "it requests client certificates",
        _requests_certificate,
        contradicted_by=frozenset({"TLS14"}),
    ),
    Merit(
        _LOGIN,
        "it accepted no client without credentials",
        _accepted_with_login,
        contradicted_by=frozenset({"AUT01", "SEC03", "SEC08", "SEQ03", "SEQ10"}),
    ),
    Merit(
        _LOGIN,
        "it refuses clients that are not authorized",
        _denied,
        contradicted_by=frozenset({"ACK03", "AUT05", "SEC03", "SEQ08", "SEQ09", "SEQ10"}),
    ),
    Merit(
        "version",
        "it accepted only MQTT versions that are OASIS standards",
        _standard_version,
        contradicted_by=frozenset({"CON01", "CON02", "SEC20", "SEQ06"}),
    ),
)


class Totals:
    """What is counted over all devices.

    `seen` is on how many of their connections each of `DEVICE_MERITS` was seen, `visitors` how many
    devices a server has, by its name, `worst` how many devices have that severity, or "none".
    `known` is what is right and what is unseen about a device, by the facts that decide it.
    """

    def __init__(self) -> None:
        self.devices = self.connections = 0
        self.seen = [0] * len(DEVICE_MERITS)
        self.visitors: dict[str, int] = {}
        self.known: dict[
            tuple[object, ...], tuple[tuple[Point, ...], tuple[str, ...], list[int]]
        ] = {}
        self.worst: dict[str, int] = {severity.value: 0 for severity in reversed(Severity)}
        self.worst["none"] = 0

    def add(self, device: Device) -> None:
        """Counts a device."""
        self.devices += 1
        self.connections += device.connections
        for name in device.servers:
            self.visitors[name] = self.visitors.get(name, 0) + 1
        worst = device.posture.worst
        self.worst["none" if worst is None else worst._value_] += 1


def device_posture(
    everything: list[Profile],
    faults: Faults,
    holders: Holders,
    checked: frozenset[str],
    totals: Totals,
) -> Posture:
    """Evaluates a device by the rules that were checked.

    Adds to `totals.seen`, by the index of `DEVICE_MERITS`, on how many of its connections each was
    seen. Most devices have one profile, of which only few facts matter (`_facts`): what is right is
    found once for all that have the same.
    """
    facts: tuple[object, ...] | None = None
    known = None
    if len(everything) == 1:
        facts = _facts(everything[0], holders)
        known = None if facts is None else totals.known.get(facts)
    if known is None:
        seen = [0] * len(DEVICE_MERITS)
        right, unseen = _right_of_device(everything, holders, checked, seen)
        known = (right, unseen, seen)
        if facts is not None and len(totals.known) < KINDS_KEPT:
            totals.known[facts] = known
    for index, count in enumerate(known[2]):
        totals.seen[index] += count
    return _posture(faults, known[0], known[1])


def _facts(profile: Profile, holders: Holders) -> tuple[object, ...] | None:
    """Returns all that decides what is right about a device with this one profile; None for TLS.

    It is all that the functions of `DEVICE_MERITS` and `_right_of_device` look at.
    """
    if profile.tls is not None:
        return None
    accepted = profile.code == 0
    own_id = own_secret = False
    if accepted and profile.client_id:
        own_id = holders[profile.server_ip, profile.server_port, profile.client_id] == 1
    if accepted and profile.secret is not None:
        own_secret = holders[profile.secret] == 1
    tally = tally_of(profile)
    client, server = tally.client_faults, tally.server_faults
    version = profile.version
    return (
        profile.count, profile.transport, profile.silent, profile.served, accepted,
        not profile.client_id, profile.client_id is None, own_id, own_secret,
        profile.secret is None, profile.username is None, profile.method is None,
        profile.complete, profile.login_possible, version is _V3_1_1 or version is _V5_0,
        profile.keep_alive == 0, None if client is None else client.rules(),
        None if server is None else server.rules(), tally.suppressed,
    )  # fmt: skip


def _right_of_device(
    everything: list[Profile], holders: Holders, checked: frozenset[str], seen: list[int]
) -> tuple[tuple[Point, ...], tuple[str, ...]]:
    """Returns what is right about a device, and what could not be evaluated; adds to `seen`."""
    accepted = opaque = missing = total = 0
    for profile in without_decrypted(everything):  # one pass: there may be very many devices
        total += profile.count
        opaque += profile.opaque
        accepted += profile.served
        missing += profile.client_id is None and profile.tls is None and not profile.silent
    unseen = ["what it publishes and subscribes to is not evaluated by this version"]
    if opaque:
        unseen.append("what it sends inside TLS; a key log would decrypt it (--keylog)")
    elif not accepted:
        unseen.append("what it does after a CONNACK: no connection of it was seen to be accepted")
    if missing:
        unseen.append("the CONNECT of some of its connections")
    unseen += _unchecked(DEVICE_MERITS, checked)
    right = _right(DEVICE_MERITS, everything, holders, checked, total, seen)
    return tuple(right), tuple(unseen)


def server_posture(
    everything: list[Profile], faults: Faults, holders: Holders, checked: frozenset[str]
) -> Posture:
    """Evaluates a server by the rules that were checked."""
    refused = opaque = missing = total = 0
    for profile in without_decrypted(everything):
        total += profile.count
        opaque += profile.opaque
        refused += bool(profile.code)
        missing += profile.served and profile.client_id is None
    unseen = ["which client may read and write which topic is not evaluated by this version"]
    if opaque:
        unseen.append("which clients it accepts, and how: this is inside TLS")
    elif not refused:
        unseen.append("whether it refuses any client")
    if missing:
        unseen.append("how some of its clients logged in: no CONNECT of theirs was seen")
    unseen += _unchecked(SERVER_MERITS, checked)
    seen = [0] * len(SERVER_MERITS)
    right = _right(SERVER_MERITS, everything, holders, checked, total, seen)
    return _posture(faults, tuple(right), tuple(unseen))


def _right(
    merits: tuple[Merit, ...],
    profiles: list[Profile],
    holders: Holders,
    checked: frozenset[str],
    total: int,
    seen: list[int],
) -> list[Point]:
    """Returns what is right on all connections where it could be seen; adds to `seen`."""
    found: list[Point] = []
    for index, merit in enumerate(merits):
        count, violated = _seen(merit, profiles, holders, checked)
        seen[index] += count
        if count and not violated:
            found.append(Point(merit.topic, merit.text, count, total))
    return found


def _seen(
    merit: Merit, profiles: list[Profile], holders: Holders, checked: frozenset[str]
) -> tuple[int, bool]:
    """Returns on how many connections a merit was seen, and whether any violates it.

    A finding that contradicts it counts for all connections of the party, because many rules report
    only the first of several; but where the connection violates the merit anyway, the finding is
    about that one.
    """
    if not merit.rests_on <= checked:
        return 0, False
    contradicting = merit.rests_on | merit.contradicted_by
    count = 0
    violated = False
    for profile in profiles:
        holds = merit.seen(profile, holders)
        if holds < 0:
            violated = True
        elif tally_of(profile).has_finding(contradicting):
            return 0, True
        else:
            count += holds
    return count, violated


def _unchecked(merits: tuple[Merit, ...], checked: frozenset[str]) -> list[str]:
    missing = sorted({rule for merit in merits for rule in merit.rests_on} - checked)
    return [f"what the rules check that were not selected: {', '.join(missing)}"] if missing else []


def without_decrypted(profiles: list[Profile]) -> list[Profile]:
    """Drops TLS profiles that were decrypted, as their content has a profile of its own."""
    return [item for item in profiles if item.tls is None or item.opaque] or profiles


def _posture(faults: Faults, right: tuple[Point, ...], unseen: tuple[str, ...]) -> Posture:
    wrong = [
        Problem(item.rule, item.name, faults.severity(item.rank), item.count, item.numbers)
        for item in faults.counts
    ]
    if len(wrong) > 1:
        wrong.sort(key=_worst_first)
    worst = wrong[0].severity if wrong else None
    return Posture(worst, right, tuple(wrong), unseen)


def _worst_first(problem: Problem) -> tuple[int, str]:
    return (-problem.severity.rank, problem.rule)


def overview(
    totals: Totals,
    servers: int,
    profiles: Sequence[Profile],
    *,
    other: dict[str, int],
    evicted: int,
    seconds: float,
) -> Overview:
    """Summarizes an audit.

    `totals` are those of all devices, `servers` is their number; `other` is other traffic by kind;
    `evicted` counts lost profiles.
    """
    clear = encrypted = opaque = undecrypted = anonymous = authenticated = 0
    for profile in profiles:
        clear += profile.in_clear
        encrypted += profile.encrypted
        if profile.opaque:
            opaque += profile.encrypted
            undecrypted += profile.count
        if profile.client_id is not None:
            anonymous += profile.count if profile.anonymous else 0
            authenticated += profile.count if profile.shows_login else 0
    total = totals.connections
    right = [
        Point(merit.topic, merit.text, count, total)
        for merit, count in zip(DEVICE_MERITS, totals.seen, strict=True)
        if count
    ]
    right.sort(key=lambda point: (-point.count, point.topic, point.text))
    unseen = ["what is published and subscribed to, and who may read it"]
    if opaque:
        unseen.append(f"the content of {opaque:,} TLS connections; --keylog would decrypt it")
    if total > clear + encrypted:
        unseen.append(
            f"whether {total - clear - encrypted:,} connections are encrypted: no data was seen on "
            "them, or TLS was not seen to be established"
        )
    foreign = other.get("tls", 0) - undecrypted
    if foreign > 0 and not evicted:
        unseen.append(f"{foreign:,} TLS connections that do not look like MQTT")
    unseen.append(f"what happened outside the {seconds:,.0f} seconds of this capture")
    limits = ["an audit of traffic sees who connected, not who could connect"]
    if evicted:
        limits.append(f"the oldest {evicted:,} kinds of connection were evicted to bound memory")
    return Overview(
        devices=totals.devices,
        servers=servers,
        connections=total,
        clear=clear,
        encrypted=encrypted,
        anonymous=anonymous,
        authenticated=authenticated,
        devices_by_worst=totals.worst,
        right=tuple(right),
        not_seen=tuple(unseen),
        method=(
            "passive: nothing was sent, all results come from the captured frames",
            "devices are distinguished by MAC address, IP address, client id, credentials and the "
            "JA3 of their ClientHello",
            "credentials are compared by a keyed hash and are not stored",
        ),
        limits=tuple(limits),
    )
