"""What the records of all control packets have in common.

A record holds the values on the wire: integers keep theirs (a Will QoS of 3 stays 3), text is `str`
decoded with `surrogateescape` (see `text.py`), binary fields are `bytes`. An absent field is None,
a present but empty one is empty. Attribute names are the snake_case of the names in every output.

One file of this package has all of one packet type: the fields with their defaults
(`set_defaults`), decoding (`decode_body`), encoding (`encode_body`). `RECORDS` in `mqtt/decode.py`
lists the types; those that are not in it are framed only and have the plain record, `Packet`. If a
type is compiled, its .pxd has the C type of each field, in the same order.
"""

from __future__ import annotations

from types import GetSetDescriptorType
from typing import Any, ClassVar

from dissector.model import FrameRef, Side, Version
from dissector.mqtt import encode, spec
from dissector.mqtt.defects import Defect, DefectKind
from dissector.mqtt.fields import Reader
from dissector.mqtt.properties import Property


class Packet:
    """Any control packet. `frame` is the frame that completes it; `size` includes the fixed header.

    `raw` holds all its bytes including secrets, and never leaves the process. It is empty for
    packets too large to keep, and for types that are only framed. `first` is the frame of its first
    byte. `secrets` are the (offset, length) of passwords and authentication data in `raw`.

    The constructor takes any of the fields by name; TypeError if a type has no such field.
    """

    FLAGS_DEFECT: ClassVar[DefectKind] = DefectKind.HEADER_FLAGS  # of wrong fixed header flags

    def __init__(self, **values: Any) -> None:
        self.set_defaults()
        names = field_names(type(self))
        for name, value in values.items():
            if name not in names:
                raise TypeError(f"{type(self).__name__} has no field {name!r}")
            setattr(self, name, value)

    def set_defaults(self) -> None:
        """Sets all fields to their defaults; a record made without its constructor needs it."""
        self.type = 0
        self.flags = 0
        self.remaining_length = 0
        self.size = 0
        self.frame: FrameRef | None = None
        self.first: FrameRef | None = None
        self.raw = b""
        self.defects: tuple[Defect, ...] = ()
        self.secrets: tuple[tuple[int, int], ...] = ()
        self._masked: bytes | None = None

    def decode_usual(self, raw: bytes, version: Version | None, side: Side | None) -> bool:
        """Fast path: decodes the commonest form of the packet; False if `raw` is in another.

        A record that is not decoded keeps its defaults. Only types with such a form override this.
        """
        return False

    def decode_body(self, reader: Reader, version: Version | None, side: Side | None) -> None:
        """Decodes what follows the fixed header; the reader is positioned there.

        The fields of the fixed header and `raw` are set. `version` is that of the connection, None
        if it is unknown; `side` is the sender, or None. Defects and secrets stay in the reader.
        A type that is only framed has no field in its body.
        """

    def encode(self) -> bytes:
        """Encodes the packet from its fields, which must be valid; lengths are computed.

        The inverse of `decode_packet`. `size`, `raw` and `defects` are ignored.
        """
        return encode.packet(self.type << 4 | spec.REQUIRED_FLAGS[self.type], self.encode_body())

    def encode_body(self) -> bytes:
        """Encodes what follows the fixed header; of a type that is only framed, as in `raw`."""
        return self.raw[self.size - self.remaining_length :]

    def values(self) -> dict[str, Any]:
        """Returns its fields by name, as the constructor takes them."""
        return {name: getattr(self, name) for name in field_names(type(self))}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Packet) or type(self) is not type(other):
            return NotImplemented
        return self.values() == other.values()

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self.values().items())
        return f"{type(self).__name__}({values})"

    @property
    def name(self) -> str:
        """The standard's name of the packet type."""
        return spec.packet_name(self.type)

    def code(self) -> int | None:
        """Returns its return or reason code; None if its type has none, or it was not read."""
        return None

    def masked(self) -> bytes:
        """Returns `raw` with each secret byte replaced by an asterisk; all findings share it."""
        if not self.secrets:
            return self.raw
        if self._masked is not None:
            return self._masked
        if len(self.secrets) == 1:  # nearly always, and a bytearray costs five times as much
            offset, length = self.secrets[0]
            stop = min(offset + length, len(self.raw))
            if offset <= stop:
                hidden = b"*" * (stop - offset)
                self._masked = self.raw[:offset] + hidden + self.raw[stop:]
                return self._masked
        data = bytearray(self.raw)
        for offset, length in self.secrets:
            stop = min(offset + length, len(data))
            data[offset:stop] = b"*" * max(stop - offset, 0)
        self._masked = bytes(data)
        return self._masked


class Reasoned(Packet):
    """A packet with a reason code and properties in 5.0; `side` is the sender."""

    def set_defaults(self) -> None:
        """Sets all fields to their defaults."""
        Packet.set_defaults(self)
        self.side: Side | None = None
        self.version: Version | None = None
        self.reason_code = 0
        self.properties: tuple[Property, ...] = ()

    def encode_body(self) -> bytes:
        """Encodes reason code and properties."""
        return bytes((self.reason_code,)) + encode.properties(self.properties)

    def code(self) -> int | None:
        """Returns its reason code."""
        return self.reason_code


_field_names: dict[type[Packet], tuple[str, ...]] = {}  # what `field_names` has returned


def field_names(record: type[Packet]) -> tuple[str, ...]:
    """Returns the names of the fields of a type: those that its `set_defaults` sets, in order.

    Fields of a compiled class are descriptors of it, in the order of its .pxd. So is its property
    `name`, which is no field.
    """
    known = _field_names.get(record)
    if known is not None:
        return known
    compiled = [
        name
        for part in reversed(record.__mro__)
        for name, member in vars(part).items()
        if isinstance(member, GetSetDescriptorType) and name != "name"
    ]
    blank = record.__new__(record)
    blank.set_defaults()
    names = (*compiled, *getattr(blank, "__dict__", ()))
    found = tuple(name for name in names if not name.startswith("_"))
    _field_names[record] = found
    return found


def own_field_names(record: type[Packet]) -> tuple[str, ...]:
    """Returns the names of those fields that not every packet has."""
    return field_names(record)[len(field_names(Packet)) :]


def output_name(field: str) -> str:
    """Returns the name of a field in every output and as a scapy field: "clientId" of client_id."""
    first, *others = field.split("_")
    return first + "".join(map(str.capitalize, others))
