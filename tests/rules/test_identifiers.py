"""Tests which identifiers are recognized in a text, and which look-alikes are not."""

from __future__ import annotations

import pytest

from dissector.rules.identifiers import identifier

MAC = "02:00:00:00:00:01"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("lamp-020000000001", "the MAC address"),
        ("24:0a:c4:12:34:56", "a MAC address"),
        ("esp_240AC4123456_out", "a MAC address"),
        ("esp240AC4123456", None),  # a longer run of characters may be random text
        ("356938035643809", "an IMEI"),
        ("356938035643808", None),  # the check digit is wrong
        ("123456789012347", None),  # the check digit is right, the prefix is not assigned
        ("89490200001234567892", "an ICCID"),
        ("imsi-262011234567890", "an IMSI"),
        ("IMSI:901701234567890", "an IMSI"),
        ("imsi-162011234567890", None),
        ("262011234567890", None),
        ("maximsi262011234567890", None),
        ("serial_no: 4711A083", "a serial number"),
        ("sn4711083", "a serial number"),
        ("SN: 4711083", "a serial number"),
        ("S/N 12AB34CD", "a serial number"),
        ("snapshot-123456", None),
        ("serial-port-1", None),
        ("anna@example.org", "an e-mail address"),
        ("raspberrypi.local", "a host name"),
        ("cam.upstairs.lan", "a host name"),
        ("mosqpub|4711-LAPTOP-7B2QX1CD", "a host name"),
        ("Annas-iPhone", "a host name"),
        ("12.local", None),
        ("home/local/lamp", None),
        ("DESKTOP-SENSOR", None),
        ("6ba7b810-9dad-11d1-80b4-240ac4123456", "a MAC address"),  # version 1 of a UUID
        ("6ba7b810-9dad-41d1-80b4-240ac4123456", None),  # version 4: random
        ("lamp", None),
        ("", None),
    ],
)
def test_identifier(text: str, kind: str | None) -> None:
    """Numbers are recognized by check digit and prefix, or by a label in the text."""
    assert identifier(text, MAC) == kind


def test_the_loopback_interface_has_no_mac_address() -> None:
    """An address of all zeros is not a MAC address."""
    assert identifier("meter-000000000000", "00:00:00:00:00:00") is None


def test_a_long_text_takes_no_time() -> None:
    """Only the beginning of a text is searched, and no pattern needs quadratic time."""
    for text in ("a." * 600, "sn" * 600, "1" * 1200, "a-" * 600, "imsi" * 300, "x@" * 600):
        identifier(text, MAC)
