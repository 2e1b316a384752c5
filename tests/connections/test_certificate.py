"""Parsing of X.509 certificates, also of damaged ones."""

from __future__ import annotations

import datetime
import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from dissector.connections import certificate
from tests.tls_peers import NAME, authority, identity, server


def test_a_server_certificate() -> None:
    """Subject, issuer, names, times, key and fingerprints are read."""
    found = certificate.read(server().der)
    assert found is not None
    assert found.subject == f"CN={NAME}"
    assert found.issuer == "CN=test authority"
    assert found.common_name == NAME
    assert found.names == (NAME, "10.0.0.2")
    assert (found.key_type, found.key_bits, found.curve) == ("EC", 256, "secp256r1")
    assert found.signature_hash == "sha256"
    assert not found.self_signed and not found.self_issued
    assert found.is_authority is False
    assert found.fingerprint == hashlib.sha256(server().der).hexdigest()
    assert found.key_fingerprint is not None and len(found.key_fingerprint) == 64
    begun = server().certificate.not_valid_before_utc
    assert found.not_before_ns == int(begun.timestamp()) * 1_000_000_000
    assert found.not_after_ns - found.not_before_ns == 366 * 86_400 * 1_000_000_000


def test_self_signed() -> None:
    """A self-signed certificate is distinguished from one that only names itself as issuer."""
    root = certificate.read(authority().der)
    assert root is not None and root.self_signed and root.is_authority
    forged = certificate.read(identity("test authority", authority()).der)
    assert forged is not None and forged.self_issued and not forged.self_signed


@pytest.mark.parametrize(
    ("key", "reported"),
    [
        (rsa.generate_private_key(65537, 2048), ("RSA", 2048, None)),
        (ec.generate_private_key(ec.SECP384R1()), ("EC", 384, "secp384r1")),
        (ed25519.Ed25519PrivateKey.generate(), ("Ed25519", None, None)),
        (dsa.generate_private_key(1024), ("DSA", 1024, None)),
    ],
    ids=["RSA", "EC", "Ed25519", "DSA"],
)
def test_keys(key: object, reported: tuple[str, int | None, str | None]) -> None:
    """Type, size and curve of a key are read."""
    found = certificate.read(identity(key=key).der)
    assert found is not None
    assert (found.key_type, found.key_bits, found.curve) == reported
    assert (found.signature_hash is None) == (reported[0] == "Ed25519")


def test_signature_hash() -> None:
    """The hash algorithm of the signature is read."""
    found = certificate.read(identity(algorithm=hashes.SHA512()).der)
    assert found is not None and found.signature_hash == "sha512"


def test_far_years() -> None:
    """The end of a certificate of 9999 is clamped to what 64-bit nanoseconds can represent."""
    now = datetime.datetime.now(datetime.UTC)
    forever = (datetime.datetime(9999, 12, 30, tzinfo=datetime.UTC) - now).days
    found = certificate.read(identity(days=(-1, forever)).der)
    assert found is not None
    assert found.not_before_ns < found.not_after_ns < 1 << 63


@given(st.data())
def test_any_bytes_are_read(data: st.DataObject) -> None:
    """Damaged certificates give None or the readable fields, and never raise."""
    der = bytearray(server().der)
    for _ in range(data.draw(st.integers(1, 4))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    certificate.read(bytes(der))
    assert certificate.read(data.draw(st.binary(max_size=40))) is None
