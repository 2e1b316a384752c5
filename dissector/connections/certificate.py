"""Parses X.509 certificates (DER) with `cryptography`, which is imported only when needed.

Certificates are untrusted input: fields that cannot be read are None or empty, and a certificate
that cannot be read at all gives None. Nothing here checks whether a certificate is to be trusted.
"""

from __future__ import annotations

import functools
import warnings
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509

_EPOCH_YEARS = (1678, 2262)  # the range of nanoseconds in 64 bits


class Certificate(msgspec.Struct, frozen=True):
    """Content of one certificate. Times are nanoseconds since the epoch, clamped to 1678 to 2261.

    `subject` and `issuer` are RFC 4514 texts, `names` the common name and the names of Subject
    Alternative Name (DNS names and addresses), without duplicates. `key_type` is "RSA", "EC",
    "Ed25519", …; `key_bits` its size, `curve` that of EC. `signature_hash` is "sha256" and the
    like, None if the signature algorithm has no separate hash. `self_signed`: it is signed with its
    own key; `self_issued`: subject and issuer are the same. `is_authority`: it may sign others.
    `fingerprint` is the SHA-256 of the DER, `sha1` its SHA-1, which some programs still show,
    `key_fingerprint` the SHA-256 of the public key (SPKI), in hex.
    """

    subject: str
    issuer: str
    common_name: str | None
    names: tuple[str, ...]
    serial: str
    not_before_ns: int
    not_after_ns: int
    key_type: str
    key_bits: int | None
    curve: str | None
    signature_hash: str | None
    self_issued: bool
    self_signed: bool
    is_authority: bool | None
    fingerprint: str
    key_fingerprint: str | None
    sha1: str


@functools.lru_cache(maxsize=1024)
def read(der: bytes) -> Certificate | None:
    """Reads a certificate; None if it cannot be read."""
    from cryptography import x509

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about unusual certificates, which are expected here
        try:
            found = x509.load_der_x509_certificate(der)
            return _read(found, der)
        except Exception:  # whatever the parser raises for untrusted bytes
            return None


def _read(found: x509.Certificate, der: bytes) -> Certificate:
    import hashlib  # it loads OpenSSL, which is not needed for unencrypted traffic

    subject, issuer = found.subject.rfc4514_string(), found.issuer.rfc4514_string()
    common_name = _common_name(found)
    names = dict.fromkeys([*([] if common_name is None else [common_name]), *_alternatives(found)])
    kind, bits, curve = _key(found)
    return Certificate(
        subject=subject,
        issuer=issuer,
        common_name=common_name,
        names=tuple(names),
        serial=f"{found.serial_number:x}",
        not_before_ns=_ns(found.not_valid_before_utc),
        not_after_ns=_ns(found.not_valid_after_utc),
        key_type=kind,
        key_bits=bits,
        curve=curve,
        signature_hash=_signature_hash(found),
        self_issued=found.subject == found.issuer,
        self_signed=_self_signed(found),
        is_authority=_is_authority(found),
        fingerprint=hashlib.sha256(der).hexdigest(),
        key_fingerprint=_key_fingerprint(found),
        sha1=hashlib.sha1(der, usedforsecurity=False).hexdigest(),
    )


def _ns(when: datetime) -> int:
    from datetime import UTC, datetime

    first, last = _EPOCH_YEARS
    bounded = when.replace(year=min(max(when.year, first), last - 1), tzinfo=UTC)
    passed = bounded - datetime(1970, 1, 1, tzinfo=UTC)
    return (passed.days * 86_400 + passed.seconds) * 1_000_000_000


def _common_name(found: x509.Certificate) -> str | None:
    from cryptography.x509.oid import NameOID

    for attribute in found.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        return str(attribute.value)
    return None


def _extension(found: x509.Certificate, kind: Any) -> Any:
    """Returns the value of an extension, None if it is missing or cannot be read."""
    try:
        return found.extensions.get_extension_for_class(kind).value
    except Exception:  # missing, duplicate, or malformed: three kinds of exception
        return None


def _alternatives(found: x509.Certificate) -> list[str]:
    from cryptography import x509

    value = _extension(found, x509.SubjectAlternativeName)
    if value is None:
        return []
    names = [str(name) for name in value.get_values_for_type(x509.DNSName)]
    return names + [str(address) for address in value.get_values_for_type(x509.IPAddress)]


def _is_authority(found: x509.Certificate) -> bool | None:
    from cryptography import x509

    value = _extension(found, x509.BasicConstraints)
    return None if value is None else bool(value.ca)


def _key(found: x509.Certificate) -> tuple[str, int | None, str | None]:
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

    try:
        key = found.public_key()
    except Exception:  # an algorithm or a curve that the library does not know
        return "unknown", None, None
    if isinstance(key, rsa.RSAPublicKey):
        return "RSA", key.key_size, None
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "EC", key.curve.key_size, key.curve.name
    if isinstance(key, dsa.DSAPublicKey):
        return "DSA", key.key_size, None
    return type(key).__name__.removesuffix("PublicKey").lstrip("_"), None, None


def _key_fingerprint(found: x509.Certificate) -> str | None:
    import hashlib

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        raw = found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except Exception:  # as above
        return None
    return hashlib.sha256(raw).hexdigest()


def _signature_hash(found: x509.Certificate) -> str | None:
    try:
        algorithm = found.signature_hash_algorithm
    except Exception:  # one that the library does not know
        return None
    return None if algorithm is None else algorithm.name


def _self_signed(found: x509.Certificate) -> bool:
    if found.subject != found.issuer:
        return False
    try:
        found.verify_directly_issued_by(found)
    except Exception:  # another key made the signature, or it cannot be checked
        return False
    return True
