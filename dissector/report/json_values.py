r"""Converts values from the wire or from a rule to members of JSON objects without loss.

A text whose bytes are UTF-8 is that text; any other has each bad byte as ``\xNN`` and a sibling
`<name>Hex` with all its bytes. Bytes are treated as text that has not been decoded.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable
from typing import Any

import msgspec

from dissector.text import decode, encode, is_invisible, is_utf8, lossless

# tuples, because a union type would be created again on each evaluation
_BYTES = (bytes, bytearray, memoryview)
_SETS = (set, frozenset)
_LISTS = (list, tuple, *_SETS)
_HOLDERS = (*_BYTES, dict, *_LISTS)

_encode_any = msgspec.json.Encoder().encode


def json_bytes(value: Any) -> bytes:
    r"""Encodes a value as JSON.

    Control characters, also DEL and C1, and bidi and zero-width characters become ``\uNNNN``, so
    the JSON is inert in a terminal; the values that a parser returns are unchanged.
    """
    data = _encode_any(value)
    if data.isascii() and b"\x7f" not in data:
        return data
    text = data.decode()
    for char in {char for char in set(text) if char > "~" and is_invisible(char)}:
        units = char.encode("utf-16-be").hex()
        text = text.replace(
            char, "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
        )
    return text.encode()


def set_text(record: dict[str, Any], name: str, value: str | None) -> None:
    """Sets a text from the wire, and its bytes if they are not UTF-8."""
    if value is None or value.isascii() or is_utf8(value):
        record[name] = value
    else:
        record[name] = lossless(value)
        record[name + "Hex"] = encode(value).hex()


def set_pair(record: dict[str, Any], name: str, pair: Iterable[str]) -> None:
    """Appends a pair to a list; once a text is not UTF-8, all bytes go to a parallel list."""
    texts = [str(text) for text in pair]
    record.setdefault(name, []).append([lossless(text) for text in texts])
    hexes = record.get(name + "Hex")
    if hexes is not None or not all(map(is_utf8, texts)):
        if hexes is None:  # earlier pairs are added as well, because the two lists are parallel
            hexes = [[encode(text).hex() for text in former] for former in record[name][:-1]]
            record[name + "Hex"] = hexes
        hexes.append([encode(text).hex() for text in texts])


def set_value(record: dict[str, Any], name: str, value: Any) -> None:
    """Sets a value of any type that a packet or a rule may contain."""
    kind = type(value)
    if kind is int or kind is bool or (kind is str and value.isascii()):  # nearly always
        record[name] = value
    elif isinstance(value, str):
        set_text(record, name, value)
    elif isinstance(value, _BYTES):
        set_text(record, name, decode(bytes(value)))
    elif isinstance(value, dict):
        inner: dict[str, Any] = {}
        for key, item in value.items():
            set_value(inner, lossless(str(key)), item)
        record[name] = inner
    elif isinstance(value, _LISTS):
        if isinstance(value, _SETS):
            value = sorted(value, key=str)
        items = [_item(item) for item in value]
        record[name] = items
        if any(isinstance(item, str) and not is_utf8(item) for item in value):
            record[name + "Hex"] = [
                encode(item).hex() if isinstance(item, str) else None for item in value
            ]
    else:
        record[name] = _item(value)


def _item(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, str):
        return lossless(value)
    if isinstance(value, _HOLDERS):
        holder: dict[str, Any] = {}
        set_value(holder, "item", value)
        return holder["item"]
    return lossless(str(value))
