"""CON12: CONNECT with a client id, user name or will topic that is not valid UTF-8 text."""

from __future__ import annotations

from dissector.rules.authoring import *

_Cited = dict[Version | None, tuple[str, ...]]
# the statements about text that is not UTF-8, about U+0000, and about each field
_NOT_UTF8: _Cited = {Version.V3_1_1: ("MQTT-1.5.3-1",), Version.V5_0: ("MQTT-1.5.4-1",)}
_NUL: _Cited = {Version.V3_1_1: ("MQTT-1.5.3-2",), Version.V5_0: ("MQTT-1.5.4-2",)}
_CLIENT_ID: _Cited = {Version.V3_1_1: ("MQTT-3.1.3-4",), Version.V5_0: ("MQTT-3.1.3-4",)}
_TOPIC: _Cited = {Version.V3_1_1: ("MQTT-3.1.3-10",), Version.V5_0: ("MQTT-3.1.3-11",)}
_USERNAME: _Cited = {Version.V3_1_1: ("MQTT-3.1.3-11",), Version.V5_0: ("MQTT-3.1.3-12",)}
_FIELDS = {
    DefectKind.CLIENT_ID_NOT_UTF8: ("the client identifier", _CLIENT_ID),
    DefectKind.CLIENT_ID_NUL: ("the client identifier", _CLIENT_ID),
    DefectKind.WILL_TOPIC_NOT_UTF8: ("the will topic", _TOPIC),
    DefectKind.USERNAME_NOT_UTF8: ("the user name", _USERNAME),
    DefectKind.USERNAME_NUL: ("the user name", _USERNAME),
}


class ConnectTextNotUtf8(DefectRule):
    """The client id, the user name or the will topic is not UTF-8 or contains U+0000.

    What it checks
    --------------
    The three text fields of CONNECT are decoded strictly: well-formed UTF-8, no surrogates, and no
    U+0000 in client id and user name (a will topic with U+0000 is reported by CON15). The password
    and the will message are binary and not checked. In MQTT 3.1 this is reported by ENC05.

    Why it matters
    --------------
    The server must close. If it does not, it may compare client ids as bytes in one place and as
    text in another: two devices may then share one session, or bypass an access list.

    Fix on the client
    -----------------
    Use ASCII for client ids. User names from a console or an old file are often Latin-1; convert
    them. Write ids derived from a raw MAC address or serial number in hex.

    Fix on the server
    -----------------
    Check the fields before using them, and before authentication. A 3.1.1 server closes without
    CONNACK.

    Known false alarms
    ------------------
    None. The bytes are the proof. Cloud services that require binary tokens as user names violate
    the standard.
    """

    id = "CON12"
    name = "connect-text-not-utf8"
    side = Side.CLIENT
    severity = Severity.ERROR
    statements = versions(
        v311=(
            "MQTT-1.5.3-1", "MQTT-1.5.3-2", "MQTT-3.1.3-4", "MQTT-3.1.3-10", "MQTT-3.1.3-11",
        ),
        v5=("MQTT-1.5.4-1", "MQTT-1.5.4-2", "MQTT-3.1.3-4", "MQTT-3.1.3-11", "MQTT-3.1.3-12"),
    )  # fmt: skip
    sections = {Version.V3_1_1: "3.1.3", Version.V5_0: "3.1.3"}
    about = (spec.CONNECT,)
    consumes = dict.fromkeys(_FIELDS, (spec.CONNECT,))
    bad = (
        Example(
            "3.1.1: the client id is the byte FF",
            ("C 10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 ff", *SERVER_CLOSES),
        ),
        Example(
            "5.0: the client id is the byte FF",
            ("C 10 0e 00 04 4d 51 54 54 05 02 00 3c 00 00 01 ff", *SERVER_CLOSES),
        ),
        Example(
            "3.1.1: the user name contains U+0000",
            ("C 10 11 00 04 4d 51 54 54 04 82 00 3c 00 01 61 00 02 75 00", *SERVER_CLOSES),
        ),
        Example(
            "5.0: the user name contains U+0000",
            ("C 10 12 00 04 4d 51 54 54 05 82 00 3c 00 00 01 61 00 02 75 00", *SERVER_CLOSES),
        ),
        Example(
            "3.1.1: the will topic is the byte FF",
            ("C 10 13 00 04 4d 51 54 54 04 06 00 3c 00 01 61 00 01 ff 00 01 fe", *SERVER_CLOSES),
        ),
        Example(
            "5.0: the will topic is the byte FF",
            (
                "C 10 15 00 04 4d 51 54 54 05 06 00 3c 00 00 01 61 00 00 01 ff 00 01 fe",
                *SERVER_CLOSES,
            ),
        ),
    )
    good = (
        Example(
            "3.1.1: user name and will topic in two bytes of UTF-8",
            (
                ("C 10 18 00 04 4d 51 54 54 04 86 00 3c 00 01 61 00 02 c3 a9 00 01 6d 00 02 c3 a9"),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "5.0: user name and will topic in two bytes of UTF-8",
            (
                (
                    "C 10 1a 00 04 4d 51 54 54 05 86 00 3c 00 00 01 61 00 00 02 c3 a9 "
                    "00 01 6d 00 02 c3 a9"
                ),
                ACCEPTED_5,
                *GRACEFUL_CLOSE,
            ),
        ),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports the field; cites the statement about all text, and the field's own."""
        kind = fact.defect.kind
        field, cited = _FIELDS[kind]
        nul = kind in (DefectKind.CLIENT_ID_NUL, DefectKind.USERNAME_NUL)
        what = "U+0000, which text must not" if nul else "bytes that are not UTF-8"
        version = fact.connection.version
        general = _NUL if nul else _NOT_UTF8
        return self.failure(
            fact,
            f"{field} contains {what}",
            statements=(*general.get(version, ()), *cited.get(version, ())),
        )
