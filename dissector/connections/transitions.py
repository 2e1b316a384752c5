"""The state transition table of a connection: phase, sender and packet type to the next phase.

A combination that is not in the table does not change the phase; rules find what is wrong with it
in the connection's history. A refusing CONNACK is an event of its own.
"""

from __future__ import annotations

from dissector.connections.connection import Phase
from dissector.mqtt import spec

CONNACK_REFUSED = 17

CLIENT, SERVER = 0, 1

TRANSITIONS: dict[tuple[int, int, int], int] = {
    (Phase.OPEN, CLIENT, spec.CONNECT): Phase.CONNECTING,
    (Phase.MIDSTREAM, CLIENT, spec.CONNECT): Phase.CONNECTING,
    **{
        (phase, SERVER, event): target
        for phase in (Phase.OPEN, Phase.MIDSTREAM, Phase.CONNECTING, Phase.AUTHENTICATING)
        for event, target in (
            (spec.CONNACK, Phase.CONNECTED),
            (CONNACK_REFUSED, Phase.REFUSED),
        )
    },
    (Phase.CONNECTING, SERVER, spec.AUTH): Phase.AUTHENTICATING,
    (Phase.CONNECTING, CLIENT, spec.AUTH): Phase.AUTHENTICATING,
    **{
        (phase, side, spec.DISCONNECT): Phase.DISCONNECTED
        for phase in (
            Phase.OPEN, Phase.MIDSTREAM, Phase.CONNECTING, Phase.AUTHENTICATING, Phase.CONNECTED,
            Phase.REFUSED,
        )
        for side in (CLIENT, SERVER)
    },
}  # fmt: skip

EVENTS = 18
STAYS = 255

# The same for the hot path: at index (phase * 2 + side) * EVENTS + event, the next phase or STAYS
NEXT = bytes(
    TRANSITIONS.get((phase, side, event), STAYS)
    for phase in range(Phase.MIDSTREAM + 1)
    for side in (CLIENT, SERVER)
    for event in range(EVENTS)
)
