"""Compressed WebSocket messages of one direction in, their bytes out, a bounded piece at a time.

permessage-deflate (RFC 7692) is raw DEFLATE; a message ends where four bytes were left out. wsproto
inflates without a bound, so zlib is asked directly. A decompression bomb grows a thousandfold, and
two of its bytes make a control packet, so what comes out is bounded by what was sent: a direction
yields at most `ALLOWANCE` bytes and `RATIO` for each that was taken in, and what it yields may hold
`PACKETS` control packets and `PACKET_RATIO` for each. It comes in pieces of at most `PIECE` bytes,
which is how far beyond a bound it may get. At most `Inflaters.limit` directions keep a window at
one time.
"""

from __future__ import annotations

import zlib

PIECE = 1 << 12
ALLOWANCE = 1 << 20
RATIO = 100
PACKETS = 1000
PACKET_RATIO = 4
STRIPPED_TAIL = b"\x00\x00\xff\xff"

LIMIT = "inflate-limit"
DAMAGED = "websocket"


class Inflaters:
    """Counts the windows of all connections; each costs some 40 KiB."""

    limit = 2048

    def __init__(self) -> None:
        self.used = 0


class Inflater:
    """Inflates one direction; `context_takeover`: its window lives on from message to message.

    `failed` is why nothing more can be read: the kind of a warning and its text, or None.
    """

    def __init__(self, context_takeover: bool, shared: Inflaters) -> None:
        self.context_takeover = context_takeover
        self.failed: tuple[str, str] | None = None
        self._shared = shared
        self._stream: zlib._Decompress | None = None
        self._waiting = b""
        self._busy = False
        self._ends = False
        self._consumed = 0
        self._yielded = 0
        self._packets = 0

    def feed(self, data: bytes, ends: bool) -> None:
        """Take the next bytes, the last ones of a message or not; before, all must be taken out."""
        if self._stream is None and not self._begin():
            return
        self._waiting = data + STRIPPED_TAIL if ends else data
        self._busy = True
        self._ends = ends

    def next(self) -> bytes:
        """Give the next bytes, b"" where there are none before more is fed, or where it failed."""
        while self._busy and self.failed is None:
            assert self._stream is not None
            before = len(self._waiting)
            try:
                out = self._stream.decompress(self._waiting, PIECE)
            except zlib.error as error:
                return self._fail(DAMAGED, f"a compressed message cannot be inflated: {error}")
            if self._stream.eof:  # a sender may end the DEFLATE stream itself, and begin another
                self._waiting = self._stream.unused_data
                self._stream = zlib.decompressobj(-15)
                self._busy = self._waiting not in (b"", STRIPPED_TAIL)
            else:
                self._waiting = self._stream.unconsumed_tail
                self._busy = bool(self._waiting) or len(out) == PIECE
            self._consumed += before - len(self._waiting)
            self._yielded += len(out)
            if self._yielded > ALLOWANCE + RATIO * self._consumed:
                what = f"compressed messages grow to more than {RATIO} times their size; cut off"
                return self._fail(LIMIT, what)
            if not self._busy and self._ends and not self.context_takeover:
                self.release()
            if out:
                return out
        return b""

    def count_packets(self, packets: int) -> None:
        """Count the control packets that the piece given last has completed."""
        self._packets += packets
        if self._packets > PACKETS + PACKET_RATIO * self._consumed:
            what = f"compressed messages hold more than {PACKET_RATIO} control packets a byte"
            self._fail(LIMIT, f"{what}; cut off")

    def release(self) -> None:
        """Let go of the window."""
        if self._stream is not None:
            self._shared.used -= 1
        self._stream = None
        self._waiting = b""
        self._busy = False

    def _begin(self) -> bool:
        if self._shared.used >= self._shared.limit:
            what = f"more than {self._shared.limit} compressed connections at one time"
            self._fail(LIMIT, what)
            return False
        self._shared.used += 1
        self._stream = zlib.decompressobj(-15)
        return True

    def _fail(self, kind: str, text: str) -> bytes:
        self.failed = (kind, text)
        self.release()
        return b""
