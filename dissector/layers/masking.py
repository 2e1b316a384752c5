"""Masks the secrets of a scapy packet: returns a copy in which they are asterisks."""

from __future__ import annotations

from typing import TypeVar

from scapy.fields import RawVal
from scapy.packet import Packet, Raw

from dissector.layers.packets import MQTT, Body
from dissector.mqtt import spec
from dissector.mqtt.packets.connect import is_word, shown_size

AnyPacket = TypeVar("AnyPacket", bound=Packet)


def masked(packet: AnyPacket) -> AnyPacket:
    """Returns a copy in which each byte of a secret is an asterisk; everything else is unchanged.

    Secrets are passwords, authentication data, and bytes that may be part of them: bytes that no
    field of a CONNECT or AUTH could read, values of unknown properties, the part of a protocol name
    that may not be shown, and Raw after a packet.
    Bytes outside MQTT layers are not changed.
    """
    clone = packet.copy()
    inside = False
    layer: Packet = clone
    while layer:
        if isinstance(layer, Body):
            _mask(layer)
        elif inside and isinstance(layer, Raw):
            _mask_field(layer, "load")
        inside = inside or isinstance(layer, (MQTT, Body))
        layer = layer.payload
    return clone


def _mask(layer: Packet) -> None:
    name = layer.fields.get("protocolName")
    if isinstance(name, bytes) and shown_size(name) < len(name):
        kept = shown_size(name)
        layer.fields["protocolName"] = name[:kept] + b"*" * (len(name) - kept)
        if not is_word(name):
            _mask_after(layer, "protocolName", 2 + len(name))
        layer.raw_packet_cache = None
    for name in ("password", "trailing"):
        _mask_field(layer, name)
    for prefix, name in (("property", "properties"), ("lastWillProperty", "lastWillProperties")):
        items = layer.fields.get(name) or []
        length = layer.fields.get(prefix + "Length")
        if isinstance(length, int) and length > sum(map(len, items)):
            # The list runs past the end, and may contain the password.
            layer.fields[name] = [Raw(b"*" * len(item)) for item in items]
            layer.raw_packet_cache = None
            continue
        for item in items:
            if spec.is_secret_property(item.id):
                _mask_field(item, "value")
            _mask_field(item, "trailing")


def _mask_after(layer: Packet, last: str, size: int) -> None:
    """Removes all fields after `last`, which ends at byte `size`; `trailing` has asterisks then."""
    rest = len(layer.self_build()) - size
    names = [field.name for field in layer.fields_desc]
    for name in names[names.index(last) + 1 :]:
        layer.fields[name] = None
    layer.fields["trailing"] = b"*" * rest


def _mask_field(layer: Packet, name: str) -> None:
    value = layer.fields.get(name)
    if isinstance(value, (bytes, RawVal)):
        layer.fields[name] = b"*" * len(bytes(value))
        layer.raw_packet_cache = None
