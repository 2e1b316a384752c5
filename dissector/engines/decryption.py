"""Decrypts the TLS connections of captures with tshark, by a key log (`SSLKEYLOGFILE`).

The captures are first read by the native engine, which is quick; tshark is run only if there is a
TLS connection whose keys are known. tshark reads one uncompressed file, so several captures,
compressed ones and standard input are merged into one, in the order in which the native engine
reads them.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import stat
import sys
import tempfile
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from dissector.capture.compressed import compression
from dissector.capture.merge import merged
from dissector.capture.pcapng_writer import PcapngWriter
from dissector.capture.source import CaptureReader, open_capture
from dissector.connections.decrypted import Decrypted, DecryptedChunk
from dissector.connections.event_sink import EventSink
from dissector.engines.native import NativeEngine
from dissector.engines.tshark_engine import TsharkInput
from dissector.errors import CaptureError, OptionError

if TYPE_CHECKING:
    from dissector.connections.tls_handshake import TlsHandshake

TLS_KEY_LOG = 0x544C534B  # secrets type of a pcapng Decryption Secrets Block, "TLSK"
KEY_LOG_LIMIT = 1 << 26
Source = str | os.PathLike[str] | BinaryIO
_ALL_PORTS = frozenset(range(1, 65536))
_RANDOM = re.compile(rb"^[A-Z0-9_]+ ([0-9a-fA-F]{64}) [0-9a-fA-F]+\s*$", re.MULTILINE)
_OTHER_KEYS = re.compile(rb"^(RSA|PMS_CLIENT_RANDOM) ", re.MULTILINE)
_WHAT = "decrypting TLS"
_APPLICATION_DATA = 23


class KeyLog:
    """Secrets of TLS connections, in the NSS key log format that browsers and libraries write."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self._randoms = {bytes.fromhex(each.decode()) for each in _RANDOM.findall(text)}
        self._others = _OTHER_KEYS.search(text) is not None  # these name no client random

    def __bool__(self) -> bool:
        return bool(self._randoms) or self._others

    def may_decrypt(self, record: TlsHandshake) -> bool:
        """Whether it may hold keys of a connection."""
        hello = record.client_hello
        return hello is not None and (self._others or hello.random in self._randoms)


def key_log(path: str) -> bytes:
    """Reads a key log. OptionError if it cannot be read, or is not a key log."""
    try:
        with open(path, "rb") as file:
            text = file.read(KEY_LOG_LIMIT)
    except OSError as error:
        raise OptionError(f"--keylog {path}: {error.strerror or error}") from None
    if not KeyLog(text):
        raise OptionError(
            f"--keylog {path}: it has no line like `CLIENT_RANDOM <64 hex digits> <hex digits>`; "
            "give the file that SSLKEYLOGFILE names"
        )
    return text


class DecryptionResult:
    """Result of decryption: there were keys for `with_keys` of `encrypted` TLS connections.

    `ports` are the server ports of those with keys; `undecrypted` counts those with keys that
    carried data of which nothing was decrypted.
    """

    def __init__(
        self,
        decrypted: Decrypted | None,
        encrypted: int,
        with_keys: int,
        ports: frozenset[int] = frozenset(),
        undecrypted: int = 0,
    ) -> None:
        self.decrypted = decrypted
        self.encrypted = encrypted
        self.with_keys = with_keys
        self.ports = ports
        self.undecrypted = undecrypted


def has_secrets(readers: Sequence[CaptureReader]) -> bool:
    """Whether a capture holds TLS secrets before its first frame; no frame must be read yet."""
    for reader in readers:
        if reader.may_hold_secrets and reader.first_time_ns is not None:
            found = any(kind == TLS_KEY_LOG for kind, _ in reader.secrets)
            reader.park()
            if found:
                return True
    return False


def rereadable(sources: Sequence[Source], stack: ExitStack) -> list[Source]:
    """Returns sources that can be read several times: pipes are copied to disk.

    `stack` closes the files.
    """
    made: list[Source] = []
    for source in sources:
        if isinstance(source, str | os.PathLike):
            if source != "-" and stat.S_ISREG(_mode(source)):
                made.append(source)
                continue
            if source != "-" and not stat.S_ISFIFO(_mode(source)):
                made.append(source)  # opening it reports what is wrong
                continue
        made.append(stack.enter_context(_Copy(source)))
    return made


class _Copy(io.FileIO):
    """A copy on disk, without a name there, of a source that can be read only once."""

    def __init__(self, source: Source) -> None:
        with tempfile.TemporaryFile() as file:
            super().__init__(os.dup(file.fileno()), "r+b")
        if isinstance(source, str | os.PathLike):
            self.name = os.fspath(source)
            if self.name == "-":
                shutil.copyfileobj(sys.stdin.buffer, self)
            else:
                with open(source, "rb") as file:
                    shutil.copyfileobj(file, self)
        else:
            name = getattr(source, "name", None)
            self.name = name if isinstance(name, str) else "-"
            shutil.copyfileobj(source, self)


def _mode(path: str | os.PathLike[str]) -> int:
    try:
        return os.stat(path).st_mode
    except OSError:
        return 0


def decrypt(
    sources: Sequence[Source], text: bytes, kind: type[NativeEngine], **more: Any
) -> DecryptionResult:
    """Decrypts the TLS connections of captures; `text` is a key log, perhaps empty.

    `kind` is the engine that will read the captures, `more` its further arguments.

    The captures' own secrets are used, too. The sources must be readable several times. Raises
    EngineError if tshark fails; captures that cannot be read are skipped, and reported later by the
    analysis.
    """
    collector = _TlsCollector()
    readers = list(_opened(sources))
    if not readers:
        return DecryptionResult(None, 0, 0)
    try:
        engine = kind(
            [reader.path for reader in readers],
            collector,
            frozenset(),
            tls_ports=_ALL_PORTS,
            **more,
        )
        engine.run(readers, lambda: None)
    finally:
        for reader in readers:
            reader.close()
        _rewind(sources)
    secrets = [data for reader in readers for kind, data in reader.secrets if kind == TLS_KEY_LOG]
    keys = KeyLog(b"\n".join([text, *secrets, b""]))
    found = [record for record in collector.found if keys.may_decrypt(record)]
    if not found:
        return DecryptionResult(None, len(collector.found), 0)
    ports = sorted({record.server.port for record in found})
    with key_log_file(keys.text) as key_file, single_capture(sources) as whole:
        decrypted = _run_tshark(whole, key_file, ports)
    undecrypted = sum(
        bool(record.client_data or record.server_data) and record.stream not in decrypted
        for record in found
    )
    return DecryptionResult(
        decrypted, len(collector.found), len(found), frozenset(ports), undecrypted
    )


@contextmanager
def single_capture(sources: Sequence[Source]) -> Iterator[TsharkInput]:
    """Yields one uncompressed file with all frames of the captures, in order of time."""
    only = sources[0] if len(sources) == 1 else None
    if isinstance(only, str | os.PathLike) and is_plain(only):
        yield TsharkInput(os.fspath(only), None)
        return
    with tempfile.TemporaryFile() as file:
        keys = _merge(sources, file)
        yield TsharkInput(inherited_path(file), keys, (file.fileno(),))


@contextmanager
def key_log_file(text: bytes) -> Iterator[IO[bytes]]:
    """Writes a key log to a file without a name, in memory where the system allows it."""
    with (
        open(os.memfd_create("key log"), "r+b")
        if hasattr(os, "memfd_create")
        else tempfile.TemporaryFile() as file
    ):
        file.write(text)
        yield file


def inherited_path(file: IO[bytes]) -> str:
    """Returns the path by which a child process that inherits an open file can read it."""
    file.flush()
    file.seek(0)  # some systems share the position
    return f"/dev/fd/{file.fileno()}"


class _TlsCollector(EventSink):
    """Collects all TLS connections."""

    def __init__(self) -> None:
        self.found: list[TlsHandshake] = []

    def encrypted(self, record: TlsHandshake) -> None:
        """Adds the connection."""
        self.found.append(record)


def _opened(sources: Sequence[Source]) -> Iterator[CaptureReader]:
    """Opens the captures that can be opened, numbered as in the analysis; it reports the rest."""
    count = 0
    _rewind(sources)
    for source in sources:
        try:
            yield open_capture(source, file_index=count)
        except CaptureError:
            continue
        count += 1


def _rewind(sources: Sequence[Source]) -> None:
    for source in sources:
        if not isinstance(source, str | os.PathLike):
            source.seek(0)


def is_plain(path: str | os.PathLike[str]) -> bool:
    """Whether tshark can read a file directly: a regular file that is not compressed."""
    if not stat.S_ISREG(_mode(path)):
        return False
    with open(path, "rb") as file:
        return compression(file.read(64)) is None


def _merge(sources: Sequence[Source], file: IO[bytes]) -> array[int]:
    """Writes all frames into one file, in order of time; returns their keys in that order."""
    writer = PcapngWriter(file, "mqtt-dissector")
    keys = array("q")
    readers = list(_opened(sources))
    try:
        for batch, start, stop in merged(readers):
            first = batch.file << 40 | batch.first_number
            for index in range(start, stop):
                writer.frame_of(batch, index)
                keys.append(first + index)
    finally:
        for reader in readers:
            reader.close()
        _rewind(sources)
    writer.flush()
    return keys


def _run_tshark(whole: TsharkInput, key_file: IO[bytes], ports: Sequence[int]) -> Decrypted:
    """Runs tshark and collects the decrypted data of the TLS connections to these ports."""
    decode_as = {f"tcp.port=={port}": "tls" for port in ports}
    decode_as["tls.port==1-65535"] = "data"  # only the bytes, whatever protocol ALPN names
    decrypted = Decrypted("tshark")
    with ExitStack() as stack:
        stack.callback(decrypted.close)  # only if tshark fails
        _collect(decrypted, whole, key_file, decode_as)
        stack.pop_all()
    return decrypted


def _collect(
    decrypted: Decrypted, whole: TsharkInput, key_file: IO[bytes], decode_as: Mapping[str, str]
) -> None:
    from dissector.engines.tshark import packets

    for packet in packets(
        whole.file,
        _WHAT,
        display_filter="tls",
        protocols=("tcp", "tls", "data"),
        decode_as=decode_as,
        plain="tls",
        preferences={"tls.keylog_file": inherited_path(key_file)},
        inherited=(*whole.inherited, key_file.fileno()),
    ):
        stream, port, time_ns = _stream_port_time(packet)
        frame = whole.key(int(packet.number))
        found = [bytes.fromhex(data) for data in _data(packet)]
        for data in found:
            decrypted.add(stream, port, DecryptedChunk(time_ns, frame, data))
        if len(found) < _expected(packet):
            decrypted.add(stream, port, DecryptedChunk(time_ns, frame, None))


def _stream_port_time(packet: Any) -> tuple[int, int, int]:
    """Returns a packet's TCP stream index, source port, and time."""
    seconds, _, rest = str(packet.sniff_timestamp).partition(".")
    time_ns = int(seconds) * 1_000_000_000 + int(rest.ljust(9, "0")[:9])
    tcp = [layer for layer in packet.layers if layer.layer_name == "tcp"][-1]  # the innermost
    return int(tcp.stream), int(tcp.srcport), time_ns


def _data(packet: Any) -> Iterator[str]:
    """Yields the decrypted data of the packet's TLS records, as hex digits."""
    for layer in packet.layers:
        if "data_data" in layer.field_names:
            for field in layer.get_field("data_data").all_fields:
                yield field.raw_value


def _expected(packet: Any) -> int:
    """Returns how many TLS records of a packet hold application data, or may hold it.

    A record of TLS 1.3 that tshark could not decrypt has no content type, so it may hold it.
    """
    expected = 0
    for layer in packet.layers:
        if layer.layer_name == "tls":
            types = _field_values(layer, "record_content_type")
            undecrypted = len(_field_values(layer, "record_length")) - len(types)
            expected += types.count(str(_APPLICATION_DATA)) + max(undecrypted, 0)
    return expected


def _field_values(layer: Any, name: str) -> list[str]:
    field = layer.get_field(name)
    return [] if field is None else [each.show for each in field.all_fields]
