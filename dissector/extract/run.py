"""Writes a pcapng file with the frames of some connections of the captures.

The captures are read several times: to analyse them, to find the packets with secrets, to find the
frames, and to copy them. So pipes are not supported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

import msgspec

from dissector import analysis
from dissector.analysis import Progress
from dissector.capture.merge import merged
from dissector.capture.pcapng_writer import PcapngWriter, RawStream
from dissector.capture.rings import CaptureFiles
from dissector.capture.source import CaptureReader, open_capture, path_of
from dissector.extract.flagged import FlaggedConnections
from dissector.extract.frames import PacketPiece, pieces
from dissector.extract.overwrite import LIMIT, PacketSecrets, overwritten, patches
from dissector.options import Options
from dissector.text import printable
from dissector.version import VERSION

FILES = 20  # named in the section comment


class Extract(msgspec.Struct):
    """Counts of what was written: frames, connections, findings as comments, bytes overwritten."""

    frames: int = 0
    connections: int = 0
    findings: int = 0
    overwritten: int = 0


def run(
    captures: Sequence[CaptureFiles],
    options: Options,
    stream: RawStream,
    *,
    flagged: bool,
    keep_secrets: bool = False,
    progress: Progress | None = None,
) -> Extract:
    """Writes the frames of connections with a finding, or of all in `options` if not `flagged`.

    Raises CaptureError if a capture cannot be read.
    """
    sink = FlaggedConnections(flagged=flagged)
    outcome = analysis.run(captures, options, sink, progress)
    if outcome.failed:
        raise outcome.failed[0]
    if outcome.interrupted:
        raise KeyboardInterrupt
    made = Extract(connections=len(sink.streams), findings=sink.findings)
    names = ", ".join(
        printable(path.rpartition("/")[2]) for path in islice(_names(captures), FILES)
    )
    more = sum(len(files.paths) for files in captures) - FILES
    names += f" and {more:,} more files" if more > 0 else ""
    secrets = "kept" if keep_secrets else "overwritten"
    comment = f"{made.connections:,} connections of {names}; secrets are {secrets}"
    writer = PcapngWriter(stream, f"mqtt-dissector {VERSION}", comment=comment)
    wanted: dict[int, set[int]] = {}
    for number, index in sink.streams:
        wanted.setdefault(number, set()).add(index)
    for number in sorted(wanted):
        files = captures[number]
        paths = list(_names([files]))
        streams = frozenset(wanted[number])
        with _opened(paths) as readers:
            found = list(pieces(merged(readers), streams))
        runs = (
            {} if keep_secrets or not found else patches(found, _packets(files, options, streams))
        )
        by_frame: dict[int, PacketPiece] = {piece.frame: piece for piece in found}
        _copy(paths, writer, sink, by_frame, None if keep_secrets else runs, made)
    writer.flush()
    return made


def _names(captures: Iterable[CaptureFiles]) -> Iterator[str]:
    return (path_of(path) for files in captures for path in files.paths)


def _packets(
    files: CaptureFiles, options: Options, wanted: frozenset[int]
) -> dict[int, list[PacketSecrets]]:
    """Returns the control packets of the selected streams by the frame that completes each."""
    numbers = {path: index for index, path in enumerate(_names([files]))}
    narrowed = msgspec.structs.replace(options, streams=wanted, clients=None)
    found: dict[int, list[PacketSecrets]] = {}
    sizes: dict[int, int] = {}
    for connection, packet, _ in analysis.packets([files], narrowed):
        size = sizes[connection.stream] = sizes.get(connection.stream, 0) + len(packet.raw)
        if packet.frame is not None and size <= 2 * LIMIT:  # of both directions
            frame = numbers[packet.frame.file] << 40 | packet.frame.number
            found.setdefault(frame, []).append(PacketSecrets(packet.raw, packet.secrets))
    return found


def _copy(
    paths: Sequence[str],
    writer: PcapngWriter,
    sink: FlaggedConnections,
    found: dict[int, PacketPiece],
    runs: dict[int, list[tuple[int, int]]] | None,
    made: Extract,
) -> None:
    """Writes the frames found. `runs` are the ranges to overwrite; None keeps all bytes."""
    with _opened(paths) as readers:
        for batch, start, stop in merged(readers):
            for index in range(start, stop):
                number = batch.first_number + index
                piece = found.get(batch.file << 40 | number)
                if piece is None:
                    continue
                at = batch.offset[index]
                data = batch.window[at : at + batch.captured[index]]
                if runs is not None:
                    spans = list(runs.get(piece.frame, ()))
                    if piece.keep is None and data[piece.stop :].strip(b"\0"):
                        spans.append((piece.stop, len(data)))  # padding, which may be old memory
                    if spans:
                        data = overwritten(data, spans, piece.tcp, piece.stop)
                        made.overwritten += sum(high - low for low, high in spans)
                    data = data[: piece.keep]
                writer.frame(
                    data,
                    batch.time_ns[index],
                    batch.original[index],
                    writer.interface(batch.link[index]),
                    sink.comments.get((paths[batch.file], number), ()),
                )
                made.frames += 1


@contextmanager
def _opened(paths: Sequence[str]) -> Iterator[list[CaptureReader]]:
    readers: list[CaptureReader] = []
    try:
        for path in paths:
            readers.append(open_capture(path, file_index=len(readers)))  # closed below
        yield readers
    finally:
        for reader in readers:
            reader.close()
