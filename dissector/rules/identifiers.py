"""Detects hardware identifiers and personal data in text; returns the kind, never the data.

Numbers with a check digit or a registered prefix are recognized by it. IMSIs and serial numbers
have neither, so they are recognized only if the text labels them.
"""

from __future__ import annotations

import re

from dissector.activity.profile import Profile
from dissector.connections.record import ConnectionRecord
from dissector.vendors import vendor

# Patterns are strings: `re` compiles and caches them on first use, which is rare
_MAC = r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{12}|[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5})(?![0-9A-Za-z])"
# except version 1, whose last part is a MAC address (RFC 9562)
_UUID = r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[02-9a-f][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"
_MAIL = r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})*\.[A-Za-z]{2,24}"
_DIGITS = r"(?<!\d)\d{15,20}(?!\d)"
# an IMEI begins with the number of the body that assigned it (GSMA TS.06)
_REPORTING_BODIES = ("01", "35", "86", "91", "98", "99")
# a country code (ITU-T E.212: 2 to 7, or 901 for none), then digits assigned by the operator
_IMSI = r"(?i)(?<![a-z])imsi[^0-9a-z]{0,2}(?:[2-7]\d\d|901)\d{11,12}(?!\d)"
_SERIAL = (
    r"(?i)(?<![a-z])(?:serial(?:[ _-]?(?:number|no))?|s/n|sn)(?:[^0-9a-z]{1,2}|(?=\d))"
    r"(?=[0-9a-z]*\d[0-9a-z]*\d[0-9a-z]*\d)[0-9a-z]{6,32}(?![0-9a-z])"
)
_HOST = (
    r"(?<![\w.-])(?=[\w-]*[A-Za-z])[0-9A-Za-z][\w-]{0,62}"
    r"(?:\.[\w-]{1,63})*\.(?:local|lan|localdomain|internal|home\.arpa|fritz\.box)(?![\w.-])"
    # default names: of Windows, and of Apple devices, which contain the owner's name
    r"|(?<![0-9A-Za-z])(?:DESKTOP-[0-9A-Z]{7}|LAPTOP-[0-9A-Z]{8})(?![0-9A-Za-z])"
    r"|(?<![0-9A-Za-z])[A-Za-z]{2,}s-(?:iPhone|iPad|MacBook|iMac|Mac-mini)"
)
# substrings of which each of the above has one; most texts have none and need no pattern
_MARKERS = ("@", ".l", ".i", ".h", ".f", "sn", "s/n", "serial", "s-", "imsi", "top-")
_SHORTEST = 12  # digits of a MAC address; other numbers are longer, or labelled by a word


def may_hold_identifier(text: str) -> bool:
    """Whether a text, or several joined ones, may contain an identifier at all: a fast check."""
    low = text.lower()
    for marker in _MARKERS:
        if marker in low:
            return True
    digits = 0
    for char in low:
        digits = digits + 1 if char in "0123456789abcdef:-" else 0
        if digits == _SHORTEST:
            return True
    return False


def profile_may_hold_identifier(profile: Profile, record: ConnectionRecord) -> bool:
    """Whether one of the texts that a client chose may contain an identifier: a fast check."""
    if profile.client_id is None:
        return False
    texts = profile.client_id
    if profile.username is not None:
        texts += "\n" + profile.username
    if record.last_will_topic is not None:
        texts += "\n" + record.last_will_topic
    for item in profile.properties:
        if item.name == "userProperty":
            for half in item.value:
                texts += "\n" + str(half)
    return may_hold_identifier(texts)


def identifier(text: str, own_mac: str | None) -> str | None:
    """Returns the kind of identifier in a text, or None; `own_mac` is the sender's MAC address."""
    text = text[:1024]
    if len(text) < 6 or not may_hold_identifier(text):
        return None
    low = text.lower()
    if "@" in text and re.search(_MAIL, text):
        return "an e-mail address"
    if len(text) < 8:
        return None
    if _contains(low, own_mac):
        return "the MAC address"
    for found in re.finditer(_MAC, re.sub(_UUID, "", text) if "-" in text else text):
        digits = re.sub("[:-]", "", found[0].lower())
        if not digits.isdigit() and vendor(":".join(re.findall("..", digits))) is not None:
            return "a MAC address"
    for found in re.finditer(_DIGITS, text):
        digits = found[0]
        if len(digits) == 15 and digits.startswith(_REPORTING_BODIES) and _luhn(digits):
            return "an IMEI"
        if len(digits) in (19, 20) and digits.startswith("89") and _luhn(digits):
            return "an ICCID"
    # most texts have none of the words, and searching for them is faster than the patterns
    if "imsi" in low and re.search(_IMSI, text):
        return "an IMSI"
    if ("sn" in low or "s/n" in low or "serial" in low) and re.search(_SERIAL, text):
        return "a serial number"
    return "a host name" if ("." in text or "-" in text) and re.search(_HOST, text) else None


def _contains(low: str, mac: str | None) -> bool:
    """Whether a text contains a MAC address, with or without colons; all zeros is not one."""
    if mac is None or mac == "00:00:00:00:00:00":
        return False
    return mac.replace(":", "") in low.replace(":", "").replace("-", "")


def _luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    total = 0
    for index, char in enumerate(reversed(digits)):
        value = int(char) * (2 if index % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
