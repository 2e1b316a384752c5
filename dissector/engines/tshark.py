"""Runs tshark on a capture file and parses its PDML output with pyshark.

pyshark builds tshark's command line and parses its output. The process is run here, because pyshark
runs it in an event loop, which fails on newer versions of Python, inside other event loops, and
when tshark dies. Any failure is one `EngineError` with the last line of tshark's stderr.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

from dissector.errors import EngineError
from dissector.machine.child_process import ChildProcess
from dissector.machine.programs import TSHARK_FLOOR
from dissector.text import printable

HOW_TO_GET = (
    "install it (Debian, Ubuntu: apt install tshark; others: https://www.wireshark.org/download)"
)
_READ = 1 << 16
_END = b"</packet>"
_BEGIN = b"<packet>"
_LONGEST = 64 << 20  # bytes of one packet's PDML
# printed after all complete packets; the file's other reader warns about it
_CUT = b"appears to have been cut short in the middle of a packet"
_NOISE = re.compile(rb"running as user|could be dangerous", re.IGNORECASE)
# replaces the user's Wireshark configuration, so that preferences have no effect; does not exist
_NO_FOLDER = "/proc/no-wireshark-configuration"
_NO_LOOP = object()  # never run; without it pyshark would set up an event loop and child watcher


def tshark_path(what: str) -> str:
    """Returns the path of tshark. EngineError if it is missing; `what` names what needs it."""
    import shutil

    path = shutil.which("tshark")
    if path is None:
        raise EngineError(f"tshark is not installed, and {what} needs it: {HOW_TO_GET}")
    return path


@functools.cache
def tshark_version(path: str) -> tuple[int, ...]:
    """Returns the version of a tshark. EngineError if it prints none."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"{path} cannot be run ({error}): {HOW_TO_GET}") from None
    found = re.search(rb"\b(\d+)\.(\d+)\.(\d+)", done.stdout)
    if done.returncode or found is None:
        line = _last_line(done.stderr or done.stdout)
        raise EngineError(f"{path} does not print its version ({line}): {HOW_TO_GET}")
    return tuple(map(int, found.groups()))


@functools.cache
def heuristic_dissectors(path: str, under: str) -> list[str]:
    """Returns the protocols for which tshark has heuristic dissectors under another protocol."""
    done = subprocess.run([path, "-G", "heuristic-decodes"], capture_output=True, check=False)
    lines = (line.split("\t") for line in done.stdout.decode("ascii", "replace").splitlines())
    return [fields[1] for fields in lines if len(fields) == 3 and fields[0] == under]


def packets(file: str, what: str, **asked: Any) -> Iterator[Any]:
    """Yields the packets of a capture file as pyshark objects; arguments as for `descriptions`."""
    for description in descriptions(file, what, **asked):
        from pyshark.tshark.output_parser.tshark_xml import packet_from_xml_packet

        yield packet_from_xml_packet(description)


def descriptions(
    file: str,
    what: str,
    *,
    display_filter: str,
    protocols: Sequence[str],
    decode_as: Mapping[str, str] | None = None,
    plain: str | None = None,
    preferences: Mapping[str, str] | None = None,
    inherited: Sequence[int] = (),
) -> Iterator[bytes]:
    """Yields the packets of a capture file that match a display filter, in PDML.

    `protocols` are those whose fields are wanted; under the protocol `plain` heuristic dissectors
    are disabled, so that only `decode_as` applies; `what` names what needs tshark, for the error.
    tshark inherits the descriptors `inherited`, which `file` or preferences name.
    Raises EngineError if tshark or pyshark is missing, too old, or fails, before or between
    packets: the output is complete, or there is an error.
    """
    path = tshark_path(what)
    version = tshark_version(path)
    if version < TSHARK_FLOOR:
        needs = _formatted(TSHARK_FLOOR)
        raise EngineError(
            f"tshark {_formatted(version)} is too old, {what} needs {needs}: {HOW_TO_GET}"
        )
    command = [path, "-n", "-T", "pdml"]
    try:
        from pyshark import FileCapture
    except ImportError as error:
        raise EngineError(f"pyshark cannot be used ({error}): pip install pyshark") from None
    more = ["-J", " ".join(protocols), "-Y", display_filter]
    for protocol in heuristic_dissectors(path, plain) if plain is not None else ():
        more += ["--disable-protocol", protocol]
    try:
        asked = FileCapture(
            file,
            keep_packets=False,
            tshark_path=path,
            decode_as=dict(decode_as or {}),
            override_prefs={"tcp.reassemble_out_of_order": "TRUE", **(preferences or {})},
            custom_parameters=more,
            eventloop=_NO_LOOP,
        )
        command += asked.get_parameters()
    except Exception as error:  # whatever pyshark raises for this tshark
        raise EngineError(f"pyshark cannot run tshark {_formatted(version)}: {error}") from None
    with tempfile.TemporaryFile() as errors:  # without a name
        yield from _output(command, errors, inherited, version)


def _output(
    command: list[str], errors: IO[bytes], inherited: Sequence[int], version: tuple[int, ...]
) -> Iterator[bytes]:
    """Runs tshark and yields the PDML of each packet; `errors` is an empty file for its stderr."""
    try:
        process = ChildProcess(
            command,
            stderr=errors,
            inherited=inherited,
            environment={**os.environ, "WIRESHARK_CONFIG_DIR": _NO_FOLDER},
        )
    except OSError as error:
        raise EngineError(f"{command[0]} cannot be run ({error}): {HOW_TO_GET}") from None
    whole = False
    try:
        held = b""
        while data := process.stdout.read1(_READ):  # type: ignore[attr-defined]  # buffered
            held += data
            while (end := held.find(_END)) >= 0:
                end += len(_END)
                yield held[held.index(_BEGIN) : end]
                held = held[end:]
            if len(held) > _LONGEST:
                raise EngineError(f"tshark {_formatted(version)} printed one packet without an end")
        whole = True
    finally:
        process.stdout.close()
        if whole:
            process.wait()
        code = process.end()
        errors.seek(0)
        output = errors.read()
    if code and not (code > 0 and _CUT in output):
        how = f"with exit code {code}" if code > 0 else f"by signal {-code}"
        raise EngineError(f"tshark {_formatted(version)} ended {how}: {_last_line(output)}")


def _last_line(output: bytes) -> str:
    lines = [line.strip() for line in output.splitlines()]
    reported = [line for line in lines if line and not _NOISE.search(line)]
    return printable(reported[-1], 300) if reported else "it printed no error message"


def _formatted(version: Sequence[int]) -> str:
    return ".".join(map(str, version))
