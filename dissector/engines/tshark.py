"""A capture file and what to ask in, packets as tshark reads them out, through pyshark.

pyshark finds tshark, knows how to ask it, and parses its answer. The process is ours: pyshark runs
it in an event loop, which fails on newer versions of Python, inside of other event loops, and when
tshark dies. Whatever goes wrong is one `EngineError` with tshark's own last words.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dissector.errors import EngineError
from dissector.machine.programs import TSHARK_FLOOR
from dissector.text import printable

HOW_TO_GET = (
    "install it (Debian, Ubuntu: apt install tshark; others: https://www.wireshark.org/download)"
)
_READ = 1 << 16
_END = b"</packet>"
_BEGIN = b"<packet>"
_LONGEST = 64 << 20  # bytes of one packet's description
# said after all whole packets; whoever reads the file besides tshark warns of it
_CUT = b"appears to have been cut short in the middle of a packet"
_NOISE = re.compile(rb"running as user|could be dangerous", re.IGNORECASE)
_NO_LOOP = object()  # never run; without any pyshark would set up one, and a watcher of processes


def tshark_path(what: str) -> str:
    """Give the path of tshark. EngineError where there is none: `what` is what needs it."""
    import shutil

    path = shutil.which("tshark")
    if path is None:
        raise EngineError(f"tshark is not installed, and {what} needs it: {HOW_TO_GET}")
    return path


@functools.cache
def tshark_version(path: str) -> tuple[int, ...]:
    """Give the version of a tshark. EngineError where it tells none."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"{path} cannot be run ({error}): {HOW_TO_GET}") from None
    found = re.search(rb"\b(\d+)\.(\d+)\.(\d+)", done.stdout)
    if done.returncode or found is None:
        words = _last_words(done.stderr or done.stdout)
        raise EngineError(f"{path} does not tell its version ({words}): {HOW_TO_GET}")
    return tuple(map(int, found.groups()))


@functools.cache
def guessers(path: str, under: str) -> list[str]:
    """Give the protocols that tshark recognises by their bytes under another, before all else."""
    done = subprocess.run([path, "-G", "heuristic-decodes"], capture_output=True, check=False)
    lines = (line.split("\t") for line in done.stdout.decode("ascii", "replace").splitlines())
    return [fields[1] for fields in lines if len(fields) == 3 and fields[0] == under]


def packets(file: str, what: str, **asked: Any) -> Iterator[Any]:
    """Give the packets of a capture file as pyshark has them; the rest is as for `descriptions`."""
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
) -> Iterator[bytes]:
    """Give the packets of a capture file that a display filter lets through, in PDML.

    `protocols` are those whose fields are wanted; `plain` is one under which nothing is guessed,
    and what is decoded there says `decode_as`; `what` is what needs tshark, for the error.
    Raises EngineError where tshark or pyshark is missing, too old, or fails, before or while
    packets come: an answer is whole, or there is an error.
    """
    path = tshark_path(what)
    version = tshark_version(path)
    if version < TSHARK_FLOOR:
        needs = _spelt(TSHARK_FLOOR)
        raise EngineError(
            f"tshark {_spelt(version)} is too old, {what} needs {needs}: {HOW_TO_GET}"
        )
    command = [path, "-n", "-T", "pdml"]
    try:
        from pyshark import FileCapture
    except ImportError as error:
        raise EngineError(f"pyshark cannot be used ({error}): pip install pyshark") from None
    more = ["-J", " ".join(protocols), "-Y", display_filter]
    for protocol in guessers(path, plain) if plain is not None else ():
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
    except Exception as error:  # whatever pyshark dislikes about this tshark
        raise EngineError(f"pyshark cannot ask tshark {_spelt(version)}: {error}") from None
    with tempfile.TemporaryDirectory(prefix="dissector-") as folder:
        yield from _answer(command, folder, version)


def _answer(command: list[str], folder: str, version: tuple[int, ...]) -> Iterator[bytes]:
    """Run tshark and give its description of each packet; `folder` is empty.

    It stands for the folder of the user's preferences, so that these change nothing here.
    """
    environment = {**os.environ, "WIRESHARK_CONFIG_DIR": folder}
    errors = open(os.path.join(folder, "stderr"), "w+b")  # noqa: SIM115  # closed below
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
        )
    except OSError as error:
        raise EngineError(f"{command[0]} cannot be run ({error}): {HOW_TO_GET}") from None
    assert process.stdout is not None
    whole = False
    try:
        held = b""
        while data := process.stdout.read1(_READ):  # type: ignore[attr-defined]  # it is buffered
            held += data
            while (end := held.find(_END)) >= 0:
                end += len(_END)
                yield held[held.index(_BEGIN) : end]
                held = held[end:]
            if len(held) > _LONGEST:
                raise EngineError(f"tshark {_spelt(version)} describes one packet without an end")
        whole = True
    finally:
        if not whole:
            process.kill()
        process.stdout.close()
        code = process.wait()
        errors.seek(0)
        said = errors.read()
        errors.close()
    if code and not (code > 0 and _CUT in said):
        how = f"with exit code {code}" if code > 0 else f"by signal {-code}"
        raise EngineError(f"tshark {_spelt(version)} ended {how}: {_last_words(said)}")


def _last_words(said: bytes) -> str:
    lines = [line.strip() for line in said.splitlines()]
    reported = [line for line in lines if line and not _NOISE.search(line)]
    return printable(reported[-1], 300) if reported else "it said nothing"


def _spelt(version: Sequence[int]) -> str:
    return ".".join(map(str, version))
