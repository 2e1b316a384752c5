"""The command `dissector show`: prints decoded control packets of captures or hex digits.

The trees are those of the scapy layers, so scapy is imported when packets are shown. Secrets are
replaced by asterisks in lines, trees and dumps.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dissector.cli.options import Parser, add_source_options
from dissector.errors import OptionError

if TYPE_CHECKING:
    from dissector.cli.config import Settings
    from dissector.model import Version

_EXAMPLES = """\
  dissector show capture.pcap                one line per packet
  dissector show -V -x --frame 6 capture.pcap
  dissector show hex 20 02 01 00             decodes the given bytes
  dissector show hex 10:0d:00:04:4d:51:54:54:04:02:00:3c:00:01:61
"""
_LOAD_SHOWN = 200  # characters
_SEPARATORS = frozenset(" \t\r\n:,-")


def parser() -> Parser:
    """Builds the command's parser."""
    made = Parser("show", "Show control packets, decoded field by field.", _EXAMPLES)
    add_source_options(made)
    group = made.add_argument_group("what to show")
    group.add_argument("-V", dest="tree", action="store_true", help="all fields of each packet")
    group.add_argument("-x", dest="dump", action="store_true", help="the bytes of each packet")
    group.add_argument("--frame", metavar="N", action="append", help="only this frame")
    group.add_argument("-c", dest="count", metavar="N", help="stop after this many packets")
    return made


def run(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    namespace = parser().parse(arguments)

    from dissector.cli import config

    settings = config.resolve(vars(namespace), os.environ, os.getcwd())
    if namespace.files[:1] == ["hex"] and not os.path.exists("hex"):
        return _hex(namespace)
    return _captures(namespace, settings)


def _captures(namespace: Namespace, settings: Settings) -> int:
    from dissector import analysis
    from dissector.cli import inputs
    from dissector.connections.encapsulation.record import carried_by
    from dissector.model import Side
    from dissector.options import Options
    from dissector.report.clock import rfc3339
    from dissector.text import printable

    paths = inputs.expand([*namespace.files, *namespace.read], recursive=settings.recursive)
    options = Options(
        ports=inputs.ports(settings.decode_as),
        tls_ports=inputs.ports(settings.decode_as, "tls"),
        keylog=namespace.keylog,
        streams=inputs.streams(namespace.stream),
        clients=inputs.clients(namespace.client),
        engine=settings.engine,
    )
    frames = _numbers(namespace.frame, "--frame")
    limit = min(_numbers([namespace.count], "-c")) if namespace.count else None
    shown = 0
    captures = inputs.captures(paths, join=settings.join, separate=settings.separate)
    for connection, packet, side in analysis.packets(captures, options):
        frame = packet.frame
        if frame is None or (frames and frame.number not in frames):
            continue
        if limit is not None and shown >= limit:
            break
        shown += 1
        place = (
            f"{frame.number:>6}" if len(paths) == 1 else f"{printable(frame.file)}:{frame.number}"
        )
        way = "C > S" if side is Side.CLIENT else "S > C"
        over = carried_by(connection.transport, connection.encapsulation)
        stream = f"stream {connection.stream}" + (f" ({over})" if over else "")
        head = f"{place} {rfc3339(frame.time_ns)} {stream} {way} "
        if not packet.raw:
            sys.stdout.write(f"{head}{packet.name}, {packet.size:,} bytes (not kept)\n")
            continue
        for line in _shown(packet.raw, connection.version, head, namespace):
            sys.stdout.write(line + "\n")
    if not shown:
        sys.stderr.write(
            "dissector: no control packet to show; `dissector FILE` lists what the capture has\n"
        )
    return 0


def _hex(namespace: Namespace) -> int:
    words = namespace.files[1:]
    text = sys.stdin.read() if words == ["-"] else "".join(words)
    digits = "".join(char for char in text if char not in _SEPARATORS).removeprefix("0x")
    try:
        data = bytes.fromhex(digits)
    except ValueError:
        raise OptionError("show hex: not valid hex bytes; write them as 20020100") from None
    if not data:
        raise OptionError("show hex: no bytes given; write them as 20020100, or - for stdin")
    namespace.tree = namespace.tree or not namespace.dump
    for line in _shown(data, None, "", namespace):
        sys.stdout.write(line + "\n")
    return 0


def _shown(data: bytes, version: Version | None, head: str, namespace: Namespace) -> Iterator[str]:
    from dissector.layers import MQTT, masked
    from dissector.report.hexdump import whole

    packet = masked(MQTT(data, version=version))
    yield head + _safe(packet.summary().removeprefix("MQTT / "))
    if namespace.tree:
        tree = packet.show(dump=True)
        for line in str(tree).splitlines():
            if line.strip():
                yield "    " + _short(_safe(line))
    if namespace.dump:
        yield from ("    " + line for line in whole(bytes(packet)))


def _short(line: str) -> str:
    """Truncates a line with an undecoded payload, which may be megabytes."""
    if not line.lstrip().startswith("load ") or len(line) <= _LOAD_SHOWN:
        return line
    return f"{line[:_LOAD_SHOWN]}… (-x shows all bytes)"


def _safe(line: str) -> str:
    """Escapes what scapy has not escaped; its own escapes stay."""
    from dissector.text import printable

    return "\\".join(printable(part) for part in line.split("\\"))


def _numbers(values: Sequence[str] | None, option: str) -> frozenset[int]:
    parts = [part.strip() for value in values or () for part in value.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise OptionError(f"{option} {','.join(parts)}: it must be a number")
    return frozenset(map(int, parts))
