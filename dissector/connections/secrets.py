"""What the secrets of a CONNECT show: its password, a token in it, the content of a will message.

The result is a description that never contains the secret or a part of it; nothing is stored.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from typing import Any

import msgspec

from dissector.mqtt.packets.connect import Connect
from dissector.text import character_classes, encode

_DEFAULT_PAIRS = """
admin/1234 admin/12345 admin/123456 admin/activemq admin/admin admin/admin123 admin/emqx
admin/hivemq admin/password admin/public administrator/administrator artemis/artemis
client/client default/default device/device emqx/emqx emqx/public esp/esp esp32/esp32
esp8266/esp8266 guest/guest hivemq/hivemq homeassistant/homeassistant iot/iot
mosquitto/mosquitto mqtt/mqtt mqtt/password pi/raspberry rabbitmq/rabbitmq root/1234 root/admin
root/password root/root root/toor service/service support/support system/manager test/1234
test/test ubnt/ubnt user/pass user/password user/user username/password
"""
_COMMON_PASSWORDS = """
00000000 11111111 123456 1234567 12345678 123456789 1234567890 1q2w3e4r 1qaz2wsx 87654321
88888888 a1234567 aa123456 abc123 abcd1234 admin123 adminadmin administrator asdfghjkl baseball
batman changeit changeme computer default dragon football guestguest homeassistant iloveyou
internet iotdevice jennifer letmein master michael monkey mosquitto mqtt1234 mqttpass
mqttpassword p@ssw0rd passw0rd password password1 password123 princess q1w2e3r4 qwerty qwerty123
qwertyuiop raspberry raspberrypi secret secret123 starwars sunshine sunshine1 superman test1234
testtest trustno1 welcome welcome1 whatever zaq12wsx
"""
_DEFAULTS = frozenset(tuple(pair.split("/")) for pair in _DEFAULT_PAIRS.split())
# a run of capitals and digits, with at least two digits
_SERIAL = r"(?<![0-9A-Za-z])(?=[A-Z]*\d[A-Z]*\d)[0-9A-Z]{6,}(?![0-9A-Za-z])"
_COMMON = frozenset(_COMMON_PASSWORDS.split())
_FOR_URLS = bytes.maketrans(b"+/", b"-_")
_LARGEST_TOKEN = 16_384  # bytes; longer passwords are not decoded

_TOKEN = rb"eyJ[\w-]{8,}\.[\w-]{8,}\."
_KEY = rb"-----BEGIN [A-Z ]+-----"
_SECRET = rb"(?i)\b(?:password|passwd|secret|psk|api_?key|token)\b\W{0,4}[:=]"
# of private networks only: others may be version numbers
_ADDRESS = rb"(?<![\w.])(?:10\.\d{1,3}|192\.168|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d{1,3}){2}(?![\w.])"
# (required substring, pattern, description); most messages have none of the substrings
_CONTENT = (
    ("eyJ", _TOKEN, "a JSON Web Token"),
    ("-----BEGIN ", _KEY, "a key"),
    (":", _SECRET, "a secret"),
    ("=", _SECRET, "a secret"),
    ("10.", _ADDRESS, "an IP address"),
    ("172.", _ADDRESS, "an IP address"),
    ("192.168.", _ADDRESS, "an IP address"),
)


class PasswordFacts(msgspec.Struct, frozen=True):
    """What is notable about a password: rules judge by it, because they never see the password.

    `default`: with its user name it is a well-known default. `weakness` is why it is weak,
    `derivation` what it is derived from, None if from nothing. `token`: it is a JSON Web Token; its
    times of issue and expiry (in seconds of Unix time), each None if it is not stated. `length` is
    in bytes, `classes` names the kinds of characters.
    """

    default: bool
    weakness: str | None
    derivation: str | None
    token: tuple[float | None, float | None] | None
    length: int
    classes: str


def password_facts(
    connect: Connect, mac: str | None, short: int, derived_length: int
) -> PasswordFacts | None:
    """Returns what is notable about the password of a CONNECT; None for nothing, or without one.

    Passwords of fewer than `short` bytes are weak; `derived_length` is the least length of one that
    can be derived from an identifier. `mac` is the client's.
    """
    password = connect.password
    if not password:
        return None
    username = connect.username
    default = is_default(username, password)
    why = weakness(password, username, short)
    source = derivation(connect, mac, derived_length)
    token = token_times(password) if password.count(b".") == 2 else None
    if why is None and source is None and token is None and not default:
        return None
    return PasswordFacts(default, why, source, token, len(password), character_classes(password))


def is_default(username: str | None, password: bytes | None) -> bool:
    """Whether the pair is a vendor default; upper and lower case are not distinguished."""
    if username is None or password is None:
        return False
    return (username.lower(), password.decode("utf-8", "replace").lower()) in _DEFAULTS


def weakness(password: bytes, username: str | None, least: int) -> str | None:
    """Returns why a password is weak, such as ``has fewer than 8 bytes``, or None."""
    text = password.decode("utf-8", "replace").lower()
    if text in _COMMON:
        return "is in lists of common passwords"
    if username is not None and text == username.lower():
        return "is the user name"
    if len(password) < least:
        return f"has fewer than {least} bytes"
    if password.isdigit():
        return "consists of digits"
    return None


def derivation(connect: Connect, mac: str | None, least: int) -> str | None:
    """Returns what a password is derived from, such as ``contains the client id``, or None."""
    password = connect.password
    if not password or len(password) < least:
        return None
    folded = password.lower()
    bare = folded.translate(None, b":-")
    stripped = password.rstrip(b"=")
    hashed = len(password) in (22, 24, 27, 28, 32, 40, 43, 44, 64)
    for what, source in _sources(connect.client_id, connect.username, mac):
        size = len(source)
        if size < least:
            continue
        low = source.lower()
        if folded.find(low) >= 0:  # faster than `in`, which first tries it as a number
            return f"is {what}" if low == folded else f"contains {what}"
        if what == _MAC and bare.find(low) >= 0:
            return f"contains {what}"
        if len(folded) == 2 * size and folded == source.hex().encode():
            return f"is {what} in hex"
        if len(stripped) == (4 * size + 2) // 3 and stripped in _base64(source):
            return f"is {what} in base64"
        if hashed:
            name = _hash_of(password, {source, low, source.upper()})
            if name is not None:
                return f"is the {name} of {what}"
    return None


_MAC = "the MAC address"


def _sources(client_id: str, username: str | None, mac: str | None) -> list[tuple[str, bytes]]:
    """Returns (name, bytes) of everything that a password may be derived from."""
    found: list[tuple[str, bytes]] = []
    if client_id:
        found.append(("the client id", encode(client_id)))
    if username:
        found.append(("the user name", encode(username)))
    if mac is not None:
        found += ((_MAC, mac.replace(":", "").encode()), (_MAC, mac.encode()))
    for where, text in (("client id", client_id), ("user name", username)):
        if text and not (text.isalnum() and text.isascii()):  # else it is a single run
            found += [
                (f"a serial number in the {where}", encode(piece))
                for piece in re.findall(_SERIAL, text)
                if piece != text
            ]
    return found


def _base64(source: bytes) -> tuple[bytes, bytes]:
    """Returns the encodings in both alphabets of base64, without padding."""
    encoded = b2a_base64(source, newline=False).rstrip(b"=")
    return encoded, encoded.translate(_FOR_URLS)


def _hash_of(password: bytes, sources: set[bytes]) -> str | None:
    import hashlib

    stripped = password.rstrip(b"=")
    for name in ("MD5", "SHA1", "SHA256"):
        for source in sources:
            digest = hashlib.new(name, source, usedforsecurity=False).digest()
            if password.lower() == digest.hex().encode() or stripped in _base64(digest):
                return {"SHA1": "SHA-1", "SHA256": "SHA-256"}.get(name, name)
    return None


def token_times(password: bytes) -> tuple[float | None, float | None] | None:
    """Returns (`iat`, `exp`) in seconds of Unix time, each None if missing; None if no token."""
    if len(password) > _LARGEST_TOKEN:
        return None
    parts = password.split(b".")
    head, claims = _part(parts[0]), _part(parts[1])
    if head is None or claims is None or "alg" not in head:
        return None
    return _number(claims.get("iat")), _number(claims.get("exp"))


def _part(part: bytes) -> dict[str, Any] | None:
    import base64

    try:
        raw = base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (ValueError, msgspec.DecodeError, RecursionError):  # nested deeply on purpose
        return None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and abs(value) < 1e12 else None


def will_content(message: bytes) -> str | None:
    """Returns what a will message seems to contain, such as ``a secret``, or None."""
    head = message[:4096]
    text = head.decode("latin-1")  # searching for a substring is faster in text than in bytes
    for substring, pattern, what in _CONTENT:
        if substring in text and re.search(pattern, head):
            return what
    return None
