"""The bytes of one direction of a TLS connection in, its records and handshake messages out.

Nothing is decrypted. Application data is skipped over, everything else is held until it is whole:
at most one record and one handshake message. After a gap handshake messages are not read any more,
unless a hello begins anew: what follows a gap may be the middle of a message.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

HEADER = 5
RECORD_LIMIT = (1 << 14) + 2048  # bytes that a record may hold
MESSAGE_LIMIT = 1 << 17  # of a handshake message; chains of certificates are the longest

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA, HEARTBEAT = range(20, 25)
BROKEN = 0  # what follows is no record

_HELLOS = (1, 2)


class TlsEvent(NamedTuple):
    """One record without its header, or one handshake message; `type` is that of the message.

    `body` is empty, and only `size` told, of what is encrypted.
    """

    kind: int
    size: int
    type: int = -1
    body: bytes = b""


def may_begin(data: bytes | bytearray) -> bool:
    """Whether these bytes, at least one, may begin a record, as far as they go, and the next."""
    if (
        not 20 <= data[0] <= 24
        or (len(data) > 1 and data[1] != 3)
        or (len(data) > 2 and data[2] > 4)
    ):
        return False
    if len(data) < HEADER:
        return True
    size = data[3] << 8 | data[4]
    if size > RECORD_LIMIT:
        return False
    following = data[HEADER + size : 2 * HEADER + size]
    return not following or may_begin(following)


class TlsReader:
    """Reads one direction.

    `encrypted` is set by who knows when ciphers change: handshake messages are skipped from then
    on. `lost`: where the next record begins is unknown.
    """

    def __init__(self) -> None:
        self.encrypted = False
        self.lost = False
        self._held = bytearray()  # of a record
        self._skip = 0  # bytes of a record whose content is of no interest
        self._message = bytearray()
        self._in_sync = True  # no handshake message may have lost its beginning

    def gap(self) -> None:
        """Bytes are missing here."""
        self.lost = True
        self._held.clear()
        self._skip = 0
        self._stop_messages()

    def feed(self, window: bytes, start: int, stop: int) -> Iterator[TlsEvent]:
        """Read the next bytes; `encrypted` may be set between two events."""
        if self.lost and not self._resynchronise(window, start, stop):
            return
        held = self._held
        at = start
        while at < stop:
            if self._skip:
                took = min(self._skip, stop - at)
                self._skip -= took
                at += took
                continue
            if len(held) < HEADER:
                took = min(HEADER - len(held), stop - at)
                held += window[at : at + took]
                at += took
                if len(held) < HEADER:
                    return
                if not may_begin(held):
                    self.gap()
                    yield TlsEvent(BROKEN, 0)
                    return
            kind, size = held[0], held[3] << 8 | held[4]
            if (
                kind == APPLICATION_DATA
                or kind == HEARTBEAT
                or (self.encrypted and kind == HANDSHAKE)
            ):
                held.clear()
                self._skip = size
                yield TlsEvent(kind, size)
                continue
            took = min(HEADER + size - len(held), stop - at)
            held += window[at : at + took]
            at += took
            if len(held) < HEADER + size:
                return
            body = bytes(held[HEADER:])
            held.clear()
            if kind == HANDSHAKE:
                yield from self._messages(body)
            else:
                yield TlsEvent(kind, size, body=body)

    def _messages(self, body: bytes) -> Iterator[TlsEvent]:
        if not self._in_sync:
            return
        message = self._message
        message += body
        while len(message) >= 4:
            size = int.from_bytes(message[1:4], "big")
            if size > MESSAGE_LIMIT:
                self._stop_messages()
                return
            if len(message) < 4 + size:
                return
            event = TlsEvent(HANDSHAKE, size, message[0], bytes(message[4 : 4 + size]))
            del message[: 4 + size]
            yield event

    def _stop_messages(self) -> None:
        self._in_sync = False
        self._message.clear()

    def _resynchronise(self, window: bytes, start: int, stop: int) -> bool:
        """Whether records begin here again, as far as the next bytes tell."""
        head = window[start : min(stop, start + 2 * HEADER + RECORD_LIMIT)]
        if len(head) < HEADER or not may_begin(head):
            return False
        self.lost = False
        if head[0] == HANDSHAKE and len(head) > 9 and head[5] in _HELLOS and head[9] == 3:
            self._in_sync = True
        return True
