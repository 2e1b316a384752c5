"""Determines the outcome of a handshake: accepted, refused, unanswered, invalid or incomplete.

Whether a CONNECT or CONNACK is malformed is decided by the rules alone: it is where one of them has
a finding that says so (`Connection.connect_faults`, `Connection.connack_faults`).
"""

from __future__ import annotations

from dissector.connections.connection import Connection
from dissector.model import Outcome
from dissector.mqtt.packets.connect import Connect

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
    if not accepted and connection.connect_faults:
        return _INVALID
    if connack is None:
        return _UNANSWERED
    if connection.connack_faults:
        return _INVALID
    return _ACCEPTED if accepted else _REFUSED


def _answer_may_be_hidden(connection: Connection, connect: Connect) -> bool:
    quality = connection.quality
    if quality.incomplete_reason() is not None or quality.ended == "evicted":
        return True
    if connection.closes or quality.ended == "reused":
        return False
    assert connect.frame is not None
    return quality.ended_ns < connect.frame.time_ns + connection.deadlines.connack_ns
