"""A text in, the kind of hardware or personal data in it out: ``a MAC address``; never the data."""

from __future__ import annotations

import re

from dissector.vendors import vendor

_MAC = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{12}|[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5})(?![0-9A-Za-z])"
)
_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})*\.[A-Za-z]{2,24}")
_DIGITS = re.compile(r"(?<!\d)\d{15,20}(?!\d)")
# an IMEI begins with the number of the body that gave it out (GSMA TS.06)
_REPORTING_BODIES = ("01", "35", "86", "91", "98", "99")


def identifier(text: str, own_mac: str | None) -> str | None:
    """Say what a text holds, or None; `own_mac` is the MAC address that the frame came from."""
    text = text[:1024]
    if "@" in text and _MAIL.search(text):
        return "an e-mail address"
    if len(text) < 12:
        return None
    if own_mac is not None and own_mac.replace(":", "") in re.sub("[:-]", "", text.lower()):
        return "the MAC address"
    for found in _MAC.finditer(text):
        digits = re.sub("[:-]", "", found[0].lower())
        if not digits.isdigit() and vendor(":".join(re.findall("..", digits))) is not None:
            return "a MAC address"
    for found in _DIGITS.finditer(text):
        digits = found[0]
        if len(digits) == 15 and digits.startswith(_REPORTING_BODIES) and _luhn(digits):
            return "an IMEI"
        if len(digits) in (19, 20) and digits.startswith("89") and _luhn(digits):
            return "an ICCID"
    return None


def _luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    total = 0
    for index, char in enumerate(reversed(digits)):
        value = int(char) * (2 if index % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
