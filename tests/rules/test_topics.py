"""Tests the detection of sensitive topics and message contents."""

from __future__ import annotations

import pytest

from dissector.rules.sec.topics import sensitive_content, sensitive_level


@pytest.mark.parametrize(
    ("topic", "level"),
    [
        ("home/lamp/config", "config"),
        ("home/door/SET", "SET"),
        ("person/anna", "person"),
        ("home/ota/status", None),  # only reports that the device is offline
        ("home/lock/availability", None),
        ("home/alarm", None),
        ("configurator/lamp", None),
    ],
)
def test_sensitive_level(topic: str, level: str | None) -> None:
    """Levels are compared completely; topics that end in a word for a status are excluded."""
    assert sensitive_level(topic) == level


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
def test_sensitive_content(message: bytes, what: str | None) -> None:
    """Secrets and addresses of private networks are recognized, version numbers are not."""
    assert sensitive_content(message) == what
