"""Determines the outcome of a handshake: accepted, refused, unanswered, invalid or incomplete."""

from __future__ import annotations

from dissector.connections.connection import Connection
from dissector.connections.deadlines import HANDSHAKE_TIMEOUT_NS
from dissector.model import Outcome
from dissector.mqtt.defects import Defect, DefectKind
from dissector.mqtt.packets import Connect

# Defects of a CONNECT or CONNACK that is still well-formed: discouraged, not portable, or not
# acceptable to the server
_WELL_FORMED = frozenset(
    {
        DefectKind.TEXT_CONTROL,
        DefectKind.CLIENT_ID_NOT_PORTABLE,
        DefectKind.CLIENT_ID_EMPTY_NOT_CLEAN,
        DefectKind.CLIENT_ID_LENGTH,
        DefectKind.PROTOCOL_NAME,
        DefectKind.PROTOCOL_LEVEL,
        DefectKind.NAME_LEVEL_DISAGREE,
        DefectKind.WILL_PAYLOAD_NOT_UTF8,
        DefectKind.CONNACK_CODE,
        DefectKind.SESSION_PRESENT_WITH_REFUSAL,
    }
)

_INCOMPLETE, _INVALID, _ACCEPTED = Outcome.INCOMPLETE, Outcome.INVALID, Outcome.ACCEPTED
_REFUSED, _UNANSWERED = Outcome.REFUSED, Outcome.UNANSWERED


def outcome(connection: Connection) -> Outcome:
    """Returns the outcome of a connection's handshake; called when its tracking ends."""
    connect, connack = connection.connect, connection.connack
    if connect is None and connection.unfinished is not None:
        connect = connection.unfinished.connect
    if connect is None or (connack is None and _answer_may_be_hidden(connection, connect)):
        return _INCOMPLETE
    accepted = connack is not None and connack.return_code == 0
    if not accepted and connect.defects and _malformed(connect.defects):
        return _INVALID
    if connack is None:
        return _UNANSWERED
    if connack.defects and _malformed(connack.defects):
        return _INVALID
    return _ACCEPTED if accepted else _REFUSED


def _malformed(defects: tuple[Defect, ...]) -> bool:
    return any(item.kind not in _WELL_FORMED for item in defects)


def _answer_may_be_hidden(connection: Connection, connect: Connect) -> bool:
    quality = connection.quality
    if quality.incomplete_reason() is not None or quality.ended == "evicted":
        return True
    if connection.closes or quality.ended == "reused":
        return False
    assert connect.frame is not None
    return quality.ended_ns < connect.frame.time_ns + HANDSHAKE_TIMEOUT_NS
