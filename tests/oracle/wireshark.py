"""A capture in, tshark's own reading of its CONNECT and CONNACK packets out.

PDML gives the raw bytes of each field, so nothing depends on how tshark shows text. The options
are those that the known faults of tshark 4.0 call for: out-of-order segments are put in order, and
MQTT is decoded on the ports that are named, which it is not by itself.
"""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dissector.mqtt import spec
from tests.oracle.sighting import Fields, Sighting

_NUMBERS = {
    "mqtt.msgtype": "type",
    "mqtt.hdr_reserved": "headerFlags",
    "mqtt.len": "remainingLength",
    "mqtt.ver": "protocolLevel",
    "mqtt.conflags": "connectFlags",
    "mqtt.conflag.uname": "usernameFlag",
    "mqtt.conflag.passwd": "passwordFlag",
    "mqtt.conflag.retain": "lastWillRetain",
    "mqtt.conflag.qos": "lastWillQos",
    "mqtt.conflag.willflag": "willFlag",
    "mqtt.conflag.cleansess": "cleanSession",
    "mqtt.conflag.reserved": "reservedFlag",
    "mqtt.kalive": "keepAlive",
    "mqtt.conack.flags": "acknowledgeFlags",
    "mqtt.conack.flags.sp": "sessionPresent",
    "mqtt.conack.val": "returnCode",
    "mqtt.connack.reason_code": "returnCode",
}
_BYTES = {
    "mqtt.protoname": "protocolName",
    "mqtt.clientid": "clientId",
    "mqtt.willtopic": "lastWillTopic",
    "mqtt.willmsg": "lastWillMessage",
    "mqtt.username": "username",
    "mqtt.passwd": "password",
}
_LISTS = {"mqtt.properties": "properties", "mqtt.will_properties": "lastWillProperties"}
_HANDSHAKE = f"mqtt.msgtype=={spec.CONNECT}||mqtt.msgtype=={spec.CONNACK}"


def theirs(tshark: str, path: Path, ports: Iterable[int] = ()) -> list[Sighting]:
    """Give every CONNECT and CONNACK that tshark reads in a capture; `ports` besides 1883."""
    command = [tshark, "-n", "-r", str(path), "-Y", _HANDSHAKE, "-T", "pdml", "-J", "tcp mqtt"]
    command += ["-o", "tcp.reassemble_out_of_order:TRUE"]
    for port in ports:
        command += ["-d", f"tcp.port=={port},mqtt"]
    done = subprocess.run(command, capture_output=True, check=True)
    seen = []
    for packet in ElementTree.fromstring(done.stdout).iter("packet"):
        frame = int(_first(packet, "num").get("show", ""))
        stream = int(_first(packet, "tcp.stream").get("show", ""))
        place = 0
        for protocol in packet.iter("proto"):
            fields = _fields(protocol) if protocol.get("name") == "mqtt" else {}
            if fields.get("type") in (spec.CONNECT, spec.CONNACK):
                seen.append(Sighting(frame, place, stream, fields))
                place += 1
    return sorted(seen)


def _first(packet: ElementTree.Element, name: str) -> ElementTree.Element:
    return next(field for field in packet.iter("field") if field.get("name") == name)


def _raw(field: ElementTree.Element) -> bytes:
    return bytes.fromhex(field.get("value", ""))


def _fields(protocol: ElementTree.Element) -> Fields:
    found: Fields = {"properties": []}
    for field in protocol.iter("field"):
        name = field.get("name", "")
        if name in _NUMBERS:
            found[_NUMBERS[name]] = int(field.get("show", ""), 0)
        elif name in _BYTES:
            found[_BYTES[name]] = _raw(field)
        elif name in _LISTS:
            found[_LISTS[name]] = _properties(field)
    if found.get("type") == spec.CONNECT:
        found.setdefault("lastWillProperties", [])
    return found


def _properties(block: ElementTree.Element) -> list[tuple[int, Any]]:
    found: list[tuple[int, Any]] = []
    key = b""
    for field in block.iter("field"):
        name, raw = field.get("name", ""), _raw(field)
        if name == "mqtt.property_id":
            found.append((int(field.get("show", ""), 0), None))
        elif name == "mqtt.prop_key":
            key = raw
        elif name == "mqtt.prop_value":
            found[-1] = (found[-1][0], (key, raw))
        elif name == "mqtt.property.content_type":
            found[-1] = (found[-1][0], raw[2:])
        elif name in ("mqtt.prop_string", "mqtt.prop_unknown"):
            found[-1] = (found[-1][0], raw)
        elif name in ("mqtt.prop_number", "mqtt.property.max_qos", "mqtt.property.topic_alias"):
            found[-1] = (found[-1][0], int(field.get("show", ""), 0))
    return found
