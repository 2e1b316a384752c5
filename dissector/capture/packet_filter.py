"""A capture filter in tcpdump's words in, a program for the kernel out; and the default filter.

scapy has libpcap compile it. The kernel takes the outer VLAN tag off before its filter runs, but
not an inner one, so the default filter asks for both.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable

from dissector.capture.linktypes import EN10MB
from dissector.errors import EngineError, OptionError

USUAL_PORTS = (1883, 8883, 8083, 8084, 9001)  # plain, TLS, and three that WebSocket is used on
_ORDER = sys.byteorder
_OUTGOING = 4  # the kernel's type of a frame that leaves
_RETURN = 6  # the instruction that says how many bytes of a frame are wanted


def default_filter(ports: Iterable[int], *, all_tcp: bool = False) -> str:
    """Give the filter for the usual ports and these, or for all of TCP."""
    if all_tcp:
        return "tcp"
    numbers = dict.fromkeys((*USUAL_PORTS, *sorted(ports)))
    return "tcp and (" + " or ".join(f"port {number}" for number in numbers) + ")"


def with_vlan(expression: str) -> str:
    """Let a filter pass what has a VLAN tag, too; of Ethernet only."""
    return f"({expression}) or (vlan and ({expression}))"


def without_echo(program: bytes | None, loopback: int) -> bytes:
    """Put before a program, None for all frames, what leaves out frames sent by the loopback.

    That device shows each of them again when it arrives.
    """
    head = (
        (0x20, 0, 0, 0xFFFFF004),  # load whether it arrives or leaves
        (0x15, 0, 3, _OUTGOING),  # leaves: go on, else to the program
        (0x20, 0, 0, 0xFFFFF008),  # load the number of the interface
        (0x15, 0, 1, loopback),
        (_RETURN, 0, 0, 0),
    )
    rest = struct.pack("=HBBI", _RETURN, 0, 0, 0xFFFFFFFF) if program is None else program
    return b"".join(struct.pack("=HBBI", *each) for each in head) + rest


def compiled(expression: str, link: int) -> bytes:
    """Give the kernel's instructions for a filter, 8 bytes each.

    Raises:
        EngineError: libpcap is not there.
        OptionError: libpcap does not understand the filter.
    """
    import ctypes
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of scapy's own imports
            from scapy.arch.common import compile_filter
            from scapy.data import DLT_EN10MB, DLT_RAW
            from scapy.error import Scapy_Exception
        program = compile_filter(expression, linktype=DLT_EN10MB if link == EN10MB else DLT_RAW)
    except (ImportError, OSError) as error:
        raise EngineError(
            "libpcap is not here, and filters need it: install it (Debian: apt install libpcap0.8)"
        ) from error
    except Scapy_Exception as error:
        said = str(error).rpartition("(")[2].rstrip(")") or "not understood"
        raise OptionError(f"-f {expression}: {said}; see `man pcap-filter`") from error
    instructions = bytearray(ctypes.string_at(program.bf_insns, 8 * program.bf_len))
    for at in range(0, len(instructions), 8):
        if int.from_bytes(instructions[at : at + 2], _ORDER) == _RETURN and any(
            instructions[at + 4 : at + 8]
        ):
            # scapy asks for 65535 bytes of a frame; segments put together by the kernel are longer
            instructions[at + 4 : at + 8] = b"\xff\xff\xff\xff"
    return bytes(instructions)
