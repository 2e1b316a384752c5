"""Looks up the names of TLS versions, cipher suites, alerts and groups by their numbers.

The cipher suites are those of IANA's registry, in `tls_suites.csv` beside this file, which is read
at the first look-up. A look-up never fails: a number without a name is formatted as a number.
"""

from __future__ import annotations

import functools
import re

# IANA's names; TLS_SHA256_SHA256 and similar suites have no encryption (RFC 9150)
_BROKEN = re.compile(r"_(?:NULL|anon|EXPORT|RC4|DES|DES40|3DES|RC2)_|_MD5$|^TLS_SHA\d+_")

VERSIONS = {
    0x0300: "SSL 3.0",
    0x0301: "TLS 1.0",
    0x0302: "TLS 1.1",
    0x0303: "TLS 1.2",
    0x0304: "TLS 1.3",
}
TLS_1_2, TLS_1_3 = 0x0303, 0x0304

ALERTS = {
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    21: "decryption_failed",
    22: "record_overflow",
    30: "decompression_failure",
    40: "handshake_failure",
    41: "no_certificate",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    60: "export_restriction",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    90: "user_canceled",
    100: "no_renegotiation",
    109: "missing_extension",
    110: "unsupported_extension",
    111: "certificate_unobtainable",
    112: "unrecognized_name",
    113: "bad_certificate_status_response",
    114: "bad_certificate_hash_value",
    115: "unknown_psk_identity",
    116: "certificate_required",
    120: "no_application_protocol",
    121: "ech_required",
}

GROUPS = {
    19: "secp192r1",
    21: "secp224r1",
    22: "secp256k1",
    23: "secp256r1",
    24: "secp384r1",
    25: "secp521r1",
    26: "brainpoolP256r1",
    27: "brainpoolP384r1",
    28: "brainpoolP512r1",
    29: "x25519",
    30: "x448",
    256: "ffdhe2048",
    257: "ffdhe3072",
    258: "ffdhe4096",
    259: "ffdhe6144",
    260: "ffdhe8192",
    4587: "SecP256r1MLKEM768",
    4588: "X25519MLKEM768",
    4589: "SecP384r1MLKEM1024",
}


def version_name(number: int) -> str:
    """Return the name of a version, such as "TLS 1.2" for 0x0303."""
    return VERSIONS.get(number) or f"0x{number:04x}"


def alert_name(number: int) -> str:
    """Return the standard's name of an alert description."""
    return ALERTS.get(number) or str(number)


def group_name(number: int) -> str:
    """Return the name of a key exchange group."""
    return GROUPS.get(number) or f"0x{number:04x}"


def suite_name(number: int) -> str:
    """Return IANA's name of a cipher suite, such as "TLS_AES_128_GCM_SHA256"."""
    return _suites().get(number) or f"0x{number:04X}"


def is_grease(number: int) -> bool:
    """Whether a two-byte number is a GREASE value (RFC 8701)."""
    return number & 0x0F0F == 0x0A0A and number >> 8 == number & 0xFF


@functools.cache
def _suites() -> dict[int, str]:
    import csv
    from pathlib import Path

    with Path(__file__).with_name("tls_suites.csv").open(encoding="ascii", newline="") as lines:
        return {int(row["suite"], 16): row["name"] for row in csv.DictReader(lines)}


def broken(suite: str) -> bool:
    """Whether a cipher suite, by its name, has weak or no encryption, or no authentication."""
    return _BROKEN.search(suite) is not None
