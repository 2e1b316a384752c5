"""The command `dissector crosscheck`: compares our engines with tshark on captures."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from dissector.cli.options import Parser, add_source_options

if TYPE_CHECKING:
    from dissector.crosscheck.compare import Comparison, Difference

_EXAMPLES = """\
  dissector crosscheck capture.pcap
  dissector crosscheck --recursive captures/ --format json
  dissector crosscheck --keylog keys.txt encrypted.pcap

exits 0 if every difference is explained by a known fault of tshark, 1 if not
"""
_SHOWN = 48  # characters of a value
_SECRETS = frozenset({"password"})


def parser() -> Parser:
    """Builds the command's parser."""
    made = Parser(
        "crosscheck",
        "Compare how our engines and tshark decode every CONNECT and CONNACK.",
        _EXAMPLES,
    )
    add_source_options(made, choose=False)
    made.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    return made


def run(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit code."""
    namespace = parser().parse(arguments)

    from dissector.capture.source import path_of
    from dissector.cli import config, inputs
    from dissector.crosscheck.compare import compare_together
    from dissector.engines.decryption import key_log

    settings = config.resolve(vars(namespace), os.environ, os.getcwd())
    paths = inputs.expand([*namespace.files, *namespace.read], recursive=settings.recursive)
    ports = inputs.ports(settings.decode_as)
    tls_ports = inputs.ports(settings.decode_as, "tls")
    keys = None if namespace.keylog is None else key_log(namespace.keylog)
    unexplained = 0
    for files in inputs.captures(paths, join=settings.join, separate=settings.separate):
        names = [path_of(path) for path in files.paths]
        found = compare_together(names, ports, tls_ports, keys)
        unexplained += len(found.unexplained)
        lines = _json(names, found) if namespace.format == "json" else _text(names, found)
        for line in lines:
            sys.stdout.write(line + "\n")
    return int(unexplained > 0)


def _text(names: Sequence[str], found: Comparison) -> Iterator[str]:
    from dissector.report.style import Style, counted
    from dissector.text import printable

    style = Style()
    explained = len(found.differences) - len(found.unexplained)
    more = f" and {counted(len(names) - 1, 'more file')}" if len(names) > 1 else ""
    yield (
        f"{printable(names[0])}{more}: {found.packets:,} CONNECT and CONNACK, "
        f"{counted(len(found.unexplained), 'unexplained difference')}, "
        f"{explained:,} by known faults of tshark"
    )
    if found.carried:
        yield from style.indented(
            f"{counted(found.carried, 'connection')} inside WebSocket or behind a PROXY protocol "
            "header: tshark does not decode the MQTT in it."
        )
    for each in found.differences:
        where = "" if each.file is None else f"{printable(each.file)} "
        yield (
            f"   {where}frame {each.frame}, stream {each.stream}, {each.packet} {each.field}: "
            f"native {_value(each, each.native)}, {each.engine} {_value(each, each.other)}"
        )
        if each.fault is not None:
            yield from style.indented(f"known fault {each.fault.name}: {each.fault.reason}")


def _json(names: Sequence[str], found: Comparison) -> Iterator[str]:
    from dissector.report.json_values import json_bytes
    from dissector.text import lossless

    differences = [
        {
            "engine": each.engine,
            **({} if each.file is None else {"file": lossless(each.file)}),
            "frame": each.frame,
            "stream": each.stream,
            "packet": each.packet,
            "field": each.field,
            "native": _value(each, each.native),
            "other": _value(each, each.other),
            "fault": None if each.fault is None else each.fault.name,
            "reason": None if each.fault is None else each.fault.reason,
        }
        for each in found.differences
    ]
    record: dict[str, Any] = {
        "file": lossless(names[0]),
        **({} if len(names) == 1 else {"files": [lossless(name) for name in names]}),
        "packets": found.packets,
        "carried": found.carried,
        "unexplained": len(found.unexplained),
        "differences": differences,
    }
    yield json_bytes(record).decode()


def _value(each: Difference, value: Any) -> str:
    """Formats a value; secrets become asterisks."""
    from dissector.mqtt import spec
    from dissector.text import printable

    if value is None:
        return "missing"
    if value is True or value is False:
        return "present" if value else "absent"
    if each.field in _SECRETS:
        return "***"
    if isinstance(value, bytes):
        return f'"{printable(value, _SHOWN)}"'
    if isinstance(value, list):
        shown = [
            (number, "***" if spec.is_secret_property(number) else item) for number, item in value
        ]
        return printable(str(shown), _SHOWN)
    return str(value)
