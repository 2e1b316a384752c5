"""Runs paho clients that are described as JSON lines; prints what their servers answered.

Runs as a program, possibly in a network namespace. The clients run one after the other: each
connects, waits for its CONNACK, and sends DISCONNECT.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from paho.mqtt.client import (
    MQTT_ERR_SUCCESS,
    Client,
    ConnectFlags,
    DisconnectFlags,
)
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

_LEVELS = {
    "3.1": MQTTProtocolVersion.MQTTv31,
    "3.1.1": MQTTProtocolVersion.MQTTv311,
    "5.0": MQTTProtocolVersion.MQTTv5,
}
_SECONDS = 10.0


def properties(kind: int, values: dict[str, Any]) -> Properties:
    """Makes paho's properties from a dict; names as in the standard, without spaces."""
    made = Properties(kind)  # type: ignore[no-untyped-call]  # untyped in paho
    for name, value in values.items():
        if name == "UserProperty":
            made.UserProperty = [tuple(pair) for pair in value]
        elif name == "CorrelationData":
            made.CorrelationData = bytes.fromhex(value)
        else:
            setattr(made, name, value)
    return made


def connect(wanted: dict[str, Any]) -> dict[str, Any]:
    """Runs one client; returns what its server answered."""
    five = wanted["version"] == "5.0"
    clean = wanted.get("clean", True)
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=wanted["clientId"],
        clean_session=None if five else clean,
        protocol=_LEVELS[wanted["version"]],
        reconnect_on_failure=False,
    )
    if "username" in wanted:
        client.username_pw_set(wanted["username"], wanted.get("password"))
    if "will" in wanted:
        will = wanted["will"]
        client.will_set(
            will["topic"],
            bytes.fromhex(will["message"]),
            will["qos"],
            will["retain"],
            properties(PacketTypes.WILLMESSAGE, will["properties"])
            if "properties" in will
            else None,
        )
    answers: list[dict[str, Any]] = []

    def answered(
        client: Client,
        userdata: object,
        flags: ConnectFlags,
        reason: ReasonCode,
        given: Properties | None,
    ) -> None:
        answers.append(
            {
                "refused": reason.is_failure,
                "sessionPresent": bool(flags.session_present),
                "properties": given.json() if given is not None else {},  # type: ignore[no-untyped-call]
            }
        )
        if not reason.is_failure:
            client.disconnect()

    ended: list[DisconnectFlags] = []
    client.on_connect = answered
    client.on_disconnect = lambda client, data, flags, reason, given: ended.append(flags)
    more: dict[str, Any] = {"clean_start": clean} if five else {}
    if "properties" in wanted:
        more["properties"] = properties(PacketTypes.CONNECT, wanted["properties"])
    client.connect(wanted["host"], wanted["port"], wanted.get("keepAlive", 60), **more)
    end = time.monotonic() + _SECONDS
    while not ended and time.monotonic() < end and client.loop(0.1) == MQTT_ERR_SUCCESS:
        pass
    (answer,) = answers
    return {"clientId": wanted["clientId"], **answer}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(connect(json.loads(line))), flush=True)
