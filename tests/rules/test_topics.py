"""Tests the detection of sensitive topics."""

from __future__ import annotations

import pytest

from dissector.rules.sec.topics import sensitive_level


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
