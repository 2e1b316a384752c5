"""Tests the descriptions of property defects, and how properties are found."""

from __future__ import annotations

import pytest

from dissector.model import Side, Version
from dissector.mqtt.decode import decode_packet
from dissector.mqtt.packets.connect import Connect
from dissector.rules.properties import describe, find, readable

START = "00 04 4d 51 54 54 05 02 00 3c"
PROPERTIES = {
    "02 21 00": "receiveMaximum runs past the end of its property section",
    "01 7f": "the property identifier 0x7F does not exist",
    "03 23 00 01": "topicAlias (0x23) is not allowed in the client's CONNECT",
    "06 22 00 01 22 00 01": "topicAliasMaximum (0x22) occurs twice",
    "7f 22 00 01": "the Property Length of 127 runs past the end of the packet",
    "04 16 00 01 78": "authenticationData is present without an Authentication Method",
}


def connect(properties: str) -> Connect:
    body = bytes.fromhex(START + properties + "00 01 61")
    packet = decode_packet(bytes((0x10, len(body))) + body, Version.V5_0, Side.CLIENT)
    assert isinstance(packet, Connect)
    return packet


@pytest.mark.parametrize(("properties", "words"), PROPERTIES.items())
def test_defect_is_described(properties: str, words: str) -> None:
    """The description has the property, what is wrong, and its packet."""
    found = [describe(defect, Side.CLIENT) for defect in connect(properties).defects]
    assert any(words in description for description in found)


def test_unknown_property_hides_the_rest() -> None:
    """After an unknown identifier, further properties cannot be read."""
    assert not readable(connect("01 7f"))
    assert readable(connect("03 22 00 01"))
    assert readable(connect("03 23 00 01"))


def test_find_returns_the_first() -> None:
    """Of two properties with one name the first is returned, None if there is none."""
    properties = connect("06 22 00 01 22 00 02").properties
    first = find(properties, "topicAliasMaximum")
    assert first is not None
    assert first.value == 1
    assert find(properties, "receiveMaximum") is None
