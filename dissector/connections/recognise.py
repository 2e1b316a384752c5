# cython: annotation_typing=False
"""The first bytes of a stream in, whether they are MQTT out.

On any port a CONNECT is recognised by its protocol name. On a port that is known for MQTT a stream
may also be recognised without one, but only by packets that are plausible in every byte that framing
shows, so that no other protocol is ever taken for MQTT.
"""

from __future__ import annotations

NO, YES, MORE = range(3)

CONNECT_PROBE = 16  # bytes that settle whether a stream begins with a CONNECT
_MAX_NAME = 23  # of a protocol name that is wrong

_TYPES_WITH_IDENTIFIER = frozenset({4, 5, 6, 7, 11})
_EMPTY_TYPES = frozenset({12, 13})


def looks_like_connect(data: bytes, known_port: bool) -> int:
    """Tell whether a stream begins with a CONNECT: NO, YES, or MORE bytes are needed.

    The name must be "MQTT" or "MQIsdp", in any case of letters; on a known port any printable name
    will do where the flags are right and the lengths agree.
    """
    size = len(data)
    if size == 0:
        return MORE
    if data[0] >> 4 != 1:
        return NO
    pos = 1
    remaining = 0
    while True:
        if pos >= size:
            return MORE
        byte = data[pos]
        remaining |= (byte & 0x7F) << (7 * (pos - 1))
        pos += 1
        if byte < 0x80:
            break
        if pos > 5:
            return NO
    if pos + 2 > size:
        return MORE
    length = data[pos] << 8 | data[pos + 1]
    if length == 0 or length > _MAX_NAME or remaining < length + 2:
        return NO
    name = data[pos + 2 : pos + 2 + length]
    if length in (4, 6):
        wanted = b"MQTT" if length == 4 else b"MQISDP"
        if name.upper() == wanted[: len(name)]:
            return YES if len(name) == length else MORE
    if not known_port or data[0] != 0x10:
        return NO
    for byte in name:
        if not 0x21 <= byte <= 0x7E:
            return NO
    if len(name) < length or pos + 2 + length >= size:
        return MORE
    level = data[pos + 2 + length] & 0x7F
    return YES if level <= 0x20 and remaining >= length + 6 else NO


def plausible(data: bytes, begin: int, stop: int, first: int, remaining: int, whole: bool) -> bool:
    """Whether one packet could be MQTT: its body is data[begin:stop], `whole` if none of it is cut."""
    packet_type = first >> 4
    flags = first & 15
    if packet_type == 3:
        return _plausible_publish(data, begin, stop, flags, remaining)
    if packet_type in (6, 8, 10):
        if flags != 2:
            return False
    elif flags != 0:
        return False
    if packet_type in _EMPTY_TYPES:
        return remaining == 0
    if packet_type in _TYPES_WITH_IDENTIFIER or packet_type == 6:
        if (
            remaining < 2
            or remaining > 4096
            or (packet_type != 11 and remaining == 3 and not whole)
        ):
            return False
        return stop - begin < 2 or data[begin] << 8 | data[begin + 1] != 0
    if packet_type == 1:
        return looks_like_connect(_header(first, remaining) + data[begin:stop], False) == 1
    if packet_type == 2:
        if remaining < 2 or (stop > begin and data[begin] > 1):
            return False
        return remaining == 2 or (remaining >= 3 and whole and data[begin + 2] <= remaining - 3)
    if packet_type in (8, 10):
        return _plausible_subscribe(data, begin, stop, packet_type, remaining)
    if packet_type == 9:
        if remaining < 3 or remaining > 4096:
            return False
        return stop - begin < 2 or data[begin] << 8 | data[begin + 1] != 0
    if packet_type == 14:
        if remaining == 0:
            return True
        return whole and remaining <= 4096 and (data[begin] >= 0x80 or data[begin] in (0, 4))
    if packet_type == 15:
        return whole and remaining >= 6 and data[begin] in (0, 0x18, 0x19)
    return False


def _header(first: int, remaining: int) -> bytes:
    encoded = bytearray((first,))
    while True:
        remaining, low = remaining >> 7, remaining & 0x7F
        encoded.append(low | 0x80 if remaining else low)
        if not remaining:
            return bytes(encoded)


def _plausible_publish(data: bytes, begin: int, stop: int, flags: int, remaining: int) -> bool:
    if flags & 6 == 6 or (flags & 8 and not flags & 6):
        return False
    if remaining < 3 or stop - begin < 3:
        return False
    length = data[begin] << 8 | data[begin + 1]
    if length == 0 or length + 2 > remaining:
        return False
    return _topic(data[begin + 2 : min(begin + 2 + length, stop)])


def _plausible_subscribe(data: bytes, begin: int, stop: int, kind: int, remaining: int) -> bool:
    if remaining < 5 or stop - begin < 5 or data[begin] << 8 | data[begin + 1] == 0:
        return False
    at = begin + 2
    for _ in range(2):  # 3.1.1 has the first filter here; 5.0 a Property Length before it
        length = data[at] << 8 | data[at + 1] if at + 2 <= stop else 0
        if 0 < length <= remaining - (at - begin) - 2 and _topic(
            data[at + 2 : min(at + 2 + length, stop)]
        ):
            return True
        at = begin + 3 + data[begin + 2]
    return False


def _topic(raw: bytes) -> bool:
    """Whether bytes read like a topic: printable UTF-8 (its end may be cut)."""
    for byte in raw:
        if byte < 0x20 or byte == 0x7F:
            return False
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return len(raw) > 0


def plausible_chain(data: bytes, start: int, stop: int) -> bool:
    """Whether data[start:stop] is a chain of plausible packets.

    One packet that ends with the data will do, or several of which the last may be cut.
    """
    pos = start
    count = 0
    while pos < stop:
        begin = pos + 1
        remaining = 0
        shift = 0
        while True:
            if begin >= stop:
                return count >= 2
            byte = data[begin]
            begin += 1
            remaining |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift > 21:
                return False
        whole = stop - begin >= remaining
        if not plausible(
            data, begin, begin + remaining if whole else stop, data[pos], remaining, whole
        ):
            return False
        if not whole:
            return count >= 2 or (data[pos] >> 4 in (1, 3) and count >= 1)
        count += 1
        pos = begin + remaining
    return count > 0


def other_protocol(data: bytes) -> str:
    """Name what else a stream begins with: "tls", "websocket", "http", "ssh" or "other"."""
    if len(data) >= 3 and data[0] in (0x14, 0x15, 0x16, 0x17) and data[1] == 3 and data[2] <= 4:
        return "tls"
    if data[:4] == b"SSH-":
        return "ssh"
    head = data[:8].split(b" ", 1)[0]
    if head in (b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"DELETE", b"HTTP/1.1", b"HTTP/1.0"):
        lowered = data[:2048].lower()
        return "websocket" if b"upgrade: websocket" in lowered else "http"
    return "other"
