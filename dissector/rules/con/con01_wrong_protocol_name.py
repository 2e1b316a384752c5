"""CON01: CONNECT whose protocol name is not the one of its protocol level."""

from __future__ import annotations

from dissector.mqtt.protocol_name import CUT
from dissector.rules.authoring import *
from dissector.text import printable


class WrongProtocolName(DefectRule):
    """The protocol name is not the one that belongs to the protocol level.

    What it checks
    --------------
    The name must be exactly MQTT, in capitals, for levels 4 and 5, and MQIsdp for level 3. The rule
    reports any other name, and MQIsdp with another level than 3. MQTT with level 3 is reported by
    CON02. A connection whose level is unknown is checked as well. Of an unknown name only printable
    characters are shown, eight at most: if its length is wrong, it contains the rest of the
    CONNECT, passwords included.

    Why it matters
    --------------
    Servers and firewalls recognize MQTT by the name. A server may drop the client without an answer
    or treat the stream as another protocol; it must not continue as if it were MQTT.

    Fix on the client
    -----------------
    Set name and level together from one table: MQIsdp/3, MQTT/4, MQTT/5. Check the length before
    the name (6 or 4): the usual cause is a level that was raised without changing the name.

    Fix on the server
    -----------------
    Compare all bytes, case-sensitively. If they differ, close; in 5.0 a CONNACK with 0x84 may be
    sent first.

    Known false alarms
    ------------------
    Another protocol on an MQTT port whose first byte happens to be 0x10 may be taken for a CONNECT.
    """

    id = "CON01"
    name = "wrong-protocol-name"
    side = Side.CLIENT
    severity = Severity.ERROR
    statements = versions(v31=(), v311="MQTT-3.1.2-1", v5="MQTT-3.1.2-1")
    sections = {Version.V3_1: "3.1", Version.V3_1_1: "3.1.2.1", Version.V5_0: "3.1.2.1"}
    version_may_be_unknown = True
    malformed = False
    about = (spec.CONNECT,)
    consumes = {DefectKind.PROTOCOL_NAME: (spec.CONNECT,)}
    bad = (
        Example(
            "5.0: MQTX, refused with 0x84",
            (
                "C 10 0e 00 04 4d 51 54 58 05 02 00 3c 00 00 01 61",
                "S 20 03 00 84 00",
                *SERVER_CLOSES,
            ),
        ),
        Example(
            "3.1: MQTTsd with level 3",
            ("C 10 0f 00 06 4d 51 54 54 73 64 03 02 00 3c 00 01 61", *SERVER_CLOSES),
        ),
        Example(
            "3.1.1: mqtt in lower case",
            ("C 10 0d 00 04 6d 71 74 74 04 02 00 3c 00 01 61", *SERVER_CLOSES),
        ),
        Example(
            "3.1.1: MQIsdp with level 4",
            ("C 10 0f 00 06 4d 51 49 73 64 70 04 02 00 3c 00 01 61", *SERVER_CLOSES),
        ),
        Example(
            "3.1.1: a name of twelve letters, of which eight are shown",
            (
                "C 10 15 00 0c 4d 51 54 54 4d 51 54 54 4d 51 54 54 04 02 00 3c 00 01 61",
                *SERVER_CLOSES,
            ),
        ),
        Example("5.0: MQTX", ("C 10 0e 00 04 4d 51 54 58 05 02 00 3c 00 00 01 61", *SERVER_CLOSES)),
    )
    good = (
        Example(
            "3.1: MQIsdp with level 3",
            ("C 10 0f 00 06 4d 51 49 73 64 70 03 02 00 3c 00 01 61", ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
        Example(
            "3.1.1: MQTT with level 4",
            ("C 10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 61", ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
        Example(
            "5.0: MQTT with level 5",
            ("C 10 0e 00 04 4d 51 54 54 05 02 00 3c 00 00 01 61", ACCEPTED_5, *GRACEFUL_CLOSE),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports the name that was sent and the one that the level requires."""
        connect = fact.packet
        assert isinstance(connect, Connect)
        level = connect.protocol_level & ~spec.BRIDGE_BIT
        wanted = spec.PROTOCOL_NAMES.get(level, "MQTT")
        name = printable(connect.protocol_name)
        if connect.protocol_name.endswith(CUT):
            size = fact.defect.length - 2  # without the length field of the name
            return self.failure(
                fact,
                f'the protocol name has {size:,} bytes, "{name}", where "{wanted}" has '
                f"{len(wanted)}; the length in front of it is probably wrong",
            )
        return self.failure(
            fact,
            f'the protocol name is "{name}"; level {level} requires exactly "{wanted}"',
        )
