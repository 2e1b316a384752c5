"""Tells by the first bytes which layer may be around MQTT: TLS, PROXY protocol, WebSocket upgrade.

Apart from the readers of these layers (tls.py, proxy.py, upgrade.py), because the first payload of
every flow on an unknown port is looked at. Each function takes at least one byte.
"""

from __future__ import annotations

import cython

TLS_HEADER = 5  # bytes of the header of a record
RECORD_LIMIT = (1 << 14) + 2048  # bytes of a record
PROXY_TEXT = b"PROXY "
PROXY_BINARY = b"\r\n\r\n\x00\r\nQUIT\n"
HEAD_LIMIT = 16_384  # bytes of the head of an HTTP request or response
REQUEST_START = b"GET "
ANSWER_START = b"HTTP/1.1 101"

_UPGRADE = b"websocket"


def contains(data: bytes | bytearray, stop: int, word: bytes) -> bool:
    """Whether data[:stop] has this word, which is in lower case, in upper or lower case."""
    if not cython.compiled:
        return word in data[:stop].lower()
    pointer = data
    letters = word
    size = len(data)
    if stop < size:
        size = stop
    last = len(word) - 1
    at = last
    while at < size:  # compares from the end of the word, and skips as much as its letters allow
        matched = 0
        byte = pointer[at]
        if 65 <= byte <= 90:
            byte |= 0x20
        if byte == letters[last]:
            while matched < last:
                other = pointer[at - matched - 1]
                if 65 <= other <= 90:
                    other |= 0x20
                if other != letters[last - matched - 1]:
                    break
                matched += 1
            if matched == last:
                return True
        step = 1
        while step <= last and letters[last - step] != byte:
            step += 1
        at += step
    return False


def tls_begins(data: bytes, start: int, stop: int) -> bool:
    """Whether data[start:stop] may begin a TLS record, and a next record behind it."""
    at = start
    for _ in range(2):
        if not 20 <= data[at] <= 24:
            return False
        if stop - at > 1 and data[at + 1] != 3:
            return False
        if stop - at > 2 and data[at + 2] > 4:
            return False
        if stop - at < TLS_HEADER:
            return True
        size = data[at + 3] << 8 | data[at + 4]
        if size > RECORD_LIMIT:
            return False
        at += TLS_HEADER + size
        if at >= stop:
            return True
        stop = min(stop, at + TLS_HEADER)
    return True


def proxy_begins(data: bytes | bytearray) -> bool:
    """Whether these bytes may be the beginning of a header of the PROXY protocol."""
    return (
        data[: len(PROXY_TEXT)] == PROXY_TEXT[: len(data)]
        or data[: len(PROXY_BINARY)] == PROXY_BINARY[: len(data)]
    )


def upgrade_begins(data: bytes | bytearray, size: int) -> bool:
    """Whether these bytes may begin an upgrade; `size` is their `head_size`.

    A complete head must contain "websocket".
    """
    if (
        data[: len(REQUEST_START)] != REQUEST_START[: len(data)]
        and data[: len(ANSWER_START)] != ANSWER_START[: len(data)]
    ):
        return False
    return not size or contains(data, size, _UPGRADE)


def asks_for_upgrade(data: bytes | bytearray) -> bool:
    """Whether these bytes begin a request for an upgrade to WebSocket."""
    return data.startswith(REQUEST_START) and contains(data, HEAD_LIMIT, _UPGRADE)


def head_size(data: bytes | bytearray, searched: int = 0) -> int:
    """Return the size of the HTTP head that `data` begins with, 0 while its end is missing.

    It does not end within the first `searched` bytes.
    """
    start = max(searched - 2, 0)
    end = data.find(b"\n\r\n", start, HEAD_LIMIT) + 3
    if end < 3:
        end = 0
    short = data.find(b"\n\n", start, end if end else HEAD_LIMIT)
    return short + 2 if short >= 0 else end
