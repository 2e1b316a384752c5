"""SEQ19: MQTT in WebSocket text frames instead of binary frames."""

from __future__ import annotations

from dissector.rules.authoring import *


class MqttInTextFrames(ConnectionRule):
    """MQTT is sent in WebSocket text frames.

    What it checks
    --------------
    Over WebSocket, control packets must be sent in binary data frames (opcode 2); a receiver of
    another data frame must close the connection. The rule reports the first text frame of each
    side. Control frames (ping, pong, close) and continuations are legal.

    Why it matters
    --------------
    A text frame must be UTF-8, but most control packets are not. Servers and proxies that check it
    close the connection at the first packet with a byte above 0x7F in a length, an identifier or a
    payload: it works in tests and fails with the first long message.

    Fix on the client
    -----------------
    Send bytes instead of a string: in a browser set `socket.binaryType = "arraybuffer"` and send an
    ArrayBuffer; elsewhere look for the library's option for binary messages.

    Fix on the server
    -----------------
    Send binary frames, and close the connection of a client that sends text.

    Known false alarms
    ------------------
    None known.
    """

    id = "SEQ19"
    name = "mqtt-in-text-frames"
    side = Side.CLIENT
    either = True
    severity = Severity.ERROR
    statements = both("MQTT-6.0.0-1")
    sections = {Version.V3_1_1: "6.0", Version.V5_0: "6.0"}
    asks = ConnectionFlag.WEBSOCKET
    bad = (
        Example(
            "3.1.1: the client sends text",
            (*WEBSOCKET, framed(CONNECT_311, 1), framed(ACCEPTED_311), *WEBSOCKET_CLOSE),
            port=8080,
        ),
        Example(
            "5.0: the server answers with text",
            (*WEBSOCKET, framed(CONNECT_5), framed(ACCEPTED_5, 1), *WEBSOCKET_CLOSE),
            port=8080,
        ),
    )
    good = (
        Example(
            "3.1.1: binary, with a ping in between",
            (
                *WEBSOCKET, framed(CONNECT_311), framed("S 61", 9), framed("C 61", 10),
                framed(ACCEPTED_311), *WEBSOCKET_CLOSE,
            ),
            port=8080,
        ),
        Example(
            "5.0: two packets in one frame",
            (
                *WEBSOCKET, framed(CONNECT_5), framed(ACCEPTED_5), framed("C c0 00 c0 00"),
                *WEBSOCKET_CLOSE,
            ),
            port=8080,
        ),
        Example(
            "3.1: not required",
            (*WEBSOCKET, framed(CONNECT_31, 1), framed(ACCEPTED_311), *WEBSOCKET_CLOSE),
            port=8080,
        ),
    )  # fmt: skip

    def check(self, connection: Connection) -> Verdict:
        """Reports the first text frame of each side."""
        encapsulation = connection.encapsulation
        if encapsulation is None or not encapsulation.texts:
            return None
        if connection.quality.conflict:
            return Unevaluated("overlapping segments disagree")
        return [
            Failure(
                message=f"the {side.value} sends MQTT in a WebSocket text frame; it must be binary",
                at=frame,
                side=side,
                evidence={"opcode": 1},
            )
            for side, frame in encapsulation.texts.items()
        ]
