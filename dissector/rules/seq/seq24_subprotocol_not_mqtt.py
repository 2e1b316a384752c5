"""SEQ24: WebSocket upgrade that does not negotiate the subprotocol "mqtt"."""

from __future__ import annotations

from dissector.rules.authoring import *

_MQTT_311 = (framed(CONNECT_311), framed(ACCEPTED_311), *WEBSOCKET_CLOSE)
_REFUSAL = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
_MQTT_5 = (framed(CONNECT_5), framed(ACCEPTED_5), *WEBSOCKET_CLOSE)


class SubprotocolNotMqtt(ConnectionRule):
    """A WebSocket upgrade for MQTT does not negotiate the subprotocol "mqtt".

    What it checks
    --------------
    The client must offer the subprotocol `mqtt` in Sec-WebSocket-Protocol, and the server must
    select it in its answer, even if no CONNECT follows. If the client does not offer it, the server
    cannot select it, and only the client is reported. `mqttv3.1` is the name for MQTT 3.1, to which
    the rule does not apply; a 3.1.1 or 5.0 client that offers only this name violates the rule.

    Why it matters
    --------------
    Proxies and servers with several subprotocols route by this name, and a browser closes a
    connection whose answer selects none of the offered names. Many servers refuse the upgrade
    without it.

    Fix on the client
    -----------------
    Offer `mqtt`: `new WebSocket(url, ["mqtt"])`. If a library lets you set headers or subprotocols,
    include it there.

    Fix on the server
    -----------------
    Answer with `Sec-WebSocket-Protocol: mqtt` whenever the client offers it; check that a reverse
    proxy forwards the header in both directions.

    Known false alarms
    ------------------
    If a proxy removes the header, the server or client behind it is reported.
    """

    id = "SEQ24"
    name = "subprotocol-not-mqtt"
    side = Side.CLIENT
    either = True
    severity = Severity.ERROR
    statements = both("MQTT-6.0.0-3", "MQTT-6.0.0-4")
    sections = {Version.V3_1_1: "6.0", Version.V5_0: "6.0"}
    version_may_be_unknown = True
    asks = ConnectionFlag.WEBSOCKET
    bad = (
        Example(
            "3.1.1: the client offers none",
            (websocket_request(), websocket_answer(), *_MQTT_311),
            port=8080,
        ),
        Example(
            "5.0: the client offers the name of 3.1",
            (websocket_request("mqttv3.1"), websocket_answer("mqttv3.1"), *_MQTT_5),
            port=8080,
        ),
        Example(
            "3.1.1: the server selects none",
            (websocket_request("mqtt"), websocket_answer(), *_MQTT_311),
            port=8080,
        ),
        Example(
            "the server selects none, and the client leaves",
            (websocket_request("mqtt"), websocket_answer(), *CLIENT_CLOSES),
            port=8080,
        ),
        Example(
            "5.0: the server selects the other one",
            (websocket_request("mqtt", "mqttv3.1"), websocket_answer("mqttv3.1"), *_MQTT_5),
            port=8080,
        ),
    )
    good = (
        Example("3.1.1: offered and selected", (*WEBSOCKET, *_MQTT_311), port=8080),
        Example(
            "the server refuses the upgrade",
            (websocket_request("mqtt"), f"S {_REFUSAL.hex(' ')}", *SERVER_CLOSES),
            port=8080,
        ),
        Example(
            "5.0: one of two",
            (websocket_request("mqttv3.1", "mqtt"), websocket_answer("mqtt"), *_MQTT_5),
            port=8080,
        ),
        Example(
            "3.1: its own name",
            (
                websocket_request("mqttv3.1"), websocket_answer("mqttv3.1"),
                framed(CONNECT_31), framed(ACCEPTED_311), *WEBSOCKET_CLOSE,
            ),
            port=8080,
        ),
    )  # fmt: skip

    def check(self, connection: Connection) -> Verdict:
        """Checks what is offered, then what is selected."""
        encapsulation = connection.encapsulation
        if (
            encapsulation is None
            or encapsulation.request is None
            or encapsulation.request_frame is None
        ):
            return Unevaluated("the upgrade was not seen")
        if connection.quality.conflict:
            return Unevaluated("overlapping segments disagree")
        from dissector.net import harmless  # its import costs more than a small capture

        requested = encapsulation.request.subprotocols
        if connection.version is None and "mqtt" not in requested:
            return Unevaluated("the version of the connection is unknown")  # 3.1 has its own name
        offered = tuple(map(harmless.subprotocol, requested))
        if "mqtt" not in offered:
            what = f"offers {' and '.join(offered)}" if offered else "offers no subprotocol"
            return Failure(
                message=f"the client {what}; it must offer mqtt",
                at=encapsulation.request_frame,
                statements=("MQTT-6.0.0-3",),
                evidence={"offered": list(offered)},
            )
        if encapsulation.refused is not None:
            return None
        if encapsulation.answer is None or encapsulation.answer_frame is None:
            return Unevaluated("the answer to the upgrade was not seen")
        selected = encapsulation.answer.subprotocol
        if selected == "mqtt":
            return None
        if connection.version is None and selected is not None and selected in requested:
            return Unevaluated("the version of the connection is unknown")
        selected = None if selected is None else harmless.subprotocol(selected)
        what = "selects no subprotocol" if selected is None else f"selects {selected}"
        return Failure(
            message=f"the client offers mqtt and the server {what}; it must select mqtt",
            at=encapsulation.answer_frame,
            frames=(encapsulation.request_frame, encapsulation.answer_frame),
            side=Side.SERVER,
            statements=("MQTT-6.0.0-4",),
            evidence={"offered": list(offered), "selected": selected},
        )
