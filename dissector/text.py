"""Captured bytes in, text that is safe to show out: the one gate between the wire and any output.

Captured text is kept as `str` decoded with `surrogateescape`: lossless, and a lone surrogate marks
a byte that is not UTF-8. JSON is lossless too and takes `lossless()`; every format for people takes
`printable()`.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import blake2b

# Format characters that render as nothing or turn the direction of text: zero-width, bidi, tags.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}

# What a formula may begin with; some spreadsheets take the full-width forms for the same.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

_CLASSES = ("lower", "upper", "digit", "symbol", "binary")


def _class_of(byte: int) -> int:
    """Give the class of a byte of a secret, as a bit by its place in `_CLASSES`."""
    if not 0x20 <= byte < 0x7F:
        return 16
    char = chr(byte)
    return 1 if char.islower() else 2 if char.isupper() else 4 if char.isdigit() else 8


_started: tuple[bytes, blake2b] | None = None  # the last key, and a hash that begins with it
_CLASS_OF_BYTE = bytes(map(_class_of, range(256)))
# by the classes that are present, as bits
_CLASS_NAMES = [
    ",".join(name for index, name in enumerate(_CLASSES) if present >> index & 1)
    for present in range(1 << len(_CLASSES))
]


def decode(raw: bytes) -> str:
    """Decode bytes from the wire without loss; bytes that are not UTF-8 become lone surrogates."""
    return raw.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """Give back the bytes that `decode` was given."""
    return text.encode("utf-8", "surrogateescape")


def is_utf8(text: str) -> bool:
    """Whether all of a decoded text was UTF-8 on the wire."""
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def lossless(text: str) -> str:
    r"""Render a decoded text for JSON: itself, with each byte that is not UTF-8 as ``\xNN``."""
    if is_utf8(text):
        return text
    return "".join(
        f"\\x{ord(char) - 0xDC00:02x}" if 0xDC80 <= ord(char) <= 0xDCFF else char for char in text
    )


def printable(value: str | bytes, limit: int | None = None) -> str:
    r"""Escape all that could steer a terminal or deceive a reader; at most `limit` characters.

    Control characters, ANSI sequences, bidi and zero-width characters, Unicode tags, lone
    surrogates and unassigned code points appear as ``\xNN``, ``\uNNNN`` or ``\UNNNNNNNN``.
    """
    text = decode(value) if isinstance(value, bytes) else value
    if not (text.isascii() and text.isprintable() and "\\" not in text):
        text = "".join(map(_escape, text))
    if limit is not None and len(text) > limit:
        text = text[: max(limit - 1, 0)] + "…"
    return text


def _escape(char: str) -> str:
    if char in _NAMED:
        return _NAMED[char]
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if unicodedata.category(char) in _INVISIBLE or char in "\u115f\u1160\u3164\uffa0\u2800":
        if code < 0x100:
            return f"\\x{code:02x}"
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return char


def csv_cell(text: str) -> str:
    """Neutralise a cell that a spreadsheet would run as a formula (also one typed full width)."""
    return "'" + text if text.lstrip(" ")[:1] in _FORMULA and text else text


def character_classes(secret: bytes) -> str:
    """Name the classes of bytes in a secret, with commas: lower, upper, digit, symbol, binary."""
    present = 0
    for index in range(len(secret)):
        present |= _CLASS_OF_BYTE[secret[index]]
    return _CLASS_NAMES[present]


def fingerprint(secret: bytes, key: bytes) -> str:
    """Keyed fingerprint, 16 hex digits: equal secrets of one run are equal, no other run's are.

    The key is what is hashed first. Nothing can be appended to a digest of BLAKE2 without knowing
    it, and its own way of taking a key would double the work.
    """
    global _started
    started = _started
    if started is None or started[0] != key:
        started = _started = (key, _keyed(key))
    made = started[1].copy()
    made.update(secret)
    digest: str = made.hexdigest()
    return digest


def _keyed(key: bytes) -> blake2b:
    try:  # most captures need none
        from _blake2 import blake2b  # what hashlib gives, without the 4 ms that OpenSSL takes
    except ImportError:
        from hashlib import blake2b
    return blake2b(key, digest_size=8, person=b"mqtt-dissector")
