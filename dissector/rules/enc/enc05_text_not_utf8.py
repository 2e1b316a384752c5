"""ENC05: text field that is not well-formed UTF-8."""

from __future__ import annotations

from dissector.rules.authoring import *

_ONLY_3_1 = {
    DefectKind.CLIENT_ID_NOT_UTF8: "the client identifier",
    DefectKind.WILL_TOPIC_NOT_UTF8: "the will topic",
    DefectKind.WILL_MESSAGE_NOT_ASCII: "the will message",
    DefectKind.USERNAME_NOT_UTF8: "the user name",
    DefectKind.PASSWORD_NOT_UTF8: "the password",
}


class TextNotUtf8(DefectRule):
    """A text field contains bytes that are not well-formed UTF-8.

    What it checks
    --------------
    Every text property of 5.0 is decoded strictly: no unexpected continuation bytes, no overlong
    forms, no surrogates. In MQTT 3.1 the rule checks all text of the CONNECT: client id, will
    topic, user name and password, and that the will message is 7-bit ASCII. Client id, will topic
    and user name of 3.1.1 and 5.0 are reported by CON12, User Properties by ENC09.

    Why it matters
    --------------
    A receiver must treat such a packet as malformed and close. If it does not, it stores, compares
    and forwards a string that other clients cannot decode.

    Fix on the client
    -----------------
    Convert to UTF-8 where the text enters the program. Typical causes: a device name in Latin-1 or
    GBK, text cut within a character by a length limit, a Java or Oracle string in modified UTF-8, a
    buffer sent beyond its end.

    Fix on the server
    -----------------
    Encode Reason Strings and other text properties from Unicode strings, never from raw error
    buffers of the operating system.

    Known false alarms
    ------------------
    None for complete packets. Some 3.1 clients send binary passwords; the standard of 3.1 defines
    the password as text.
    """

    id = "ENC05"
    name = "text-not-utf8"
    side = Side.CLIENT
    either = True
    severity = {Version.V3_1: Severity.WARNING, Version.V5_0: Severity.ERROR}
    statements = versions(v31=(), v5="MQTT-1.5.4-1")
    sections = {Version.V3_1: "2.5", Version.V5_0: "1.5.4"}
    consumes = {DefectKind.TEXT_NOT_UTF8: (), **dict.fromkeys(_ONLY_3_1, (spec.CONNECT,))}
    only_in = {(kind, spec.CONNECT): (Version.V3_1,) for kind in _ONLY_3_1}
    bad = (
        Example(
            "3.1: the client id is the byte FF",
            ("C 10 0f 00 06 4d 51 49 73 64 70 03 02 00 3c 00 01 ff", *SERVER_CLOSES),
        ),
        Example(
            "3.1: a will message that is not ASCII",
            (
                ("C 10 16 00 06 4d 51 49 73 64 70 03 06 00 3c 00 01 61 00 01 74 00 02 c3 a9"),
                *SERVER_CLOSES,
            ),
        ),
        Example(
            "3.1: the password is the byte FF",
            (
                "C 10 15 00 06 4d 51 49 73 64 70 03 c2 00 3c 00 01 61 00 01 75 00 01 ff",
                *SERVER_CLOSES,
            ),
        ),
        Example(
            "5.0: a Content Type of the byte FF",
            (
                (
                    "C 10 19 00 04 4d 51 54 54 05 06 00 3c 00 00 01 61 04 03 00 01 ff "
                    "00 01 74 00 01 6d"
                ),
                *SERVER_CLOSES,
            ),
        ),
        Example(
            "5.0: a Reason String cut within a character",
            (CONNECT_5, "S 20 07 00 87 04 1f 00 01 c3", *SERVER_CLOSES),
        ),
    )
    good = (
        Example(
            "3.1: a client id of two bytes of UTF-8",
            (
                "C 10 10 00 06 4d 51 49 73 64 70 03 02 00 3c 00 02 c3 a9",
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "3.1.1: a password is binary",
            (
                "C 10 13 00 04 4d 51 54 54 04 c2 00 3c 00 01 61 00 01 75 00 01 ff",
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "5.0: a Reason String with a complete character",
            (CONNECT_5, "S 20 08 00 87 05 1f 00 02 c3 a9", *SERVER_CLOSES),
        ),
        Example(
            "5.0: a will payload is binary",
            (
                "C 10 15 00 04 4d 51 54 54 05 06 00 3c 00 00 01 61 00 00 01 74 00 01 ff",
                ACCEPTED_5,
                *GRACEFUL_CLOSE,
            ),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports the field; the bytes of a password are not part of the evidence."""
        defect = fact.defect
        field = _ONLY_3_1.get(defect.kind) or f"the property {defect.field}"
        if defect.kind is DefectKind.WILL_MESSAGE_NOT_ASCII:
            message = f"{field} contains bytes beyond 7-bit ASCII"
        else:
            message = f"{field} contains bytes that are not UTF-8"
        evidence = {"defect": defect.kind.value, "offset": defect.offset, "length": defect.length}
        return self.failure(fact, message, evidence=evidence)
