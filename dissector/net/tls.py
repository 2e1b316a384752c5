"""Splits one direction of a TLS connection into records and handshake messages.

Nothing is decrypted. Application data is skipped, everything else is buffered until it is complete:
at most one record and one handshake message. After a gap handshake messages are not read, since the
next bytes may be the middle of one, until a hello begins a new handshake.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dissector.net.first_bytes import RECORD_LIMIT, TLS_HEADER, tls_begins

MESSAGE_LIMIT = 1 << 17  # bytes of a handshake message; certificate chains are the longest

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA, HEARTBEAT = range(20, 25)
BROKEN = 0  # the next bytes are no record

_HELLOS = (1, 2)


class TlsEvent(NamedTuple):
    """One record without its header, or one handshake message; `type` is that of the message.

    If it is encrypted, `body` is empty and only `size` is set.
    """

    kind: int
    size: int
    type: int = -1
    body: bytes = b""


class TlsReader:
    """Reads one direction.

    The caller sets `encrypted` when the cipher changes: handshake messages are skipped from then
    on. `lost`: where the next record begins is unknown.
    """

    def __init__(self) -> None:
        self.encrypted = False
        self.lost = False
        self._held = bytearray()  # the buffered part of a record
        self._skip = 0  # bytes still to skip of a record whose content is not needed
        self._message = bytearray()
        self._in_sync = True  # no handshake message can have lost its beginning

    @property
    def buffered(self) -> int:
        """Bytes of an incomplete record and an incomplete handshake message."""
        return len(self._held) + len(self._message)

    def gap(self) -> None:
        """Note that bytes are missing at this point."""
        self.lost = True
        self._held.clear()
        self._skip = 0
        self._stop_messages()

    def feed(self, window: bytes, start: int, stop: int) -> Iterator[TlsEvent]:
        """Yield the events of the next bytes; the caller may set `encrypted` between two events."""
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
            if len(held) < TLS_HEADER:
                took = min(TLS_HEADER - len(held), stop - at)
                held += window[at : at + took]
                at += took
                if len(held) < TLS_HEADER:
                    return
                if not tls_begins(bytes(held), 0, TLS_HEADER):
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
            took = min(TLS_HEADER + size - len(held), stop - at)
            held += window[at : at + took]
            at += took
            if len(held) < TLS_HEADER + size:
                return
            body = bytes(held[TLS_HEADER:])
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
        """Whether a record begins here again, judging by the next bytes."""
        head = window[start : min(stop, start + 2 * TLS_HEADER + RECORD_LIMIT)]
        if len(head) < TLS_HEADER or not tls_begins(head, 0, len(head)):
            return False
        self.lost = False
        if head[0] == HANDSHAKE and len(head) > 9 and head[5] in _HELLOS and head[9] == 3:
            self._in_sync = True
        return True
