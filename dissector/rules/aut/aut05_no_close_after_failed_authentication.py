"""AUT05: connection left open after enhanced authentication was refused or failed."""

from __future__ import annotations

from dissector.rules.authoring import *

_CHALLENGE = "S f0 06 18 04 15 00 01 4d"
_RESPONSE = "C f0 06 18 04 15 00 01 4d"
_REAUTHENTICATE = "C f0 06 19 04 15 00 01 4d"
_REFUSED = "S 20 03 00 87 00"
# codes by which the method, or the client that used it, is refused
_CODES = (0x87, 0x8C)


class NoCloseAfterFailedAuthentication(ConnectionRule):
    """Enhanced authentication is refused or fails, and the connection stays open.

    What it checks
    --------------
    After CONNECT with an Authentication Method, a close must follow a CONNACK of 0x80 or more that
    comes after AUTH packets, and a CONNACK of 0x87 or 0x8C without any. The same holds for a
    DISCONNECT of 0x87 or 0x8C during a re-authentication, whichever side sends it. The rule reports
    a connection that neither side has closed in time; the standard names no time. SEQ09 and SEQ16
    do not report these cases; they report other refusals.

    Why it matters
    --------------
    A client that failed to authenticate keeps a socket, and a server that does not close after a
    failed re-authentication continues to serve a client whose authorization has expired.

    Fix on the client
    -----------------
    Close when the authentication fails, also if only your own check of the server's data failed.

    Fix on the server
    -----------------
    Close as soon as the CONNACK or DISCONNECT is flushed.

    Known false alarms
    ------------------
    A FIN that the capture point cannot see.
    """

    id = "AUT05"
    name = "no-close-after-failed-authentication"
    side = Side.SERVER
    either = True
    severity = Severity.WARNING
    confidence = Confidence.LIKELY
    statements = versions(v5=("MQTT-4.12.0-1", "MQTT-4.12.0-4", "MQTT-4.12.1-2"))
    sections = {Version.V5_0: "4.12"}
    deadlines = ("close-seconds",)
    asks = ConnectionFlag.AUTH
    bad = (
        Example("refused after AUTH", (CONNECT_5_METHOD, _CHALLENGE, _RESPONSE, _REFUSED, "+6")),
        Example("the method is not supported", (CONNECT_5_METHOD, "S 20 03 00 8c 00", "+6")),
        Example(
            "re-authentication fails",
            (CONNECT_5_METHOD, ACCEPTED_5_METHOD, _REAUTHENTICATE, "S e0 02 87 00", "+6"),
        ),
        Example(
            "re-authentication fails for the client, which does not close",
            (
                CONNECT_5_METHOD,
                ACCEPTED_5_METHOD,
                _REAUTHENTICATE,
                _CHALLENGE,
                "C e0 02 87 00",
                "+6",
            ),
            also=("SEQ14",),
        ),
    )
    good = (
        Example(
            "refused and closed",
            (CONNECT_5_METHOD, _CHALLENGE, _RESPONSE, _REFUSED, *SERVER_CLOSES),
        ),
        Example(
            "the client closes first",
            (CONNECT_5_METHOD, _CHALLENGE, _RESPONSE, _REFUSED, *CLIENT_CLOSES),
        ),
        Example(
            "closed without a CONNACK", (CONNECT_5_METHOD, _CHALLENGE, _RESPONSE, *SERVER_CLOSES)
        ),
        Example(
            "the capture ends too early", (CONNECT_5_METHOD, _CHALLENGE, _RESPONSE, _REFUSED, "+3")
        ),
    )

    def check(self, connection: Connection) -> Verdict:
        """Requires a close after a refusal of the authentication."""
        if connection.method() is None:
            return None
        connack = connection.connack
        if connack is not None and connack.frame is not None and (connack.return_code or 0) >= 0x80:
            code = connack.return_code or 0
            exchanged = any(
                ref.frame.time_ns <= connack.frame.time_ns
                for side in Side
                for ref in sent(connection, side, spec.AUTH)
            )
            if not exchanged and code not in _CODES:
                return None
            return missing_close(
                connection,
                f"the authentication was refused with 0x{code:02X} ({spec.reason_code_name(code)})",
                connack.frame,
                "the server must close",
                evidence={"returnCode": code},
                statements=("MQTT-4.12.0-4" if exchanged else "MQTT-4.12.0-1",),
            )
        return self._reauthentication(connection)

    @staticmethod
    def _reauthentication(connection: Connection) -> Verdict:
        opened = False
        for ref in connection.activity:
            if ref.type == spec.AUTH:
                opened = ref.code == 0x19 or (opened and ref.code != 0)
            elif ref.type == spec.DISCONNECT and opened and ref.code in _CODES:
                return missing_close(
                    connection,
                    f"the re-authentication failed with 0x{ref.code:02X}",
                    ref.frame,
                    f"the {ref.side.value} must close",
                    evidence={"reasonCode": ref.code},
                    statements=("MQTT-4.12.1-2",),
                    side=ref.side,
                )
        return None
