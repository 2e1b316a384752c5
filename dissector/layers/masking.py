"""A packet in, a copy whose secrets are stars out."""

from __future__ import annotations

from typing import TypeVar

from scapy.fields import RawVal
from scapy.packet import Packet, Raw

from dissector.layers.packets import MQTT, Body
from dissector.mqtt import spec
from dissector.mqtt.protocol_name import is_word, kept_of

AnyPacket = TypeVar("AnyPacket", bound=Packet)


def masked(packet: AnyPacket) -> AnyPacket:
    """Give a copy whose secrets are stars, as many as they have bytes; all else stays.

    Secrets are passwords, authentication data, and what nobody can tell from them: bytes that no
    field of a CONNECT or AUTH could read, values of unknown properties, what is no name in a
    protocol name, and Raw after a packet.
    Bytes that are in no MQTT layer are not looked at.
    """
    clone = packet.copy()
    inside = False
    layer: Packet = clone
    while layer:
        if isinstance(layer, Body):
            _mask(layer)
        elif inside and isinstance(layer, Raw):
            _star(layer, "load")
        inside = inside or isinstance(layer, (MQTT, Body))
        layer = layer.payload
    return clone


def _mask(layer: Packet) -> None:
    name = layer.fields.get("protocolName")
    if isinstance(name, bytes) and kept_of(name) < len(name):
        kept = kept_of(name)
        layer.fields["protocolName"] = name[:kept] + b"*" * (len(name) - kept)
        if not is_word(name):
            _star_behind(layer, "protocolName", 2 + len(name))
        layer.raw_packet_cache = None
    for name in ("password", "trailing"):
        _star(layer, name)
    for prefix, name in (("property", "properties"), ("lastWillProperty", "lastWillProperties")):
        items = layer.fields.get(name) or []
        length = layer.fields.get(prefix + "Length")
        if isinstance(length, int) and length > sum(map(len, items)):
            # The list runs past the end: what it swallowed may be the password.
            layer.fields[name] = [Raw(b"*" * len(item)) for item in items]
            layer.raw_packet_cache = None
            continue
        for item in items:
            if item.id == spec.AUTHENTICATION_DATA or item.id not in spec.PROPERTIES:
                _star(item, "value")
            _star(item, "trailing")


def _star_behind(layer: Packet, last: str, size: int) -> None:
    """Leave out every field behind `last`, with which `size` bytes end: they are trailing stars."""
    rest = len(layer.self_build()) - size
    names = [field.name for field in layer.fields_desc]
    for name in names[names.index(last) + 1 :]:
        layer.fields[name] = None
    layer.fields["trailing"] = b"*" * rest


def _star(layer: Packet, name: str) -> None:
    value = layer.fields.get(name)
    if isinstance(value, (bytes, RawVal)):
        layer.fields[name] = b"*" * len(bytes(value))
        layer.raw_packet_cache = None
