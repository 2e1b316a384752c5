"""Detects default, weak and derived passwords in a CONNECT.

The result is a description that never contains the password or a part of it; nothing is stored.
"""

from __future__ import annotations

import re
from binascii import b2a_base64

from dissector.mqtt.packets.connect import Connect
from dissector.text import encode

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
