"""Refusal codes: how they are formatted and explained."""

from __future__ import annotations

import pytest

from dissector.model import Outcome, Version
from dissector.mqtt import spec
from dissector.report.style import Style
from dissector.report.text_report import TextReport, refusal_code, refusal_meanings
from tests.report.builders import connack, handshake, report, written

V3_1, V3_1_1, V5_0 = Version.V3_1, Version.V3_1_1, Version.V5_0


def test_codes_are_formatted_by_version() -> None:
    """Codes are decimal in 3.1, 3.1.1 and an unknown version, hexadecimal in 5.0."""
    codes = ((5, V3_1), (5, V3_1_1), (5, None), (0x87, V5_0))
    assert [refusal_code(code, version) for code, version in codes] == [
        "5", "5", "5", "0x87",
    ]  # fmt: skip


@pytest.mark.parametrize("code", range(1, 6))
def test_codes_of_3_are_named_and_explained(code: int) -> None:
    """Each code of the standard's table has its name and an explanation."""
    (line,) = refusal_meanings({(code, V3_1), (code, V3_1_1)})
    assert line.startswith(f"code {code}: {spec.RETURN_CODES[code]} (")


def test_a_code_without_a_name_is_unknown() -> None:
    """A code that is not for CONNACK has no name, even if another packet has it."""
    assert list(refusal_meanings([(6, V3_1_1), (1, V5_0), (0x10, V5_0)])) == [
        "code 0x01: unknown (0x01)", "code 6: unknown (0x06)", "code 0x10: unknown (0x10)",
    ]  # fmt: skip
    assert spec.return_code_name(0x87, V5_0) == "Not authorized"
    assert spec.reason_code_name(0x10) == "No matching subscribers"


def test_the_table_explains_its_codes() -> None:
    """Refusal codes are explained below the table; an accepted handshake has none."""
    refused = handshake(connack=connack(return_code=5), outcome=Outcome.REFUSED)
    text = written(report(handshakes=[refused], findings=[]), TextReport, Style()).decode()
    assert "refused 5" in text
    assert "\ncode 5: not authorized (many servers also send it for a wrong password)\n" in text
    assert "\ncode" not in written(report(), TextReport, Style()).decode()
