"""Builds a frame that the native engine reads from an IP packet that another engine decoded."""

from __future__ import annotations

from dissector.capture import linktypes

Ends = tuple[str | None, str | None]  # destination and source, MAC addresses


def framed(datagram: bytes, ends: Ends) -> tuple[int, bytes]:
    """Wraps an IP packet in the smallest frame that keeps the MAC addresses; link type, bytes."""
    destination, source = ends
    kind = b"\x86\xdd" if datagram[:1] and datagram[0] >> 4 == 6 else b"\x08\x00"
    if destination is not None and source is not None:
        return linktypes.EN10MB, _mac(destination) + _mac(source) + kind + datagram
    if source is not None:
        head = b"\0\0\0\1\0\6" + _mac(source) + b"\0\0"
        return linktypes.LINUX_SLL, head + kind + datagram
    return linktypes.RAW, datagram


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))
