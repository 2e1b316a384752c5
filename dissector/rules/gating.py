"""A connection and a moment in, what our view of it allows a rule to say out.

Two questions come up in most rules about order and time: was everything seen that came before this
packet, and did anybody close after it? Where the view is too narrow the answer is the reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dissector.connections.connection import Connection, PacketRef
from dissector.connections.deadlines import CLOSE_GRACE_NS
from dissector.model import Finding, FrameRef, Side
from dissector.mqtt import spec
from dissector.mqtt.packets import Packet
from dissector.rules.base import Failure, Unevaluated, Verdict

SECOND_NS = 1_000_000_000


def unseen_before(
    connection: Connection,
    side: Side,
    frame: FrameRef,
    *,
    from_start: bool = True,
    across: bool = False,
) -> Unevaluated | None:
    """Why packets may have gone unseen before a frame of `side`, or None if all were seen.

    `from_start` asks for the SYN and for both directions, `across` for the other side's packets,
    too. A gap does not matter where its side was still heard without a gap after the frame.
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
    """Whether bytes of a side may have gone missing before a frame: by time, place or order.

    One of the three is enough: the clocks of a capture may disagree, and its order with both.
    """
    gap = connection.quality.gaps.get(side)
    if gap is None:
        return False
    if gap.time_ns <= frame.time_ns or (gap.file == frame.file and gap.number <= frame.number):
        return True
    order = (connection.quality.gap_orders or {}).get(side)
    orders = [ref.order for ref in connection.activity if ref.frame == frame]
    return order is not None and (not orders or order <= max(orders))


def unclosed(
    connection: Connection,
    what: str,
    at: FrameRef,
    wanted: str,
    grace_ns: int = CLOSE_GRACE_NS,
    **more: Any,
) -> Verdict:
    """Judge "this connection has to be closed after frame `at`", whoever closes it.

    `what` happened at that frame, `wanted` is what the standard wants done about it; `more` are
    fields of the `Failure`. Its time is the deadline, for nothing is proven before.
    """
    overdue = connection.close_overdue(at.time_ns, grace_ns)
    if overdue is None:
        return None
    if isinstance(overdue, str):
        return Unevaluated(overdue)
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


def unreacted(connection: Connection, provoking: Iterable[Finding], what: str) -> Verdict:
    """Judge "whoever received one of these must have closed": the first that nobody closed for.

    `what` says what a finding is, with `{side}`, `{rule}` and `{name}` of it. Where somebody said
    goodbye in time, SEQ16 asks for the close.
    """
    reason: Unevaluated | None = None
    for finding in sorted(provoking, key=lambda found: found.time_ns):
        at = FrameRef(finding.file, finding.frame, finding.time_ns)
        until = at.time_ns + CLOSE_GRACE_NS
        if any(
            packet.frame is not None and at.time_ns <= packet.frame.time_ns <= until
            for packet in connection.disconnects
        ):
            continue
        receiver = finding.side.other
        verdict = unclosed(
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
    """How long it stayed open after `since_ns`, in nanoseconds, as far as was seen."""
    ends = [event.frame.time_ns for event in connection.closes if event.frame.time_ns >= since_ns]
    return max((ends[0] if ends else connection.quality.last_seen_ns) - since_ns, 0)


def seconds(duration_ns: int) -> str:
    """Spell a duration: ``6.0 s``, ``0.055 ms``."""
    if duration_ns < SECOND_NS:
        return f"{duration_ns / 1e6:.3g} ms"
    return f"{duration_ns / SECOND_NS:.1f} s"


def after(earlier: FrameRef, later: FrameRef) -> str:
    """Spell how much later a frame came: ``302 ms after``, ``in the same frame as``."""
    if earlier == later:
        return "in the same frame as"
    return f"{seconds(max(later.time_ns - earlier.time_ns, 0))} after"


def sent(connection: Connection, side: Side, *types: int) -> list[PacketRef]:
    """Give what the history holds of one side in order: of the given packet types, or all."""
    return [
        ref for ref in connection.activity if ref.side is side and (not types or ref.type in types)
    ]


def asked_back(connection: Connection) -> bool:
    """Whether the server has sent AUTH: the history may be full by then, `auths` is not."""
    return bool(sent(connection, Side.SERVER, spec.AUTH)) or any(
        auth.side is Side.SERVER for auth in connection.auths
    )


def decoded(packets: tuple[Any, ...], ref: PacketRef) -> Packet | None:
    """Give the decoded packet that a reference of the history means, or None if it was not kept."""
    for packet in packets:
        if packet.frame == ref.frame and packet.side is ref.side and packet.size == ref.size:
            return packet  # type: ignore[no-any-return]
    return None
