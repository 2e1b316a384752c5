"""Computes the identifiers that other tools use for a connection.

`community_id` is the Community ID flow hash, version 1, of Zeek, Suricata and Arkime; it is the
same for both directions. `number` corresponds to Suricata's flow id: it identifies one connection
of one capture.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from typing import TYPE_CHECKING

from dissector.model import Endpoint

if TYPE_CHECKING:
    from dissector.connections.handshake import Handshake
    from dissector.connections.tls_handshake import TlsHandshake
    from dissector.model import Finding

_TCP = 6


def _packed(end: Endpoint) -> tuple[bytes, int]:
    return ipaddress.ip_address(end.ip).packed, end.port


def community_id(one: Endpoint, other: Endpoint, seed: int = 0) -> str:
    """Returns the Community ID of a TCP connection."""
    low, high = sorted((_packed(one), _packed(other)))
    data = seed.to_bytes(2, "big") + low[0] + high[0] + bytes((_TCP, 0))
    data += low[1].to_bytes(2, "big") + high[1].to_bytes(2, "big")
    return "1:" + base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()


def stream_of_all(record: Handshake | TlsHandshake | Finding) -> int:
    """Returns a number for the stream of a record that is unique over all captures."""
    return record.capture << 32 | record.stream


def number(one: Endpoint, other: Endpoint, stream: int) -> int:
    """Returns a number below 2**53, different for each connection even if its ends are reused."""
    text = f"{community_id(one, other)} {stream}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 11
