"""Scapy layer for netlink log frames (LINKTYPE_NFLOG, 239), for which scapy has none.

Linux' `nflog` interface writes four bytes (address family, version 0, resource id), then attributes
in the byte order of the capturing host: length, type, value, padded to four bytes. The packet is
the value of one of them, so the layer keeps the attributes before it, and the packet is its
payload.
"""

from __future__ import annotations

from scapy.fields import ByteField, ShortField, StrField
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet, Raw

HARDWARE_ADDRESS = 8
PAYLOAD = 9


class NFLOG(Packet):
    """A frame of the netlink log; `source` is the sender's hardware address, if it has one."""

    name = "NFLOG"
    fields_desc = [
        ByteField("family", 2),
        ByteField("version", 0),
        ShortField("resource", 0),
        StrField("attributes", b""),
    ]

    def do_dissect(self, s: bytes) -> bytes:
        """Reads the fixed part and the attributes; returns the packet."""
        self.fields["family"], self.fields["version"] = s[0], s[1]
        self.fields["resource"] = int.from_bytes(s[2:4], "big")
        for order in ("little", "big"):
            found = _packet(s, order)
            if found is not None:
                self.fields["attributes"] = s[4 : found[0]]
                return s[found[0] : found[1]]
        self.fields["attributes"] = s[4:]
        return b""

    @property
    def source(self) -> bytes | None:
        """The sender's hardware address, six bytes, or None."""
        attributes = bytes(self.fields.get("attributes", b""))
        for order in ("little", "big"):
            for kind, start, stop in _attributes(attributes, 0, order):
                if kind == HARDWARE_ADDRESS and attributes[start : start + 2] == b"\0\6":
                    return attributes[start + 4 : stop][:6]
        return None

    def guess_payload_class(self, payload: bytes) -> type[Packet]:
        """Returns IP or IPv6 by the address family, else Raw."""
        family = self.fields.get("family")
        return IP if family == 2 else IPv6 if family == 10 else Raw


def _packet(data: bytes, order: str) -> tuple[int, int] | None:
    for kind, start, stop in _attributes(data, 4, order):
        if kind == PAYLOAD:
            return start, stop
    return None


def _attributes(data: bytes, at: int, order: str) -> list[tuple[int, int, int]]:
    """Returns type, start and end of each attribute; a truncated payload ends with the data."""
    found = []
    while at + 4 <= len(data):
        length = int.from_bytes(data[at : at + 2], order)  # type: ignore[arg-type]
        kind = int.from_bytes(data[at + 2 : at + 4], order)  # type: ignore[arg-type]
        if length < 4 or (at + length > len(data) and kind != PAYLOAD):
            break
        found.append((kind, at + 4, min(at + length, len(data))))
        at += length + 3 & ~3
    return found
