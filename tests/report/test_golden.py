"""Complete reports of known captures, compared with golden files character by character."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.running import dissector
from tests.conftest import ROOT

GOLDEN = ROOT / "tests" / "golden"
CAPTURES = {
    "ses01": "samples/made/ses01-session-present-after-clean-session.pcap",
    "enc05": "samples/made/enc05-text-not-utf8.pcap",
}
FORMATS = {
    "table": (),
    "concise": ("--format", "concise"),
    "json": ("--format", "json"),
    "jsonl": ("--format", "jsonl"),
    "statistics": ("--statistics",),
}
# differs between installations
TOOL = re.compile(r'"version":"[^"]*","engine":"native","compiled":(true|false)')


@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize("form", FORMATS)
def test_report_is_unchanged(capture: str, form: str, update_golden: bool) -> None:
    """Changes of a report show up in review; `pytest --update-golden` rewrites the files."""
    if not (ROOT / CAPTURES[capture]).is_file():
        pytest.skip(f"{CAPTURES[capture]} was not made; python -m samples.make")
    ran = dissector(*FORMATS[form], CAPTURES[capture], DISSECTOR_FINGERPRINT_KEY="golden")
    text = TOOL.sub('"version":"this one"', ran.out)
    path = Path(GOLDEN / f"{capture}.{form}.txt")
    if update_golden:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text
