"""ENC13: packet whose declared lengths do not add up to its Remaining Length."""

from __future__ import annotations

from dissector.rules.authoring import *

_CONNECT: dict[Version | None, tuple[str, ...]] = {
    None: ("MQTT-3.1.4-1",),
    Version.V3_1_1: ("MQTT-3.1.4-1",),
    Version.V5_0: ("MQTT-3.1.4-1",),
}
# Other packets, only in 5.0 (before it ACK01 and SEQ14 report them): the statements about the
# receiver's reaction, and their section
_BEYOND: dict[tuple[Version | None, Side], tuple[tuple[str, ...], str]] = {
    (Version.V5_0, Side.CLIENT): (("MQTT-4.13.1-1",), "4.13.1"),
    (Version.V5_0, Side.SERVER): ((), "4.13.1"),
}
_NONE: tuple[tuple[str, ...] | None, str | None] = (None, None)


class LengthsDoNotFit(DefectRule):
    """The fields of a packet do not fill its Remaining Length exactly.

    What it checks
    --------------
    A declared length that runs past the end of the packet, a truncated variable header, or bytes
    after the last field. Also, as info, a packet in the middle of which its sender closes. Fields
    that a flag announces but that are missing have their own rules (CON04, CON07, CON08, CON11),
    except in MQTT 3.1, where a missing client id or will is reported here and all of this is a
    warning. Of a CONNECT that ends before its level, which decides the version, it reports what is
    the same in every version.

    Why it matters
    --------------
    Sender and receiver disagree about field boundaries: the server may read half of the client id
    as a password length. Receivers must close without an answer, and the device retries without
    end.

    Fix on the client
    -----------------
    Compute the Remaining Length from the fields that are actually written. Bytes left over are
    often a user name or password whose flag was not set; an overrun in 5.0 is often a missing
    Property Length, so that the 00 of the client id's length is read as one.

    Fix on the server
    -----------------
    Check every length against what is left of the packet before reading, and close at the first one
    that does not fit.

    Known false alarms
    ------------------
    Some vendors append private trailers to CONNECT; these violate the standard as well. Packets
    that were captured only in part are not reported.
    """

    id = "ENC13"
    name = "lengths-do-not-fit"
    side = Side.CLIENT
    either = True
    severity = {
        Version.V3_1_1: Severity.ERROR,
        Version.V5_0: Severity.ERROR,
        Version.V3_1: Severity.WARNING,
    }
    statements = versions(v31=(), v311="MQTT-3.1.4-1", v5=("MQTT-3.1.4-1", "MQTT-4.13.1-1"))
    sections = {Version.V3_1: "3.1", Version.V3_1_1: "3.1.4", Version.V5_0: "3.1.4"}
    version_may_be_unknown = True
    consumes = {
        DefectKind.FIELD_OVERRUN: (),
        DefectKind.TRAILING_BYTES: (),
        DefectKind.PACKET_UNFINISHED: (),
        DefectKind.WILL_FIELD_MISSING: (spec.CONNECT,),
        DefectKind.CLIENT_ID_MISSING: (spec.CONNECT,),
    }
    only_in = {
        (DefectKind.WILL_FIELD_MISSING, spec.CONNECT): (Version.V3_1,),
        (DefectKind.CLIENT_ID_MISSING, spec.CONNECT): (Version.V3_1,),
    }
    bad = (
        Example(
            "3.1: the client id is longer than the packet",
            ("C 10 0f 00 06 4d 51 49 73 64 70 03 02 00 3c 00 02 61", *SERVER_CLOSES),
        ),
        Example(
            "3.1.1: the client id is longer than the packet",
            ("C 10 0d 00 04 4d 51 54 54 04 02 00 3c 00 02 61", *SERVER_CLOSES),
        ),
        Example(
            "5.0: the client id is longer than the packet",
            ("C 10 0e 00 04 4d 51 54 54 05 02 00 3c 00 00 02 61", *SERVER_CLOSES),
        ),
        Example(
            "3.1: a byte after the last field",
            ("C 10 10 00 06 4d 51 49 73 64 70 03 02 00 3c 00 01 61 78", *SERVER_CLOSES),
        ),
        Example(
            "3.1.1: a byte after the last field",
            ("C 10 0e 00 04 4d 51 54 54 04 02 00 3c 00 01 61 78", *SERVER_CLOSES),
        ),
        Example(
            "5.0: a byte after the last field",
            ("C 10 0f 00 04 4d 51 54 54 05 02 00 3c 00 00 01 61 78", *SERVER_CLOSES),
        ),
        Example("it ends before the protocol level", ("C 10 06 00 04 4d 51 54 54", *SERVER_CLOSES)),
        Example(
            "3.1: a will without message",
            ("C 10 12 00 06 4d 51 49 73 64 70 03 06 00 3c 00 01 61 00 01 74", *SERVER_CLOSES),
        ),
        Example(
            "5.0: the Property Length is missing",
            ("C 10 0d 00 04 4d 51 54 54 05 02 00 3c 00 01 61", *SERVER_CLOSES),
        ),
        Example(
            "5.0: a byte after the last field of the client's DISCONNECT",
            (CONNECT_5, ACCEPTED_5, "C e0 03 00 00 78", *SERVER_CLOSES),
        ),
        Example(
            "the length of the protocol name is little-endian",
            ("C 10 0d 04 00 4d 51 54 54 04 02 00 3c 00 01 61", *SERVER_CLOSES),
        ),
        Example(
            "3.1.1: the client closes in the middle of a PUBLISH",
            (CONNECT_311, ACCEPTED_311, "C 30 20 00 01 61 62", *CLIENT_CLOSES),
        ),
        Example(
            "5.0: a byte after the last field of the server's DISCONNECT",
            (CONNECT_5, ACCEPTED_5, "S e0 03 8b 00 78", *SERVER_CLOSES),
        ),
    )
    good = (
        Example(
            "3.1: a client id that ends with the packet",
            (
                "C 10 10 00 06 4d 51 49 73 64 70 03 02 00 3c 00 02 61 62",
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "3.1.1: a client id that ends with the packet",
            ("C 10 0e 00 04 4d 51 54 54 04 02 00 3c 00 02 61 62", ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
        Example(
            "5.0: a client id that ends with the packet",
            ("C 10 0f 00 04 4d 51 54 54 05 02 00 3c 00 00 02 61 62", ACCEPTED_5, *GRACEFUL_CLOSE),
        ),
        Example(
            "3.1: a password flag without a password is legal",
            (
                "C 10 12 00 06 4d 51 49 73 64 70 03 c2 00 3c 00 01 61 00 01 75",
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports what does not fit; of bytes left over, which may be secrets, only the number."""
        defect, version = fact.defect, fact.connection.version
        if version is None and not _before_level(fact):
            return Unevaluated("the version of the connection is unknown")
        if defect.kind is DefectKind.TRAILING_BYTES:
            plural = "" if defect.length == 1 else "s"
            message = f"{defect.length} byte{plural} after the last field of {fact.packet.name}"
        elif defect.kind is DefectKind.PACKET_UNFINISHED:
            return self._unfinished(fact)
        elif defect.kind is DefectKind.FIELD_OVERRUN:
            message = f"{defect.field} runs past the end of {fact.packet.name}"
        else:
            message = f"CONNECT ends before {defect.field or 'clientId'}, which is required"
        connect = fact.packet.type == spec.CONNECT
        statements, section = (None, None) if connect else _BEYOND.get((version, fact.side), _NONE)
        return self.failure(
            fact,
            message,
            statements=_CONNECT.get(version) if connect else statements,
            section=section,
            evidence={
                "defect": defect.kind.value,
                "offset": defect.offset,
                "length": defect.length,
            },
        )

    def _unfinished(self, fact: DefectFact) -> Verdict:
        """Reports a packet in the middle of which its sender closed; it may have been stopped."""
        packet = fact.packet
        seen = f"{packet.size} byte{'' if packet.size == 1 else 's'}"
        if packet.remaining_length:
            seen += f" of a {packet.name} with a Remaining Length of {packet.remaining_length:,}"
        else:
            seen += f" of the header of a {packet.name}"
        return self.failure(
            fact,
            f"the {fact.side.value} closes after {seen}: the packet is never completed",
            statements=(),
            severity=Severity.INFO,
            confidence=Confidence.LIKELY,
            section="3.1" if fact.connection.version is Version.V3_1 else None,
            evidence={"received": packet.size, "remainingLength": packet.remaining_length or None},
        )


def _before_level(fact: DefectFact) -> bool:
    """Whether a CONNECT ends before or in its protocol level: no version has such a packet."""
    return fact.packet.type == spec.CONNECT and fact.defect.field in (
        "protocolName",
        "protocolLevel",
    )
