"""One file a packet type: each has a record with its fields, decoding and encoding."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissector.model import Version
from dissector.mqtt import packets, spec
from dissector.mqtt.decode import DECODED, RECORDS, decode_packet
from dissector.mqtt.packets.connect import Connect
from dissector.mqtt.packets.packet import Packet, field_names, output_name, own_field_names
from dissector.mqtt.properties import Property
from tests import strategies
from tests.conftest import ROOT

FOLDER = ROOT / "dissector" / "mqtt" / "packets"
EVERY_RECORD = [Packet, *RECORDS.values()]
VALID = {
    spec.CONNECT: strategies.connects(),
    spec.CONNACK: strategies.connacks(),
    spec.DISCONNECT: strategies.disconnects(),
    spec.AUTH: strategies.auths(),
}
FROM_THE_WIRE = {"remaining_length", "size", "raw", "defects", "secrets", "connect_flags"}


def test_each_file_is_a_type_of_the_table() -> None:
    """A file of `packets/` has the record of one type, under its name, and is in `RECORDS`."""
    names = {module.name for module in pkgutil.iter_modules(packets.__path__)} - {"packet"}
    assert names == {spec.packet_name(packet_type).lower() for packet_type in RECORDS}


@pytest.mark.parametrize("packet_type", RECORDS, ids=spec.packet_name)
def test_a_type_has_all_in_its_file(packet_type: int) -> None:
    """A file has the record, its type number, decoding, and encoding or that of its base."""
    name = spec.packet_name(packet_type)
    module = importlib.import_module(f"dissector.mqtt.packets.{name.lower()}")
    record = getattr(module, name.capitalize())
    assert RECORDS[packet_type] is record
    assert record().type == packet_type
    assert DECODED >> packet_type & 1
    assert {"set_defaults", "decode_body"} <= vars(record).keys()
    assert record.encode_body is not Packet.encode_body


def sources(record: type[Packet]) -> list[str]:
    """Returns what is written of a record, base classes first: .py or .pxd."""
    return [part.__name__ for part in reversed(record.__mro__) if part is not object]


def written(pattern: str, suffix: str, record: type[Packet]) -> list[str]:
    """Returns the names that a pattern finds in the classes of a record, base classes first."""
    found = []
    for part in sources(record):
        for path in sorted(FOLDER.glob(f"*{suffix}")):
            classes = re.split(r"^(?:cdef )?class (\w+)", path.read_text(), flags=re.M)
            for name, text in zip(classes[1::2], classes[2::2], strict=True):
                if name == part:
                    found += re.findall(pattern, text, re.M)
    return found


@pytest.mark.parametrize("record", EVERY_RECORD)
def test_fields_are_those_of_the_defaults(record: type[Packet]) -> None:
    """The fields are what `set_defaults` sets, in its order, which is that of the .pxd, too."""
    assigned = written(r"^        self\.([a-z]\w*)(?:: [^=]+)? = ", ".py", record)
    names = field_names(record)
    assert tuple(dict.fromkeys(name for name in assigned if name in names)) == names
    assert tuple(written(r"^    cdef public [\w ]+ (\w+)$", ".pxd", record)) == names
    assert not [name for name in assigned if name not in names and not name.startswith("_")]


@pytest.mark.parametrize("record", EVERY_RECORD)
def test_constructor(record: type[Packet]) -> None:
    """The constructor takes each field by name, and no other name; values give an equal record."""
    one = record()
    assert record(**one.values()) == one
    assert record(flags=1) != one
    assert repr(one).startswith(f"{record.__name__}(type={one.type}, flags=0, ")
    with pytest.raises(TypeError, match="no field 'colour'"):
        record(colour=1)


def test_records_of_different_types_differ() -> None:
    """Records are equal only if their types are."""
    assert Packet(type=spec.CONNECT) != Connect()
    assert Connect() == Connect()


def test_output_names() -> None:
    """The name of a field in outputs is that of the interface, in camel case."""
    assert output_name("client_id") == "clientId"
    assert output_name("last_will_retain") == "lastWillRetain"
    assert output_name("username") == "username"


def without_offsets(value: object) -> object:
    """Removes the offsets of properties, which a record made by hand does not have."""
    if isinstance(value, tuple):
        return [(item.id, item.value) if isinstance(item, Property) else item for item in value]
    return value


@given(st.sampled_from(sorted(RECORDS)).flatmap(VALID.__getitem__))
def test_decoding_inverts_encoding(record: Packet) -> None:
    """Every field of a valid record is decoded as it was encoded."""
    found = decode_packet(
        record.encode(), getattr(record, "version", None), getattr(record, "side", None)
    )
    assert type(found) is type(record)
    for name in set(field_names(type(record))) - FROM_THE_WIRE:
        assert without_offsets(getattr(found, name)) == without_offsets(getattr(record, name)), name


@given(st.sampled_from(sorted(set(range(16)) - RECORDS.keys())), st.binary(max_size=200), st.data())
def test_framed_types(packet_type: int, body: bytes, data: st.DataObject) -> None:
    """A type without a record has a plain one, which is encoded as it was."""
    if packet_type == spec.PUBLISH:
        return  # its flags are no constant
    version = data.draw(st.sampled_from([None, *Version]))
    wire = Packet(type=packet_type, raw=body, size=len(body), remaining_length=len(body)).encode()
    found = decode_packet(wire, version)
    assert type(found) is Packet
    assert (found.raw, found.encode(), found.defects) == (wire, wire, ())
    assert own_field_names(Packet) == ()
