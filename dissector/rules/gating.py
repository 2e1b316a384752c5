"""Decides whether the capture is complete enough for a rule to judge a connection.

Most rules about order and time depend on two questions: were all packets before a frame captured,
and did a side close the connection after it? If the capture is incomplete, the result is a reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dissector.connections.connection import Connection, PacketRef
from dissector.connections.deadlines import CLOSE_GRACE_NS
from dissector.model import Confidence, Finding, FrameRef, Severity, Side
from dissector.mqtt import spec
from dissector.mqtt.packets import Packet
from dissector.rules.base import Failure, Unevaluated, Verdict

SECOND_NS = 1_000_000_000


def incomplete_before(
    connection: Connection,
    side: Side,
    frame: FrameRef,
    *,
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
    sides = (side, side.other) if across else (side,)
    if (
        quality.conflict
        or quality.ambiguous
        or any(_gap_before(connection, each, frame) for each in sides)
    ):
        return Unevaluated(quality.broken() or "bytes missing")
    if quality.foreign and (across or side is Side.SERVER):
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
    grace_ns: int = CLOSE_GRACE_NS,
    **more: Any,
) -> Verdict:
    """Judges whether either side closed the connection in time after frame `at`.

    `what` is what happened at that frame, `wanted` what the standard requires then; `more` are
    fields of the `Failure`. Its time is the deadline, before which nothing is proven.
    """
    overdue = connection.close_overdue(at.time_ns, grace_ns)
    if overdue is None:
        return None
    if isinstance(overdue, str):
        return Unevaluated(overdue)
    if overdue.unseen:
        return _unseen_close(connection, what, at, wanted, overdue.deadline_ns, more)
    still = open_for(connection, at.time_ns)
    evidence = more.pop("evidence", {}) | {"openForSeconds": round(still / SECOND_NS, 3)}
    more.setdefault("frames", (at,))
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
    connection: Connection, violations: Iterable[Finding], what: str
) -> Verdict:
    """Judges whether the receiver of a violation closed; reports the first without a close.

    `what` is a format string for a finding, with its `{side}`, `{rule}` and `{name}`. If either
    side sent DISCONNECT in time, SEQ16 requires the close instead.
    """
    reason: Unevaluated | None = None
    for finding in sorted(violations, key=lambda found: found.time_ns):
        at = FrameRef(finding.file, finding.frame, finding.time_ns)
        until = at.time_ns + CLOSE_GRACE_NS
        if any(
            packet.frame is not None and at.time_ns <= packet.frame.time_ns <= until
            for packet in connection.disconnects
        ):
            continue
        receiver = finding.side.other
        verdict = missing_close(
            connection,
            what.format(side=finding.side.value, rule=finding.rule, name=finding.name),
            at,
            f"the {receiver.value} must close",
            side=receiver,
            evidence={"provokedBy": finding.rule},
        )
        if isinstance(verdict, Unevaluated):
            reason = reason or verdict
        elif verdict is not None:
            return verdict
    return reason


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
