"""Runs tshark's MQTT dissector on a capture and collects its CONNECT and CONNACK packets.

PDML contains the raw bytes of each field, so nothing depends on how tshark shows text. The options
are those that the known faults of tshark 4.0 require: out-of-order segments are reordered, and MQTT
is decoded on the given ports, which tshark does not do by default.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from typing import IO, Any

from dissector.crosscheck.observation import Fields, PacketObservation
from dissector.engines.decryption import inherited_path
from dissector.engines.tshark import descriptions
from dissector.mqtt import spec

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


_PROXY_HEADERS = (b"PROXY ", b"\r\n\r\n\0\r\nQUIT\n")  # versions 1 and 2
_PORTS_NAMED = 1000


def observe_tshark(
    path: str,
    ports: Iterable[int] = (),
    tls_ports: Iterable[int] = (),
    key_file: IO[bytes] | None = None,
) -> list[PacketObservation]:
    """Returns every CONNECT and CONNACK that tshark decodes in a capture.

    `ports` are MQTT ports besides 1883, `tls_ports` those of TLS, `key_file` a key log. Raises
    EngineError if tshark is missing or fails.
    """
    decode_as = {f"tcp.port=={port}": "mqtt" for port in sorted(ports)[:_PORTS_NAMED]}
    preferences = {}
    if key_file is not None:
        decode_as |= {f"tcp.port=={port}": "tls" for port in sorted(tls_ports)[:_PORTS_NAMED]}
        decode_as["tls.port==1-65535"] = "mqtt"
        preferences["tls.keylog_file"] = inherited_path(key_file)
    seen = []
    for description in descriptions(
        path,
        "comparing with it",
        display_filter=_HANDSHAKE,
        protocols=("tcp", "mqtt"),
        decode_as=decode_as,
        plain=None if key_file is None else "tls",
        preferences=preferences,
        inherited=() if key_file is None else (key_file.fileno(),),
    ):
        packet = ElementTree.fromstring(description)
        frame = int(_first(packet, "num").get("show", ""))
        stream = int(_last(packet, "tcp.stream").get("show", ""))
        payload = _raw(_last(packet, "tcp.payload"))
        facts = frozenset({"proxy-header"} if payload.startswith(_PROXY_HEADERS) else ())
        place = 0
        for protocol in packet.iter("proto"):
            fields = _fields(protocol) if protocol.get("name") == "mqtt" else {}
            if fields.get("type") in (spec.CONNECT, spec.CONNACK):
                seen.append(PacketObservation(frame, place, stream, fields, facts))
                place += 1
    return sorted(seen, key=lambda each: each[:2])


def _first(packet: ElementTree.Element, name: str) -> ElementTree.Element:
    return next(field for field in packet.iter("field") if field.get("name") == name)


def _last(packet: ElementTree.Element, name: str) -> ElementTree.Element:
    """Returns the innermost field of a name, an empty one if there is none."""
    found = [field for field in packet.iter("field") if field.get("name") == name]
    return found[-1] if found else ElementTree.Element("field", {"show": "-1"})


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
