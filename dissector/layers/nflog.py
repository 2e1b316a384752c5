"""Netlink log frames (LINKTYPE_NFLOG, 239) in, their IP packets out: scapy has no layer for them.

Linux' `nflog` interface writes four bytes (address family, version 0, resource id), then attributes
in the byte order of the host that captured: length, type, value, padded to four. The packet is the
value of one of them, so the layer keeps the attributes before it and gives the packet as payload.
"""

from __future__ import annotations

from scapy.fields import ByteField, ShortField, StrField
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet, Raw

HARDWARE_ADDRESS = 8
PAYLOAD = 9


class NFLOG(Packet):
    """A frame of the netlink log; `source` is the hardware address of the sender, if it is told."""

    name = "NFLOG"
    fields_desc = [
        ByteField("family", 2),
        ByteField("version", 0),
        ShortField("resource", 0),
        StrField("attributes", b""),
    ]

    def do_dissect(self, s: bytes) -> bytes:
        """Read the fixed part and the attributes; what is left is the packet."""
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
        """Six bytes, or None."""
        attributes = bytes(self.fields.get("attributes", b""))
        for order in ("little", "big"):
            for kind, start, stop in _attributes(attributes, 0, order):
                if kind == HARDWARE_ADDRESS and attributes[start : start + 2] == b"\0\6":
                    return attributes[start + 4 : stop][:6]
        return None

    def guess_payload_class(self, payload: bytes) -> type[Packet]:
        """Tell IPv4 from IPv6."""
        family = self.fields.get("family")
        return IP if family == 2 else IPv6 if family == 10 else Raw


def _packet(data: bytes, order: str) -> tuple[int, int] | None:
    for kind, start, stop in _attributes(data, 4, order):
        if kind == PAYLOAD:
            return start, stop
    return None


def _attributes(data: bytes, at: int, order: str) -> list[tuple[int, int, int]]:
    """Give type, start and end of each; a last one that the snap length cut ends with the data."""
    found = []
    while at + 4 <= len(data):
        length = int.from_bytes(data[at : at + 2], order)  # type: ignore[arg-type]
        kind = int.from_bytes(data[at + 2 : at + 4], order)  # type: ignore[arg-type]
        if length < 4 or (at + length > len(data) and kind != PAYLOAD):
            break
        found.append((kind, at + 4, min(at + length, len(data))))
        at += length + 3 & ~3
    return found
