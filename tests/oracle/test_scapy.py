"""The scapy layers and the native decoder read the same fields from all handshake packets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dissector.analysis import packets
from dissector.capture.rings import groups
from dissector.connections.connection import Connection
from dissector.layers import MQTT
from dissector.model import Version
from dissector.mqtt.defects import DefectKind
from dissector.mqtt.packets import Auth, Connack, Connect, Disconnect, Packet
from dissector.options import Options
from tests.layer_records import as_record
from tests.oracle.corpus import files

HANDSHAKE = Connect | Connack | Disconnect | Auth
LISTS = ("properties", "last_will_properties")
EVERY_KIND = {Connect, Connack, Disconnect, Auth}


def every_packet(path: Path) -> list[tuple[Connection, Packet]]:
    """Returns every control packet of a capture with all its bytes."""
    return [
        (connection, packet) for connection, packet, _ in packets(groups([str(path)]), Options())
    ]


def native_fields(packet: HANDSHAKE, names: list[str]) -> dict[str, Any]:
    """Returns the fields of a native record in the form of `layer_records`."""
    fields = {name: getattr(packet, name) for name in names}
    for name in LISTS:
        if name in fields:
            fields[name] = [(item.name, item.value) for item in fields[name]]
    return fields


def scapy_fields(packet: HANDSHAKE, version: Version | None) -> dict[str, Any]:
    """Dissects the packet's bytes with the scapy layers, in a connection of this version."""
    fields = as_record(MQTT(packet.raw, version=version).payload)
    if isinstance(packet, Connack) and packet.session_present is None:
        fields["session_present"] = None  # the layer cannot know that the connection is a 3.1 one
    return fields


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_same_fields(path: Path) -> None:
    """Both decoders read the same fields from each CONNECT, CONNACK, DISCONNECT and AUTH.

    Except those in the wrong order: the layer dissects by the standard, native recognises it.
    """
    for connection, packet in every_packet(path):
        reordered = any(item.kind is DefectKind.FIELD_ORDER for item in packet.defects)
        if isinstance(packet, HANDSHAKE) and packet.raw and not reordered:
            fields = scapy_fields(packet, connection.version)
            assert fields == native_fields(packet, list(fields)), packet.frame


def test_corpus_has_every_kind() -> None:
    """The captures contain each of the four packet types, so that the comparison is not empty."""
    kinds = {type(packet) for path in files() for _, packet in every_packet(path)}
    assert kinds >= EVERY_KIND
