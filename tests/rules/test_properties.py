"""Words about properties: every defect of a property is said in a sentence, none leaks bytes."""

from __future__ import annotations

import pytest

from dissector.model import Side, Version
from dissector.mqtt.decode import decode_packet
from dissector.mqtt.packets import Connect
from dissector.rules.properties import describe, find, readable

START = "00 04 4d 51 54 54 05 02 00 3c"
PROPERTIES = {
    "02 21 00": "receiveMaximum runs past the end of its property section",
    "01 7f": "the property identifier 0x7F does not exist",
    "03 23 00 01": "topicAlias (0x23) does not belong in the client's CONNECT",
    "06 22 00 01 22 00 01": "topicAliasMaximum (0x22) stands there twice",
    "7f 22 00 01": "the Property Length of 127 runs past the end of the packet",
    "04 16 00 01 78": "authenticationData has no Authentication Method beside it",
}


def connect(properties: str) -> Connect:
    body = bytes.fromhex(START + properties + "00 01 61")
    packet = decode_packet(bytes((0x10, len(body))) + body, Version.V5_0, Side.CLIENT)
    assert isinstance(packet, Connect)
    return packet


@pytest.mark.parametrize(("properties", "words"), PROPERTIES.items())
def test_defect_is_described(properties: str, words: str) -> None:
    """The sentence names the property, what is wrong, and where it stands."""
    said = [describe(defect, Side.CLIENT) for defect in connect(properties).defects]
    assert any(words in sentence for sentence in said)


def test_unknown_property_hides_the_rest() -> None:
    """After an identifier that is unknown, an absent property is not known to be absent."""
    assert not readable(connect("01 7f"))
    assert readable(connect("03 22 00 01"))
    assert readable(connect("03 23 00 01"))


def test_find_gives_the_first() -> None:
    """Of two properties of one name the first is given; of none, None."""
    properties = connect("06 22 00 01 22 00 02").properties
    first = find(properties, "topicAliasMaximum")
    assert first is not None
    assert first.value == 1
    assert find(properties, "receiveMaximum") is None
