"""Decodes captured bytes and escapes captured text so that every output format can show it safely.

Captured text is kept as `str` decoded with `surrogateescape`: lossless, and a lone surrogate marks
a byte that is not UTF-8. JSON output uses `lossless()`, and escapes what `is_invisible()`; every
human-readable format uses `printable()`.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import blake2b

# Categories of characters that are invisible or change the text direction: zero-width, bidi, tags.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}

# What a formula may begin with; some spreadsheets accept the full-width forms, too.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

_CLASSES = ("lower", "upper", "digit", "symbol", "binary")


def _class_of(byte: int) -> int:
    """Return the class of a byte of a secret, as a bit by its index in `_CLASSES`."""
    if not 0x20 <= byte < 0x7F:
        return 16
    char = chr(byte)
    return 1 if char.islower() else 2 if char.isupper() else 4 if char.isdigit() else 8


_keyed_hash: tuple[bytes, blake2b] | None = None  # the last key, and a hash object fed with it
_CLASS_OF_BYTE = bytes(map(_class_of, range(256)))
# Names of the classes present, indexed by the class bits
_CLASS_NAMES = [
    ",".join(name for index, name in enumerate(_CLASSES) if present >> index & 1)
    for present in range(1 << len(_CLASSES))
]


def decode(raw: bytes) -> str:
    """Decode bytes from the wire without loss; bytes that are not UTF-8 become lone surrogates."""
    return raw.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """Return the bytes that `decode` was called with."""
    return text.encode("utf-8", "surrogateescape")


def is_utf8(text: str) -> bool:
    """Whether a decoded text was entirely UTF-8 on the wire."""
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def lossless(text: str) -> str:
    r"""Format a decoded text for JSON: unchanged, but each byte that is not UTF-8 as ``\xNN``."""
    if is_utf8(text):
        return text
    return "".join(
        f"\\x{ord(char) - 0xDC00:02x}" if 0xDC80 <= ord(char) <= 0xDCFF else char for char in text
    )


def printable(value: str | bytes, limit: int | None = None) -> str:
    r"""Escape all that could control a terminal or mislead a reader; at most `limit` characters.

    Control characters, ANSI sequences, bidi and zero-width characters, Unicode tags, lone
    surrogates and unassigned code points appear as ``\xNN``, ``\uNNNN`` or ``\UNNNNNNNN``.
    """
    text = decode(value) if isinstance(value, bytes) else value
    if not (text.isascii() and text.isprintable() and "\\" not in text):
        text = "".join(map(_escape, text))
    if limit is not None and len(text) > limit:
        text = text[: max(limit - 1, 0)] + "…"
    return text


def is_invisible(char: str) -> bool:
    """Whether a character controls a terminal, changes the text direction, or cannot be seen."""
    return unicodedata.category(char) in _INVISIBLE or char in "\u115f\u1160\u3164\uffa0\u2800"


def _escape(char: str) -> str:
    if char in _NAMED:
        return _NAMED[char]
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if is_invisible(char):
        if code < 0x100:
            return f"\\x{code:02x}"
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return char


def csv_cell(text: str) -> str:
    """Neutralise a cell that a spreadsheet would run as a formula (also in full-width form)."""
    return "'" + text if text.lstrip(" ")[:1] in _FORMULA and text else text


def character_classes(secret: bytes) -> str:
    """Return the byte classes in a secret, comma-separated: lower, upper, digit, symbol, binary."""
    present = 0
    for index in range(len(secret)):
        present |= _CLASS_OF_BYTE[secret[index]]
    return _CLASS_NAMES[present]


def fingerprint(secret: bytes, key: bytes) -> str:
    """Return a keyed fingerprint, 16 hex digits: comparable within one run, not across runs.

    The key is hashed before the secret. BLAKE2 has no length extension, so this is safe, and its
    keyed mode would double the work.
    """
    global _keyed_hash
    keyed_hash = _keyed_hash
    if keyed_hash is None or keyed_hash[0] != key:
        keyed_hash = _keyed_hash = (key, _keyed(key))
    made = keyed_hash[1].copy()
    made.update(secret)
    digest: str = made.hexdigest()
    return digest


def _keyed(key: bytes) -> blake2b:
    try:  # imported here since most captures need no fingerprint
        from _blake2 import blake2b  # the same as hashlib's, without the 4 ms to load OpenSSL
    except ImportError:
        from hashlib import blake2b
    return blake2b(key, digest_size=8, person=b"mqtt-dissector")
