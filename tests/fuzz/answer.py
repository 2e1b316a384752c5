"""Formats all results of the package for a case as bytes; as a script it answers over a pipe.

The script needs nothing but the package, so that another interpreter with another build of it can
give answers to compare. A case is a kind, packet or capture, and bytes.
"""

from __future__ import annotations

import io
import sys
from typing import BinaryIO

import msgspec

import dissector
from dissector.model import Side, Version
from dissector.mqtt.decode import decode_packet
from dissector.report.json_document import document

KEY = b"the same for all"
PACKET, CAPTURE = b"p", b"c"


def compiled() -> bool:
    """Whether the decoder of this interpreter is compiled."""
    from dissector.mqtt import decode

    return not (decode.__file__ or "").endswith((".py", ".pyc"))


def of_packet(data: bytes) -> bytes:
    """Decodes a control packet as every version and side."""
    lines = []
    for version in (None, *Version):
        for side in (None, *Side):
            packet = decode_packet(data, version, side)
            lines.append(f"{packet!r} {packet.masked().hex()}")
    return "\n".join(lines).encode()


def of_report(report: dissector.Report) -> bytes:
    """Formats a report as JSON, without the tool's entry but with packet bytes and spans."""
    whole = document(report, key=KEY)
    del whole["tool"]
    evidence = [
        (finding.packet and finding.packet.hex(), finding.span) for finding in report.findings
    ]
    return msgspec.json.encode((whole, evidence))


def of_error(error: dissector.DissectorError) -> bytes:
    """Formats an error."""
    return f"{type(error).__name__}: {error}".encode()


def of_case(kind: bytes, data: bytes) -> bytes:
    """Returns the answer to one case."""
    if kind == PACKET:
        return of_packet(data)
    try:
        return of_report(dissector.analyze(io.BytesIO(data)))
    except dissector.DissectorError as error:
        return of_error(error)


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answers cases until the pipe ends; each is four bytes of length, a byte of kind, the data."""

    def reply(data: bytes) -> None:
        answers.write(len(data).to_bytes(4, "big") + data)
        answers.flush()

    reply(b"compiled" if compiled() else b"interpreted")
    while head := requests.read(5):
        data = requests.read(int.from_bytes(head[:4], "big"))
        try:
            reply(of_case(head[4:], data))
        except Exception as error:
            reply(f"raised {type(error).__name__}: {error}".encode("utf-8", "backslashreplace"))


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
