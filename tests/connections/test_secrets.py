"""Tests the detection of default, weak and derived passwords."""

from __future__ import annotations

import base64
import hashlib

import pytest

from dissector.connections.secrets import derivation, is_default, weakness, will_content
from tests.judging import judge_steps


def source_of(password: bytes, client_id: str = "meter-8Q27X1", user: str = "greenhouse") -> object:
    """Returns what a password is derived from."""
    fields = (client_id.encode(), user.encode(), password)
    body = b"\0\4MQTT\4\xc2\0\x3c" + b"".join(len(x).to_bytes(2, "big") + x for x in fields)
    packet = bytes((0x10, len(body) & 127 | 128, len(body) >> 7)) + body
    (handshake,) = judge_steps((f"C {packet.hex()}",)).handshakes
    assert handshake.connect is not None
    return derivation(handshake.connect, "24:0a:c4:12:34:56", 6)


@pytest.mark.parametrize(
    ("password", "what"),
    [
        (b"meter-8Q27X1", "is the client id"),
        (b"METER-8q27x1!", "contains the client id"),
        (b"greenhouse99", "contains the user name"),
        (b"24-0A-C4-12-34-56", "contains the MAC address"),
        (b"pw8Q27X1", "contains a serial number in the client id"),
        (base64.b64encode(b"greenhouse"), "is the user name in base64"),
        (b"greenhouse".hex().encode(), "is the user name in hex"),
        (hashlib.sha256(b"greenhouse").hexdigest().encode(), "is the SHA-256 of the user name"),
        (base64.b64encode(hashlib.sha1(b"meter-8Q27X1").digest()), "is the SHA-1 of the client id"),
        (b"Zq7-unlikely-Pw", None),
        (b"green", None),
        (b"", None),
    ],
)
def test_derivation(password: bytes, what: str | None) -> None:
    """A password derived from data that is visible on the network is recognized."""
    assert source_of(password) == what


def test_short_identifiers_are_ignored() -> None:
    """A short client id may be part of a password by chance."""
    assert source_of(b"xx-lamp-yy-zz", client_id="lamp", user="anna") is None


def test_default_and_weak_passwords() -> None:
    """Default pairs match in any case; weak: short, common, only digits, or the user name."""
    assert is_default("Admin", b"ADMIN")
    assert not is_default("admin", b"Zq7-unlikely-Pw")
    assert not is_default(None, b"admin")
    assert weakness(b"2718281828", "anna", 8) == "consists of digits"
    assert weakness(b"Zq7-x", "anna", 8) == "has fewer than 8 bytes"
    assert weakness(b"gardenia", "Gardenia", 8) == "is the user name"
    assert weakness(b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8", "anna", 8) is None


@pytest.mark.parametrize(
    ("message", "what"),
    [
        (b'{"password": "x"}', "a secret"),
        (b"gone from 192.168.1.20", "an IP address"),
        (b"gone from 172.20.1.20", "an IP address"),
        (b"offline, firmware 1.10.0.4", None),
        (b"10.1", None),
        (b"-----BEGIN PRIVATE KEY-----", "a key"),
        (b"offline", None),
    ],
)
def test_will_content(message: bytes, what: str | None) -> None:
    """Secrets and addresses of private networks are recognized, version numbers are not."""
    assert will_content(message) == what
