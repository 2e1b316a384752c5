"""SEQ15: packet after the DISCONNECT of the same side."""

from __future__ import annotations

from dissector.rules.authoring import *

_PUBLISH_311 = "C 30 05 00 01 61 68 69"


class PacketAfterDisconnect(ConnectionRule):
    """One side continues to send packets after its own DISCONNECT.

    What it checks
    --------------
    DISCONNECT is the last packet of its sender on a connection: of the client in 3.1.1, of either
    side in 5.0. The rule reports the first packet after it, once per side. Packets that the other
    side sends meanwhile are not an error.

    Why it matters
    --------------
    The receiver has ended the connection and discards later packets, so a "last message" after
    DISCONNECT is never delivered.

    Fix on the client
    -----------------
    Stop the timers (PINGREQ) and empty the send queue before DISCONNECT is sent, and queue nothing
    after it. Typically another thread still publishes.

    Fix on the server
    -----------------
    The same for a 5.0 server: detach the session from the connection before sending DISCONNECT.

    Known false alarms
    ------------------
    None known. TCP retransmissions are removed before this check; after missing bytes the rule is
    not evaluated.
    """

    id = "SEQ15"
    name = "packet-after-disconnect"
    side = Side.CLIENT
    either = True
    severity = Severity.ERROR
    statements = versions(v311="MQTT-3.14.4-2", v5="MQTT-3.14.4-1")
    sections = {Version.V3_1_1: "3.14.4", Version.V5_0: "3.14.4"}
    asks = ConnectionFlag.AFTER_DISCONNECT
    bad = (
        Example(
            "3.1.1: the client publishes after DISCONNECT",
            (CONNECT_311, ACCEPTED_311, DISCONNECT, _PUBLISH_311, *SERVER_CLOSES),
        ),
        Example(
            "5.0: the server publishes after DISCONNECT",
            (CONNECT_5, ACCEPTED_5, "S e0 02 8b 00", "S 30 06 00 01 61 00 68 69", *SERVER_CLOSES),
        ),
    )
    good = (
        Example(
            "3.1.1: publish, then DISCONNECT",
            (CONNECT_311, ACCEPTED_311, _PUBLISH_311, *GRACEFUL_CLOSE),
        ),
        Example(
            "5.0: a message of the server crosses the DISCONNECT",
            (CONNECT_5, ACCEPTED_5, DISCONNECT, "S 30 06 00 01 61 00 68 69", "C FIN", "S FIN"),
        ),
        Example(
            "3.1: not forbidden",
            (CONNECT_31, ACCEPTED_311, DISCONNECT, _PUBLISH_311, *SERVER_CLOSES),
        ),
    )

    def check(self, connection: Connection) -> Verdict:
        """Finds, per side, the first packet after its DISCONNECT."""
        found: list[Failure] = []
        reason: Unevaluated | None = None
        sides = (Side.CLIENT, Side.SERVER)
        for side in sides if connection.version is Version.V5_0 else sides[:1]:
            last = next(iter(sent(connection, side, spec.DISCONNECT)), None)
            if last is None:
                continue
            later = [ref for ref in sent(connection, side) if ref.order > last.order]
            if not later:
                continue
            incomplete = incomplete_before(connection, side, later[0].frame, from_start=False)
            if incomplete is None:
                found.append(_failure(side, last, later))
            else:
                reason = incomplete
        return found or reason


def _failure(side: Side, last: PacketRef, later: list[PacketRef]) -> Failure:
    first = later[0]
    name = spec.packet_name(first.type)
    return Failure(
        message=f"{name} from the {side.value} {after(last.frame, first.frame)} its own "
        "DISCONNECT; no packet may follow it",
        at=first.frame,
        frames=(last.frame, first.frame),
        evidence={"packet": name, "packets": len(later)},
        side=side,
    )
