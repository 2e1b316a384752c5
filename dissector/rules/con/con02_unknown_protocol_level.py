"""CON02: CONNECT with a protocol level that does not exist, or the name MQTT with level 3."""

from __future__ import annotations

from dissector.rules.authoring import *


class UnknownProtocolLevel(DefectRule):
    """The protocol level does not exist in MQTT, or does not agree with the protocol name.

    What it checks
    --------------
    The level byte, without the bridge bit 0x80, must be 3, 4 or 5, and the name MQTT must not have
    level 3. A wrong name with another level is reported by CON01. If the level is unknown, nothing
    else of the connection is judged.

    Why it matters
    --------------
    A server that does not support the level refuses the client: code 1 in 3.1.1, 0x84 or just a
    close in 5.0. Devices that cannot interpret the refusal retry without end.

    Fix on the client
    -----------------
    Send 4 with MQTT for 3.1.1, 5 for 5.0, 3 with MQIsdp for 3.1. Levels above 5 do not exist; they
    come from a wrong increment or from a buffer that is shifted by a byte.

    Fix on the server
    -----------------
    Answer an unknown level as the standard requires and close; do not guess the layout of the
    following fields.

    Known false alarms
    ------------------
    Bridges of some vendors set the top bit of the level (0x83, 0x84) to mark themselves as bridges;
    that bit is removed before the check.
    """

    id = "CON02"
    name = "unknown-protocol-level"
    side = Side.CLIENT
    severity = Severity.WARNING
    statements = versions(v31=(), v311=(), v5=())
    sections = {Version.V3_1: "3.1", Version.V3_1_1: "3.1.2.2", Version.V5_0: "3.1.2.2"}
    version_may_be_unknown = True
    malformed = False
    about = (spec.CONNECT,)
    consumes = {
        DefectKind.PROTOCOL_LEVEL: (spec.CONNECT,),
        DefectKind.NAME_LEVEL_DISAGREE: (spec.CONNECT,),
    }
    bad = (
        Example(
            "level 6 does not exist",
            ("C 10 0d 00 04 4d 51 54 54 06 02 00 3c 00 01 61", "S 20 02 00 01", *SERVER_CLOSES),
        ),
        Example(
            "level 2 with the bridge bit",
            ("C 10 0d 00 04 4d 51 54 54 82 02 00 3c 00 01 61", "S 20 02 00 01", *SERVER_CLOSES),
        ),
        Example(
            "3.1: MQTT with level 3",
            ("C 10 0d 00 04 4d 51 54 54 03 02 00 3c 00 01 61", ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
    )
    good = (
        Example(
            "3.1: level 3",
            ("C 10 0f 00 06 4d 51 49 73 64 70 03 02 00 3c 00 01 61", ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
        Example(
            "3.1.1: level 4",
            ("C 10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 61", ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
        Example(
            "5.0: level 5",
            ("C 10 0e 00 04 4d 51 54 54 05 02 00 3c 00 00 01 61", ACCEPTED_5, *GRACEFUL_CLOSE),
        ),
        Example(
            "3.1.1: level 4 with the bridge bit",
            ("C 10 0d 00 04 4d 51 54 54 84 02 00 3c 00 01 61", ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports the level with and without the bridge bit."""
        connect = fact.packet
        assert isinstance(connect, Connect)
        wire = connect.protocol_level
        level = wire & ~spec.BRIDGE_BIT
        if fact.defect.kind is DefectKind.NAME_LEVEL_DISAGREE:
            message = f'the protocol name is "MQTT" but the level is {level}, that of "MQIsdp"'
        else:
            bridge = " and the bridge bit" if wire & spec.BRIDGE_BIT else ""
            message = f"the level byte is 0x{wire:02X}, level {level}{bridge}; MQTT has 3, 4 and 5"
        return self.failure(fact, message)
