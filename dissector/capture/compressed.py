"""Decompresses capture files piece by piece, never as a whole.

gzip, zstd, lz4, bzip2 and xz are recognized by their magic. Each read returns what one piece of
input yields, at most the requested size, so a stream that expands a thousandfold takes time but no
memory, and a pipe is read as data arrive. Several members in a row are read as one stream. Damage
ends the stream; the content before it is returned. The libraries are imported when needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

_PIECE = 1 << 16  # compressed bytes at a time, at most
_FIRST = 1 << 9  # the first ones of a member: a decoder copies what is behind the end of its member
_MEMORY = 1 << 27  # bytes of history that a zstd or xz stream may require
_ZSTD_HEADER, _ZSTD_BLOCK, _ZSTD_TRAILER, _ZSTD_SKIPPABLE = range(4)  # parts of a zstd frame
_SKIPPABLE = tuple(bytes((0x50 + n, 0x2A, 0x4D, 0x18)) for n in range(16))
_MAGICS = {
    "gzip": (b"\x1f\x8b",),
    "zstd": (b"\x28\xb5\x2f\xfd", *_SKIPPABLE),
    "lz4": (b"\x04\x22\x4d\x18",),
    "bzip2": (b"BZh",),
    "xz": (b"\xfd7zXZ\x00",),
}


class _Decoder(Protocol):
    """Decompressor of one member, with the interface of those in the standard library."""

    @property
    def needs_input(self) -> bool: ...
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class DamagedError(Exception):
    """Raised when a decompressor rejects a stream; never leaves this module."""


def compression(head: bytes) -> str | None:
    """Return the compression of a file that begins with `head` (6 bytes suffice), or None."""
    return next((name for name, magics in _MAGICS.items() if head.startswith(magics)), None)


class Decompressed:
    """The content of a compressed stream; `read(size)` returns `b""` at its end only.

    At that end, `damage` is the reason why the content is incomplete, "" if it is complete.
    """

    def __init__(self, name: str, raw: Callable[[int], bytes]) -> None:
        self.name = name
        self.damage = ""
        self._raw = raw
        self._pending = b""
        self._at = 0  # how much of `_pending` was decompressed
        self._size = _FIRST  # bytes that are decompressed next
        self._decoder: _Decoder | None = None
        self._members = 0
        self._ended = False

    def read(self, size: int) -> bytes:
        """Return between 1 and `size` bytes as soon as some are available."""
        while not self._ended:
            if self._decoder is None:
                self._next_member()
                continue
            data = b""
            if self._decoder.needs_input:
                data = self._next_piece()
                if not data:
                    self._end(f"the {self.name} stream ends early")
                    break
            try:
                out = self._decoder.decompress(data, size)
            except (DamagedError, RuntimeError, ValueError, OSError, EOFError) as error:
                self._end(f"the {self.name} stream is damaged ({error})")
                break
            if self._decoder.eof:
                self._at -= len(self._decoder.unused_data or b"")  # lz4 returns None
                self._decoder = None
                self._members += 1
            if out:
                return out
        return b""

    def _end(self, damage: str = "") -> None:
        self._ended = True
        self.damage = " ".join(damage.split())

    def _next_piece(self) -> bytes:
        """Return the next compressed bytes; each piece of a member is twice as long as the last."""
        if self._at >= len(self._pending):
            self._pending = self._raw(_PIECE)
            self._at = 0
        piece = self._pending[self._at : self._at + self._size]
        self._at += len(piece)
        self._size = min(2 * self._size, _PIECE)
        return piece

    def _next_member(self) -> None:
        """Begin the next member, or end if none follows; zero padding may follow the last one."""
        magics = _MAGICS[self.name]
        while len(self._pending) - self._at < len(magics[0]):
            piece = self._raw(_PIECE)
            if not piece:
                break
            self._pending = self._pending[self._at :] + piece
            self._at = 0
        if self._pending.startswith(magics, self._at):
            self._decoder = _DECODERS[self.name]()
            self._size = _FIRST
        else:
            trailing = self._pending[self._at :].strip(b"\0")
            self._end(
                f"bytes that are not {self.name} follow the {self.name} stream" * bool(trailing)
            )


class _Gzip:
    """zlib's decompressor with the interface of the others; returns the content before damage."""

    def __init__(self) -> None:
        import zlib

        self._error = zlib.error
        self._zlib = zlib.decompressobj(31)
        self._full = False
        self._refused = ""

    @property
    def needs_input(self) -> bool:
        return not (self._full or self._zlib.unconsumed_tail or self._refused)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        if self._refused:
            raise DamagedError(self._refused)
        data = self._zlib.unconsumed_tail + data
        before = self._zlib.copy()
        try:
            out = self._zlib.decompress(data, max_length)
        except self._error as error:
            # On an error zlib discards the output of this piece; byte by byte it returns it.
            self._refused = str(error)
            good = bytearray()
            try:
                for byte in data:
                    if len(good) >= max_length:
                        break
                    good += before.decompress(bytes((byte,)))
            except self._error:
                pass
            return bytes(good[:max_length])
        # If the buffer is full, zlib may hold more output although it consumed all input.
        self._full = len(out) >= max_length and not self._zlib.eof
        return out


class _Zstd:
    """One zstd frame, fed block by block: a block yields 128 KiB at most.

    The library returns all output of its input at once and does not report a truncated frame; the
    frame's block structure (RFC 8878 §3.1.1) bounds the output and shows truncation.
    """

    def __init__(self) -> None:
        import zstandard

        self._error = zstandard.ZstdError
        self._zstd: Any = None  # its decompressor, once the frame is not a skippable one
        self._held = b""
        self._at = 0  # how much of `_held` has been fed
        self._skip = 0  # bytes of a skippable frame to come
        self._part = _ZSTD_HEADER  # what comes next
        self.needs_input = True
        self.eof = False
        self._checksum = False

    @property
    def unused_data(self) -> bytes:
        return self._held[self._at :]

    def decompress(self, data: bytes, max_length: int) -> bytes:
        self._held = self._held[self._at :] + data
        self._at = 0
        out: list[bytes] = []
        length = 0
        self.needs_input = False
        while not self.eof:
            if length + (1 << 17) > max_length and out:
                break
            try:
                content = self._next_part()
            except self._error as error:
                if not out:
                    raise DamagedError(str(error)) from None
                break  # the next call raises it again, after this output was returned
            if content is None:
                self.needs_input = True
                break
            out.append(content)
            length += len(content)
        return b"".join(out)

    def _next_part(self) -> bytes | None:
        """Return the content of the next part of the frame; None if bytes of it are missing."""
        if self._part == _ZSTD_HEADER:
            return self._header()
        if self._part == _ZSTD_BLOCK:
            return self._block()
        return self._trailer() if self._part == _ZSTD_TRAILER else self._skippable()

    def _feed(self, length: int) -> bytes | None:
        """Decompress the next `length` bytes of input; None if some of them are missing yet."""
        if len(self._held) - self._at < length:
            return None
        content: bytes = self._zstd.decompress(self._held[self._at : self._at + length])
        self._at += length
        return content

    def _header(self) -> bytes | None:
        held = self._held[self._at : self._at + 18]
        if held.startswith(_SKIPPABLE):
            if len(held) < 8:
                return None
            self._at += 8
            self._skip = int.from_bytes(held[4:8], "little")
            self._part = _ZSTD_SKIPPABLE
            return b""
        if len(held) < 5:
            return None
        if self._zstd is None:
            import zstandard

            self._zstd = zstandard.ZstdDecompressor(max_window_size=_MEMORY).decompressobj()
        descriptor = held[4]
        single = descriptor >> 5 & 1
        sizes = (single, 2, 4, 8)[descriptor >> 6] + (0, 1, 2, 4)[descriptor & 3] + (1 - single)
        content = self._feed(5 + sizes)
        if content is not None:
            self._checksum = bool(descriptor & 4)
            self._part = _ZSTD_BLOCK
        return content

    def _block(self) -> bytes | None:
        if len(self._held) - self._at < 3:
            return None
        header = int.from_bytes(self._held[self._at : self._at + 3], "little")
        run = header >> 1 & 3 == 1
        content = self._feed(3 + (1 if run else header >> 3))
        if content is not None and header & 1:
            self._part = _ZSTD_TRAILER
            self.eof = not self._checksum
        return content

    def _trailer(self) -> bytes | None:
        content = self._feed(4)
        self.eof = content is not None
        return content

    def _skippable(self) -> bytes | None:
        taken = min(self._skip, len(self._held) - self._at)
        self._at += taken
        self._skip -= taken
        self.eof = not self._skip
        return None if self._skip else b""


def _lz4() -> _Decoder:
    import lz4.frame

    decoder: _Decoder = lz4.frame.LZ4FrameDecompressor()
    return decoder


def _bzip2() -> _Decoder:
    import bz2

    return bz2.BZ2Decompressor()


class _Xz:
    """lzma's decompressor; its errors are raised as DamagedError."""

    def __init__(self) -> None:
        import lzma

        self._error = lzma.LZMAError
        self._lzma = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)

    @property
    def needs_input(self) -> bool:
        return self._lzma.needs_input

    @property
    def eof(self) -> bool:
        return self._lzma.eof

    @property
    def unused_data(self) -> bytes:
        return self._lzma.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        try:
            return self._lzma.decompress(data, max_length)
        except self._error as error:
            raise DamagedError(str(error)) from None


_DECODERS: dict[str, Callable[[], _Decoder]] = {
    "gzip": _Gzip,
    "zstd": _Zstd,
    "lz4": _lz4,
    "bzip2": _bzip2,
    "xz": _Xz,
}
