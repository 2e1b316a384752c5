"""Detects MQTT by the first bytes of a stream, like a heuristic dissector of Wireshark.

On any port a CONNECT is recognised by its protocol name. On a port that is known for MQTT a stream
is also recognised without a CONNECT, but only by packets of which every byte that framing checks is
plausible, so that no other protocol is taken for MQTT. A malformed CONNECT counts there if it
contains a protocol name, or if all lengths in it add up; other malformed packets if nothing but
their flags is wrong.
"""

from __future__ import annotations

import cython

from dissector.connections.encapsulation.record import PROXY, TLS, WEBSOCKET
from dissector.mqtt import spec
from dissector.mqtt.encode import variable
from dissector.mqtt.fields import ENDLESS, INCOMPLETE, LENGTH_BITS, LENGTH_MASK
from dissector.net.first_bytes import TLS_HEADER

if cython.compiled:
    from cython.cimports.dissector.mqtt.fields import variable_at  # type: ignore[import-not-found]
    from cython.cimports.dissector.net.first_bytes import (  # type: ignore[import-not-found]
        contains,
        head_size,
        proxy_begins,
        tls_begins,
        upgrade_begins,
    )
else:
    from dissector.mqtt.fields import variable_at
    from dissector.net.first_bytes import (
        contains,
        head_size,
        proxy_begins,
        tls_begins,
        upgrade_begins,
    )

NO, YES, MORE = range(3)

_USUAL = b"\x00\x04MQTT"  # the protocol name of 3.1.1 and 5.0
_OLD = b"\x00\x06MQIsdp"  # and of 3.1
_LONGEST = 1 << 20  # Remaining Length of a packet by which a stream is recognised in the middle
_NAME_WITHIN = 24  # bytes at the start of a CONNECT in which a misplaced protocol name may lie

_TYPES_WITH_IDENTIFIER = frozenset({4, 5, 6, 7, 11})
_EMPTY_TYPES = frozenset({12, 13})
_HTTP_WORDS = frozenset(
    {b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"DELETE", b"HTTP/1.1", b"HTTP/1.0"}
)


def plain_connect(data: bytes, start: int, stop: int) -> bool:
    """Whether data[start:stop] begins with a CONNECT with the usual name and a short length."""
    return (
        stop - start >= 8
        and data[start] == 0x10
        and data[start + 1] < 0x80
        and data.startswith(_USUAL, start + 2)
    )


def looks_like_connect(data: bytes, known_port: bool) -> int:
    """Whether a stream begins with a CONNECT: NO, YES, or MORE if more bytes are needed.

    The protocol name must be "MQTT" or "MQIsdp", in upper or lower case. On a known port it may be
    misplaced, or be any other name in a packet whose lengths add up exactly.
    """
    size = len(data)
    if size == 0:
        return MORE
    if plain_connect(data, 0, size):
        return YES
    if data[0] >> 4 != 1:
        return NO
    length = variable_at(data, 1, size)
    if length == INCOMPLETE:
        return MORE
    if length == ENDLESS:  # no packet, but a CONNECT if the name follows
        return YES if known_port and _has_name(data) else NO
    pos = length >> LENGTH_BITS
    remaining = length & LENGTH_MASK
    if not known_port and pos < size and remaining > 0 and data[pos] != 0:
        return NO  # all names have fewer than 256 bytes
    body = data[pos : min(pos + remaining, pos + len(_OLD))].upper()
    if body.startswith(_USUAL) or body == _OLD.upper():
        return YES
    if size < pos + remaining and _begins_name(body):
        return MORE
    if not known_port:
        return NO
    if _has_name(data) or (data[0] == 0x10 and remaining > 0 and _begins_name(body)):
        return YES
    if remaining == 0:
        return MORE if data == b"\x10\0" else NO
    return _unnamed_connect(data, pos, remaining)


def _begins_name(body: bytes) -> bool:
    """Whether bytes in upper case may be the beginning of a protocol name with its length."""
    return _USUAL.startswith(body) or _OLD.upper().startswith(body)


def _has_name(data: bytes) -> bool:
    """Whether the first bytes contain a protocol name, wherever."""
    start = data[:_NAME_WITHIN].upper()
    return b"MQTT" in start or b"MQISDP" in start


def _unnamed_connect(data: bytes, pos: int, remaining: int) -> int:
    """Whether data[pos:] is the body of a CONNECT with an unknown name, whose lengths add up."""
    if data[0] != 0x10:
        return NO
    stop = pos + remaining
    if pos + 2 > len(data):
        return MORE
    level_at = pos + 2 + (data[pos] << 8 | data[pos + 1])
    if level_at + 4 > stop:
        return NO
    if stop > len(data):
        return MORE if level_at >= len(data) or data[level_at] & 0x7F <= 0x20 else NO
    if data[level_at] & 0x7F > 0x20:
        return NO
    flags = data[level_at + 1]
    at = level_at + 4
    if _fields_end(data, at, stop, flags, False) == stop:
        return YES
    return YES if _fields_end(data, at, stop, flags, True) == stop else NO


def _fields_end(data: bytes, at: int, stop: int, flags: int, properties: bool) -> int:
    """Returns where the fields that the connect flags announce end; -1 if beyond `stop`."""
    blocks = 1 + 2 * (flags >> 2 & 1) + (flags >> 7 & 1) + (flags >> 6 & 1)
    for index in range(blocks):
        if properties and (index == 0 or (index == 1 and flags & 4)):
            at = _short_block(data, at, stop)
        if at < 0 or at + 2 > stop:
            return -1
        at += 2 + (data[at] << 8 | data[at + 1])
    return at if at <= stop else -1


def server_begins(data: bytes, start: int, stop: int, version_5: bool) -> bool:
    """Whether data[start:stop], the first bytes of a server, can be MQTT.

    `version_5`: its client's CONNECT is of 5.0. Malformed packets count if they are still MQTT.
    """
    first = data[start]
    size = stop - start
    if first == 0x20 or (size == 1 and (first == 0xE0 or first == 0xF0)):
        return True
    if size >= 4 and first >> 4 == 2 and data[start + 1] == 2 and data[start + 2] < 2:
        return True
    if first >> 4 == 2 and version_5 and _connack_of_5(data, start, stop):
        return True
    if plausible_chain(data, start, stop) or malformed_packets(data, start, stop, True) == YES:
        return True
    # bad flags or type 0, in exactly one packet
    malformed = first == 0 or first >> 4 >= 14
    if malformed and size >= 2 and data[start + 1] + 2 == size:
        return True
    # the beginning of an AUTH
    if first == 0xF0 and data[start + 1] + 2 > size:
        code = 3 if data[start + 1] & 0x80 else 2
        return size <= code or data[start + code] == 0x18
    return False


def _connack_of_5(data: bytes, start: int, stop: int) -> bool:
    """Whether data[start:stop] is one CONNACK of 5.0, except for its header flags."""
    if stop - start < 5:
        return False
    remaining = data[start + 1]
    return (
        remaining + 2 == stop - start
        and data[start + 2] < 2
        and data[start + 3] in spec.CONNACK_CODES
        and data[start + 4] + 3 == remaining
    )


def unfinished_connect(data: bytes) -> bool:
    """Whether bytes after which no more came are the beginning of a CONNECT."""
    if data[:1] != b"\x10":
        return False
    for pos in range(1, min(len(data), 5)):
        if data[pos] < 0x80:
            return _begins_name(data[pos + 1 : pos + 1 + len(_OLD)].upper())
    return 0 < len(data) < 5


def malformed_packets(data: bytes, start: int, stop: int, ended: bool) -> int:
    """Whether data[start:stop] are control packets in which at most the flags are wrong.

    YES, NO, or MORE if the last packet is incomplete. `ended`: no more bytes will come. A packet of
    type 0 counts only if it is all there is, and empty: many protocols begin with zero bytes.
    """
    if _named_body(data, start, stop):
        return YES
    pos = start
    count = 0
    while pos < stop:
        length = variable_at(data, pos + 1, stop)
        kind = data[pos] >> 4
        if length == INCOMPLETE:
            return (YES if count > 1 and kind else NO) if ended else MORE
        if length == ENDLESS:
            return NO
        begin = length >> LENGTH_BITS
        remaining = length & LENGTH_MASK
        whole = stop - begin >= remaining
        if kind == 0:
            return YES if data[start:stop] == b"\0\0" else NO
        flags = data[pos] & 15 if kind == 3 else spec.REQUIRED_FLAGS[kind]
        if kind == 3 and flags & 6 == 6:
            flags = 2  # QoS 3: as a PUBLISH with an identifier
        end = begin + remaining if whole else stop
        if not plausible(data, begin, end, kind << 4 | flags, remaining, whole):
            return NO
        if not whole:
            if not ended:
                return MORE
            topic = data[begin] << 8 | data[begin + 1] if kind == 3 else stop
            return YES if count > 1 or topic + 2 <= stop - begin else NO
        count += 1
        pos = begin + remaining
    return YES if count else NO


def _named_body(data: bytes, start: int, stop: int) -> bool:
    """Whether a packet of any type has the body of a CONNECT."""
    at = start + 1
    while at < stop and at < start + 4 and data[at] >= 0x80:
        at += 1
    return data.startswith((_USUAL, _OLD), at + 1, stop)


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
        return (
            looks_like_connect(bytes((first,)) + variable(remaining) + data[begin:stop], False) == 1
        )
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


def plausible_chain(data: bytes, start: int, stop: int, known: int = 0) -> bool:
    """Whether data[start:stop] is a chain of plausible packets, `known` more of them before it.

    It may be one packet that ends with the data, or several of which the last may be truncated.
    """
    pos = start
    count = known
    while pos < stop:
        length = variable_at(data, pos + 1, stop)
        if length == INCOMPLETE:
            return count >= 2
        if length == ENDLESS:
            return False
        begin = length >> LENGTH_BITS
        remaining = length & LENGTH_MASK
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


def packet_begins(data: bytes, start: int, stop: int) -> bool:
    """Whether data[start:stop] may be the beginning of one PUBLISH that is longer.

    Its topic must be whole.
    """
    if start >= stop or data[start] >> 4 != 3:
        return False
    length = variable_at(data, start + 1, stop)
    if length < 0:
        return False
    begin = length >> LENGTH_BITS
    remaining = length & LENGTH_MASK
    if remaining > _LONGEST or stop - begin >= remaining or stop - begin < 2:
        return False
    if 2 + (data[begin] << 8 | data[begin + 1]) > stop - begin:
        return False
    return plausible(data, begin, stop, data[start], remaining, False)


def encapsulation_of(data: bytes, outer_layers: int, lost: bool) -> int:
    """Detects the outer layer of a stream by its first bytes: PROXY, WEBSOCKET, TLS or 0.

    `outer_layers` are those already removed, as bits: no layer is detected twice. `lost`: data may
    be missing before these bytes, so a TLS record counts only with its complete header.
    """
    size = len(data)
    if not outer_layers & (WEBSOCKET | TLS) and tls_begins(data, 0, size):
        return TLS if size >= TLS_HEADER or not lost else 0
    if not outer_layers and proxy_begins(data):
        return PROXY
    if not outer_layers & WEBSOCKET and upgrade_begins(data, head_size(data)):
        return WEBSOCKET
    return 0


def other_protocol(data: bytes) -> str:
    """Names another protocol by its first bytes: "tls", "websocket", "http", "ssh" or "other"."""
    if not data:
        return "other"
    first = data[0]
    if 0x14 <= first <= 0x17:
        return "tls" if len(data) >= 3 and data[1] == 3 and data[2] <= 4 else "other"
    if not 0x44 <= first <= 0x53:  # "D" to "S"
        return "other"
    if data.startswith(b"SSH-"):
        return "ssh"
    if data[:8].split(b" ", 1)[0] in _HTTP_WORDS:
        return "websocket" if contains(data, 2048, b"upgrade: websocket") else "http"
    return "other"


def hello_without_mqtt(data: bytes) -> bool:
    """Whether a stream begins with a complete TLS ClientHello that does not offer MQTT by ALPN."""
    if len(data) < 9 or data[0] != 22 or data[1] != 3 or data[5] != 1:
        return False
    record = data[3] << 8 | data[4]
    message = data[6] << 16 | data[7] << 8 | data[8]
    if record > len(data) - 5 or message > record - 4:
        return False
    return not contains(data, len(data), b"mqtt")
