"""Inflates the compressed WebSocket messages of one direction in bounded pieces.

permessage-deflate (RFC 7692) is raw DEFLATE; the last four bytes of each message are left out.
wsproto inflates without a bound, so zlib is used directly. A decompression bomb grows a
thousandfold, and two of its bytes make a control packet, so the output is bounded by the input: a
direction yields at most `ALLOWANCE` bytes plus `RATIO` per input byte, and that output may hold at
most `PACKETS` control packets plus `PACKET_RATIO` per input byte. Output comes in pieces of at most
`PIECE` bytes, by which a bound may be exceeded. At most `Inflaters.limit` directions keep a window
at one time.
"""

from __future__ import annotations

import zlib

PIECE = 1 << 14
ALLOWANCE = 1 << 20
RATIO = 100
PACKETS = 1000
PACKET_RATIO = 4
STRIPPED_TAIL = b"\x00\x00\xff\xff"

LIMIT = "inflate-limit"
DAMAGED = "websocket"


class Inflaters:
    """Counts the DEFLATE windows of all connections; each takes about 40 KiB."""

    limit = 2048

    def __init__(self) -> None:
        self.used = 0


class Inflater:
    """Inflates one direction; `context_takeover`: the window is kept from message to message.

    `failed` is the kind and text of a capture warning once nothing more can be read, else None.
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
        """Add compressed bytes; `ends`: the last ones of a message.

        All output of earlier bytes must have been read by `next` before.
        """
        if self._stream is None and not self._begin():
            return
        self._waiting = data + STRIPPED_TAIL if ends else data
        self._busy = True
        self._ends = ends

    def next(self) -> bytes:
        """Return the next output bytes; b"" if more input is needed or inflating failed."""
        while self._busy and self.failed is None:
            assert self._stream is not None
            before = len(self._waiting)
            copy = self._stream.copy()
            try:
                out = self._stream.decompress(self._waiting, PIECE)
            except zlib.error as error:
                out = _before_damage(copy, self._waiting)
                self._fail(DAMAGED, f"a compressed message cannot be inflated: {error}")
                return out
            if self._stream.eof:  # a sender may end the DEFLATE stream and begin another one
                self._waiting = self._stream.unused_data
                self._stream = zlib.decompressobj(-15)
                self._busy = self._waiting not in (b"", STRIPPED_TAIL)
            else:
                self._waiting = self._stream.unconsumed_tail
                self._busy = bool(self._waiting) or len(out) == PIECE
            self._consumed += before - len(self._waiting)
            self._yielded += len(out)
            if self._yielded > ALLOWANCE + RATIO * self._consumed:
                what = f"compressed messages inflate to more than {RATIO} times their size; stopped"
                return self._fail(LIMIT, what)
            if not self._busy and self._ends and not self.context_takeover:
                self.release()
            if out:
                return out
        return b""

    def count_packets(self, packets: int) -> None:
        """Count the control packets that the last output piece completed, against the bound."""
        self._packets += packets
        if self._packets > PACKETS + PACKET_RATIO * self._consumed:
            what = f"compressed messages hold more than {PACKET_RATIO} control packets per byte"
            self._fail(LIMIT, f"{what}; stopped")

    def release(self) -> None:
        """Free the window."""
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


def _before_damage(stream: zlib._Decompress, data: bytes) -> bytes:
    """Inflate what precedes the damage in `data`, which zlib drops: it is the same in any cut."""
    out = b""
    try:
        for at in range(len(data)):
            out += stream.decompress(data[at : at + 1])
    except zlib.error:
        pass
    return out
