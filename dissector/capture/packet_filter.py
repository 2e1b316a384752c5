"""Compiles capture filters (pcap-filter syntax) to kernel BPF programs; has the default filter.

libpcap compiles them, called through scapy. The kernel strips the outer VLAN tag before its filter
runs, but not an inner one, so the default filter matches frames with and without a tag.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable

from dissector.capture.linktypes import EN10MB
from dissector.errors import EngineError, OptionError

USUAL_PORTS = (1883, 8883, 8083, 8084, 9001)  # plain, TLS, and three of WebSocket
_ORDER = sys.byteorder
_OUTGOING = 4  # PACKET_OUTGOING, the kernel's type of an outgoing frame
_RETURN = 6  # BPF instruction: how many bytes of a frame to capture


def default_filter(ports: Iterable[int], *, all_tcp: bool = False) -> str:
    """Return the filter for the usual ports and `ports`, or for all of TCP."""
    if all_tcp:
        return "tcp"
    numbers = dict.fromkeys((*USUAL_PORTS, *sorted(ports)))
    return "tcp and (" + " or ".join(f"port {number}" for number in numbers) + ")"


def with_vlan(expression: str) -> str:
    """Extend a filter to frames with a VLAN tag, too; for Ethernet only."""
    return f"({expression}) or (vlan and ({expression}))"


def without_echo(program: bytes | None, loopback: int) -> bytes:
    """Prepend instructions to a program (None: all frames) that drop outgoing loopback frames.

    The loopback interface shows each of them again as an incoming frame.
    """
    head = (
        (0x20, 0, 0, 0xFFFFF004),  # load the packet type
        (0x15, 0, 3, _OUTGOING),  # outgoing: continue, else jump to the program
        (0x20, 0, 0, 0xFFFFF008),  # load the interface index
        (0x15, 0, 1, loopback),
        (_RETURN, 0, 0, 0),
    )
    rest = struct.pack("=HBBI", _RETURN, 0, 0, 0xFFFFFFFF) if program is None else program
    return b"".join(struct.pack("=HBBI", *each) for each in head) + rest


def compiled(expression: str, link: int) -> bytes:
    """Return the BPF instructions of a filter, 8 bytes each; `link` is its LINKTYPE_ number.

    Raises:
        EngineError: libpcap is missing.
        OptionError: libpcap rejects the filter.
    """
    import ctypes
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings of scapy's own imports
            from scapy.arch.common import compile_filter
            from scapy.data import DLT_EN10MB, DLT_RAW
            from scapy.error import Scapy_Exception
        program = compile_filter(expression, linktype=DLT_EN10MB if link == EN10MB else DLT_RAW)
    except (ImportError, OSError) as error:
        raise EngineError(
            "capture filters need libpcap, which is missing: install it "
            "(Debian: apt install libpcap0.8)"
        ) from error
    except Scapy_Exception as error:
        message = str(error).rpartition("(")[2].rstrip(")") or "not understood"
        raise OptionError(f"-f {expression}: {message}; see `man pcap-filter`") from error
    instructions = bytearray(ctypes.string_at(program.bf_insns, 8 * program.bf_len))
    for at in range(0, len(instructions), 8):
        if int.from_bytes(instructions[at : at + 2], _ORDER) == _RETURN and any(
            instructions[at + 4 : at + 8]
        ):
            # scapy requests 65535 bytes of a frame; segments merged by the kernel are longer
            instructions[at + 4 : at + 8] = b"\xff\xff\xff\xff"
    return bytes(instructions)
