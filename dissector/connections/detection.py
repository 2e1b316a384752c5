"""Detects MQTT by the first bytes of a stream, like a heuristic dissector of Wireshark.

On any port a CONNECT is recognised by its protocol name. On a port that is known for MQTT a stream
is also recognised without a CONNECT, but only by packets of which every byte that framing checks is
plausible, so that no other protocol is taken for MQTT.
"""

from __future__ import annotations

NO, YES, MORE = range(3)

_USUAL = b"\x00\x04MQTT"  # the protocol name of 3.1.1 and 5.0
_MAX_NAME = 23  # bytes of a protocol name, also of a wrong one

_TYPES_WITH_IDENTIFIER = frozenset({4, 5, 6, 7, 11})
_EMPTY_TYPES = frozenset({12, 13})


def looks_like_connect(data: bytes, known_port: bool) -> int:
    """Whether a stream begins with a CONNECT: NO, YES, or MORE if more bytes are needed.

    The protocol name must be "MQTT" or "MQIsdp", in upper or lower case; on a known port any
    printable name is accepted if the fixed header's flags are right and all lengths are consistent,
    including that of the client id.
    """
    size = len(data)
    if size == 0:
        return MORE
    if size >= 8 and data[0] == 0x10 and data[1] < 0x80 and data.startswith(_USUAL, 2):
        return YES if data[1] >= len(_USUAL) else NO
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
    if level > 0x20 or remaining < length + 6:
        return NO
    return _payload_fits(data, pos + length + 6, pos + remaining, level)


def _payload_fits(data: bytes, at: int, stop: int, level: int) -> int:
    """Whether the payload of a CONNECT with an unknown name is empty or begins with a client id."""
    if at + 2 > len(data) and at < stop:
        return MORE
    if at == stop or at + 2 + (data[at] << 8 | data[at + 1]) <= stop:
        return YES
    return YES if level >= 5 and 0 <= _short_block(data, at, len(data)) <= stop else NO


def plausible(data: bytes, begin: int, stop: int, first: int, remaining: int, whole: bool) -> bool:
    """Whether one packet could be MQTT; its body is data[begin:stop], `whole` if not truncated."""
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
        return _plausible_acknowledgement(data, begin, stop, packet_type, remaining)
    if packet_type == 1:
        return looks_like_connect(_header(first, remaining) + data[begin:stop], False) == 1
    if packet_type == 2:
        if remaining < 2 or (stop > begin and data[begin] > 1):
            return False
        return remaining == 2 or (remaining >= 3 and whole and data[begin + 2] <= remaining - 3)
    if packet_type in (8, 10):
        return _plausible_subscribe(data, begin, stop, packet_type, remaining)
    if packet_type == 9:
        return 3 <= remaining <= 4096 and _plausible_suback(data, begin, stop)
    if packet_type == 14:
        if remaining == 0:
            return True
        if not whole or remaining > 4096 or (data[begin] < 0x80 and data[begin] not in (0, 4)):
            return False
        return remaining == 1 or _short_block(data, begin + 1, stop) == stop
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


def _plausible_acknowledgement(
    data: bytes, begin: int, stop: int, kind: int, remaining: int
) -> bool:
    """Whether it could be a PUBACK, PUBREC, PUBREL, PUBCOMP or UNSUBACK.

    They hold an identifier; in 5.0 also a reason code and properties that fill the packet. Text
    protocols begin with bytes of these types ("POST", "PROXY"), so every byte is checked.
    """
    if remaining < 2 or remaining > 4096:
        return False
    if stop - begin < 2:
        return remaining == 2
    if data[begin] << 8 | data[begin + 1] == 0:
        return False
    if remaining == 2:
        return True
    at = begin + 2
    if kind != 11:
        if at >= stop or (data[at] < 0x80 and data[at] not in (0, 0x10)):
            return False
        if remaining == 3:
            return True
        at += 1
    end = _short_block(data, at, stop)
    if kind == 11:  # UNSUBACK has its reason codes after the properties
        return at < end < begin + remaining and _codes(data, end, stop)
    return end == begin + remaining


def _plausible_suback(data: bytes, begin: int, stop: int) -> bool:
    """Whether it could be a SUBACK: an identifier, in 5.0 properties, and codes."""
    if stop - begin < 3 or data[begin] << 8 | data[begin + 1] == 0:
        return False
    if _codes(data, begin + 2, stop):
        return True
    end = _short_block(data, begin + 2, stop)
    return 0 < end < stop and _codes(data, end, stop)


def _codes(data: bytes, at: int, stop: int) -> bool:
    """Whether all bytes could be return or reason codes of SUBACK or UNSUBACK."""
    while at < stop:
        if data[at] < 0x80 and data[at] not in (0, 1, 2, 0x11):
            return False
        at += 1
    return True


def _short_block(data: bytes, at: int, stop: int) -> int:
    """Returns the end of a block with a length of one or two bytes; -1 if there is none."""
    if at < stop and data[at] < 0x80:
        return at + 1 + data[at]
    if at + 1 < stop and 0 < data[at + 1] < 0x80:
        return at + 2 + ((data[at] & 0x7F) | data[at + 1] << 7)
    return -1


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
    for _ in range(
        2
    ):  # 3.1.1 has the first topic filter here; 5.0 has a property section before it
        length = data[at] << 8 | data[at + 1] if at + 2 <= stop else 0
        if 0 < length <= remaining - (at - begin) - 2 and _topic(
            data[at + 2 : min(at + 2 + length, stop)]
        ):
            return True
        at = begin + 3 + data[begin + 2]
    return False


def _topic(raw: bytes) -> bool:
    """Whether bytes could be a topic: printable UTF-8 (the end may be truncated)."""
    for at in range(len(raw)):  # compiled, `for byte in raw` would yield signed bytes
        if raw[at] < 0x20 or raw[at] == 0x7F:
            return False
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return len(raw) > 0


def plausible_chain(data: bytes, start: int, stop: int) -> bool:
    """Whether data[start:stop] is a chain of plausible packets.

    It may be one packet that ends with the data, or several of which the last may be truncated.
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
    """Names another protocol by its first bytes: "tls", "websocket", "http", "ssh" or "other"."""
    if len(data) >= 3 and data[0] in (0x14, 0x15, 0x16, 0x17) and data[1] == 3 and data[2] <= 4:
        return "tls"
    if data[:4] == b"SSH-":
        return "ssh"
    head = data[:8].split(b" ", 1)[0]
    if head in (b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"DELETE", b"HTTP/1.1", b"HTTP/1.0"):
        lowered = data[:2048].lower()
        return "websocket" if b"upgrade: websocket" in lowered else "http"
    return "other"


def hello_without_mqtt(data: bytes) -> bool:
    """Whether a stream begins with a complete TLS ClientHello that does not offer MQTT by ALPN."""
    if len(data) < 9 or data[0] != 22 or data[1] != 3 or data[5] != 1:
        return False
    record = data[3] << 8 | data[4]
    message = data[6] << 16 | data[7] << 8 | data[8]
    if record > len(data) - 5 or message > record - 4:
        return False
    return b"mqtt" not in data.lower()
