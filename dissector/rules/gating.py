"""Decides whether the capture is complete enough for a rule to judge a connection.

Most rules about order and time depend on two questions: were all packets before a frame captured,
and did a side close the connection after it? If the capture is incomplete, the result is a reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dissector.connections.connection import Connection, PacketRef
from dissector.model import Confidence, Finding, FrameRef, Severity, Side, Version
from dissector.mqtt import spec
from dissector.mqtt.packets.packet import Packet
from dissector.rules.base import Unevaluated, Verdict
from dissector.rules.failure import Failure

SECOND_NS = 1_000_000_000
# members of an enum as globals: reading them from the class takes ten times as long
_CLIENT, _SERVER = Side.CLIENT, Side.SERVER
_V5_0 = Version.V5_0


def incomplete_before(
    connection: Connection,
    side: Side,
    frame: FrameRef,
    from_start: bool = True,
    across: bool = False,
) -> Unevaluated | None:
    """Returns why packets before a frame of `side` may not have been captured, None if all were.

    `from_start` requires the SYN and both directions, `across` all packets of the other side, too.
    A gap does not matter if its side still has data without a gap after the frame.
    """
    quality = connection.quality
    if from_start and not quality.both_seen:
        return Unevaluated("one direction only")
    if from_start and not quality.syn_seen:
        return Unevaluated("the capture starts in mid-stream")
    if across and quality.out_of_order:
        return Unevaluated("captured out of order")
    if (
        quality.conflict
        or quality.ambiguous
        or _gap_before(connection, side, frame)
        or (across and _gap_before(connection, side.other, frame))
    ):
        return Unevaluated(quality.broken() or "bytes missing")
    if quality.foreign and (across or side is _SERVER):
        return Unevaluated(quality.broken() or "the server sends something other than MQTT")
    return None


def _gap_before(connection: Connection, side: Side, frame: FrameRef) -> bool:
    """Whether bytes of a side may be missing before a frame: by time, position or order.

    One of the three is enough: the clocks of a capture may differ, and its order from both.
    """
    gap = connection.quality.gaps.get(side)
    if gap is None:
        return False
    if gap.time_ns <= frame.time_ns or (gap.file == frame.file and gap.number <= frame.number):
        return True
    order = (connection.quality.gap_orders or {}).get(side)
    orders = [ref.order for ref in connection.activity if ref.frame == frame]
    return order is not None and (not orders or order <= max(orders))


def missing_close(
    connection: Connection,
    what: str,
    at: FrameRef,
    wanted: str,
    grace_ns: int | None = None,
    **more: Any,
) -> Verdict:
    """Judges whether either side closed the connection in time after frame `at`.

    `what` is what happened at that frame, `wanted` what the standard requires then. `grace_ns` is
    the time allowed, by default the deadline `close-seconds`; it is our choice, so the failure is a
    warning and "likely", unless `more` (fields of the `Failure`) says otherwise. Its time is the
    deadline, before which nothing is proven.
    """
    grace = connection.deadlines.close_ns if grace_ns is None else grace_ns
    overdue = connection.close_overdue(at.time_ns, grace)
    if overdue is None:
        return None
    if isinstance(overdue, str):
        return Unevaluated(overdue)
    if overdue.unseen:
        return _unseen_close(connection, what, at, wanted, overdue.deadline_ns, more)
    still = open_for(connection, at.time_ns)
    evidence = more.pop("evidence", {}) | {"openForSeconds": round(still / SECOND_NS, 3)}
    more.setdefault("frames", (at,))
    more.setdefault("severity", Severity.WARNING)
    more.setdefault("confidence", Confidence.LIKELY)
    return Failure(
        message=f"{what}, and the connection is still open {seconds(still)} later; {wanted}",
        at=at,
        time_ns=overdue.deadline_ns,
        evidence=evidence,
        **more,
    )


def _unseen_close(
    connection: Connection, what: str, at: FrameRef, wanted: str, deadline_ns: int, more: Any
) -> Failure:
    """Returns the failure where nothing more is seen of a connection, but of its server.

    It is possible at most: a close may have taken another path, or its only frame may be lost.
    """
    quality = connection.quality
    silent = seconds(max(quality.last_seen_ns - at.time_ns, 0))
    evidence = more.pop("evidence", {})
    more.setdefault("frames", (at,))
    more |= {"severity": Severity.INFO, "confidence": Confidence.POSSIBLE}
    return Failure(
        message=f"{what}, and no close is seen; {wanted}. Only possible: the last frame of the "
        f"connection comes {silent} later, so its close may just not have been captured, but other "
        f"connections of the server were, until {seconds(quality.server_seen_ns - at.time_ns)} "
        "later, without a gap",
        at=at,
        time_ns=deadline_ns,
        evidence=evidence | {"closeSeen": False},
        **more,
    )


def missing_close_after(
    connection: Connection, violations: Sequence[Finding], what: str
) -> Verdict:
    """Judges whether the receiver of a violation closed; reports the first without a close.

    `what` is a format string for a finding, with its `{side}`, `{rule}` and `{name}`. A receiver
    whose own packet accepts the violating one is reported at once: that is proof, and an error. If
    either side sent DISCONNECT in time, SEQ16 requires the close instead.
    """
    reason: Unevaluated | None = None
    if len(violations) > 1:
        violations = sorted(violations, key=_time)
    for finding in violations:
        answer = accepting_answer(connection, finding)
        if answer is not None:
            at = FrameRef(finding.file, finding.frame, finding.time_ns)
            incomplete = _unordered(connection, at, answer.frame)
            if incomplete is None:
                return _accepted(finding, at, answer, what)
            reason = reason or incomplete
            continue
        if _disconnected_in_time(connection, finding.time_ns):
            continue
        receiver = finding.side.other
        verdict = missing_close(
            connection,
            what.format(side=finding.side.value, rule=finding.rule, name=finding.name),
            FrameRef(finding.file, finding.frame, finding.time_ns),
            f"the {receiver.value} must close",
            side=receiver,
            evidence={"provokedBy": finding.rule},
        )
        if isinstance(verdict, Unevaluated):
            reason = reason or verdict
        elif verdict is not None:
            return verdict
    return reason


def _time(finding: Finding) -> int:
    return finding.time_ns


def _disconnected_in_time(connection: Connection, since_ns: int) -> bool:
    """Whether either side sent DISCONNECT within the deadline for a close."""
    until = since_ns + connection.deadlines.close_ns
    for packet in connection.disconnects:
        if packet.frame is not None and since_ns <= packet.frame.time_ns <= until:
            return True
    return False


def accepting_answer(connection: Connection, finding: Finding) -> PacketRef | None:
    """Returns the server's packet that accepts the CONNECT or AUTH of a finding about the client.

    The first CONNACK answers the first CONNECT, the second one the second. A CONNACK accepts with
    code 0; an AUTH continues the authentication, and so accepts what came before it.
    """
    if finding.side is not _CLIENT:
        return None
    continues = (spec.AUTH,) if connection.version is _V5_0 else ()
    answer: PacketRef | None = None
    if finding.rule == "SEQ02":
        connacks = sent(connection, _SERVER, spec.CONNACK)
        answer = connacks[1] if len(connacks) > 1 else None
    elif finding in connection.connect_faults:
        answer = _first(connection, 0, (spec.CONNACK, *continues))
    elif finding.packet is not None and finding.packet[0] >> 4 == spec.AUTH:
        auths = [
            ref
            for ref in sent(connection, _CLIENT, *continues)
            if (ref.frame.file, ref.frame.number) == (finding.file, finding.frame)
        ]
        if len(auths) == 1:
            answer = _first(connection, auths[0].order + 1, (spec.CONNACK, *continues))
    accepts = answer is not None and (answer.type == spec.AUTH or answer.code == 0)
    return answer if accepts else None


def _first(connection: Connection, order: int, types: tuple[int, ...]) -> PacketRef | None:
    """Returns the server's first packet of these types from a place in the order on."""
    for ref in connection.activity:
        if ref.side is _SERVER and ref.type in types and ref.order >= order:
            return ref
    return None


def _unordered(connection: Connection, at: FrameRef, answer: FrameRef) -> Unevaluated | None:
    """Returns why it is not certain that a server's packet answers a client's, or None."""
    for side, frame in ((_CLIENT, at), (_SERVER, answer)):
        incomplete = incomplete_before(connection, side, frame, from_start=False)
        if incomplete is not None:
            return incomplete
    return None


def _accepted(finding: Finding, at: FrameRef, answer: PacketRef, what: str) -> Failure:
    """Returns the failure of a server that accepted the violation of a finding."""
    name = spec.packet_name(answer.type)
    happened = what.format(side=finding.side.value, rule=finding.rule, name=finding.name)
    return Failure(
        message=f"{happened}, and the server accepted it with {name}; the server must close",
        at=answer.frame,
        frames=(at, answer.frame),
        side=Side.SERVER,
        severity=Severity.ERROR,
        confidence=Confidence.PROVEN,
        evidence={"provokedBy": finding.rule, "acceptedBy": name},
    )


def open_for(connection: Connection, since_ns: int) -> int:
    """Returns how long it stayed open after `since_ns`, in nanoseconds, as far as captured."""
    ends = [event.frame.time_ns for event in connection.closes if event.frame.time_ns >= since_ns]
    return max((ends[0] if ends else connection.quality.last_seen_ns) - since_ns, 0)


def seconds(duration_ns: int) -> str:
    """Formats a duration: ``6.0 s``, ``0.055 ms``."""
    if duration_ns < SECOND_NS:
        return f"{duration_ns / 1e6:.3g} ms"
    return f"{duration_ns / SECOND_NS:.1f} s"


def after(earlier: FrameRef, later: FrameRef) -> str:
    """Formats how much later a frame came: ``302 ms after``, ``in the same frame as``."""
    if earlier == later:
        return "in the same frame as"
    return f"{seconds(max(later.time_ns - earlier.time_ns, 0))} after"


def sent(connection: Connection, side: Side, *types: int) -> list[PacketRef]:
    """Returns the recorded packets of one side in order: of the given types, or all."""
    return [
        ref for ref in connection.activity if ref.side is side and (not types or ref.type in types)
    ]


def server_sent_auth(connection: Connection) -> bool:
    """Whether the server has sent AUTH; `auths` has it even if `activity` is full."""
    return bool(sent(connection, Side.SERVER, spec.AUTH)) or any(
        auth.side is Side.SERVER for auth in connection.auths
    )


def decoded(packets: tuple[Any, ...], ref: PacketRef) -> Packet | None:
    """Returns the decoded packet of a reference, None if it was not kept."""
    for packet in packets:
        if packet.frame == ref.frame and packet.side is ref.side and packet.size == ref.size:
            return packet  # type: ignore[no-any-return]
    return None
