"""No output format contains a secret of a recorded capture, in any encoding."""

from __future__ import annotations

import base64
import functools
import io
import json
import re
from pathlib import Path

import pytest

from dissector.analysis import run
from dissector.capture.rings import groups
from dissector.cli.options import AUDIT_FORMATS, FORMATS
from dissector.options import Options
from dissector.report.json_lines import JsonLines
from tests.cli.running import dissector
from tests.conftest import ROOT
from tests.report.auditing import SHARED, analyzed, audited

RECORDED = ROOT / "samples" / "recorded"
HOUSEHOLD = ROOT / "samples" / "household" / "household.pcap"
SHORTEST = 6  # shorter secrets occur by chance


def _secrets(path: Path) -> set[str]:
    """Returns passwords, authentication data and queries of a capture, as the JSON shows them.

    Texts that also occur as a client id, user name or topic are excluded.
    """
    stream = io.BytesIO()
    lines = JsonLines(stream, show_secrets=True)
    outcome = run(groups([str(path)]), Options(), lines)
    lines.finish(outcome.capture, outcome.summary, outcome.not_evaluated)
    found: set[str | None] = set()
    reported = ""
    for line in map(json.loads, stream.getvalue().splitlines()):
        connect, connack = line.get("connect") or {}, line.get("connack") or {}
        reported += " ".join(
            str(connect.get(key)) for key in ("clientId", "username", "lastWillTopic")
        )
        found.add(connect.get("password"))
        found.add(connect.get("properties", {}).get("authenticationData"))
        found.add(connack.get("properties", {}).get("authenticationData"))
        found.add((line.get("http") or {}).get("query"))
    reported = reported.lower()
    return {
        text for text in found if text and len(text) >= SHORTEST and text.lower() not in reported
    }


@functools.cache
def secrets() -> dict[Path, set[str]]:
    """Returns the secrets of each recorded capture that has any."""
    paths = (*sorted(RECORDED.glob("*.pcap*")), HOUSEHOLD)
    return {path: texts for path in paths if (texts := _secrets(path))}


def encodings(secret: bytes) -> set[bytes]:
    """Returns a secret unchanged, and the fixed part of its base64 at each alignment."""
    made = {secret.lower()}
    for before in range(3):
        code = base64.b64encode(b"\0" * before + secret)
        start, stop = (before * 8 + 5) // 6, (before + len(secret)) * 8 // 6
        made |= {code[start:stop].lower(), code[start:stop].translate(_URL).lower()}
    return made


_URL = bytes.maketrans(b"+/", b"-_")
_BETWEEN = re.compile(rb"[\s:.,|]|\\n")  # separators of bytes in dumps


def holds(data: bytes, secret: bytes) -> bool:
    """Whether an output contains a secret in one of its encodings."""
    low = data.lower()
    dense = _BETWEEN.sub(b"", low)
    digits = secret.hex().encode()
    return digits in low or digits in dense or any(shape in low for shape in encodings(secret))


def test_the_search_finds_secrets() -> None:
    """The search finds a secret as text, in hex, in a dump, and inside base64."""
    secret = b"correct-horse"
    for data in (
        b"x correct-horse y", secret.hex().encode(), secret.hex(" ").upper().encode(),
        secret.hex(":").encode(), base64.b64encode(b"user:" + secret + b"!"),
        base64.urlsafe_b64encode(b"u:" + secret),
    ):  # fmt: skip
        assert holds(data, secret), data
    assert not holds(b"correct, horse", secret)
    assert {"correct-horse", "wrong-horse"} <= {
        text for texts in secrets().values() for text in texts
    }


@pytest.mark.parametrize("form", AUDIT_FORMATS)
def test_no_audit_contains_a_secret(form: str) -> None:
    """No format of an audit contains a secret of the capture."""
    for path, texts in secrets().items():
        data = audited(path, form)
        assert data or form == "concise"  # no line without a finding
        for text in texts:
            assert not holds(data, text.encode()), (path.name, text)


@pytest.mark.parametrize("form", SHARED)
def test_no_analysis_contains_a_secret(form: str) -> None:
    """No format that analyses share with audits contains a secret."""
    for path, texts in secrets().items():
        data = analyzed(path, form)
        for text in texts:
            assert not holds(data, text.encode()), (path.name, text)


@pytest.mark.parametrize("form", [form for form in FORMATS if form not in SHARED])
def test_no_report_of_an_analysis_contains_a_secret(form: str) -> None:
    """No other format of analyses contains a secret; all captures as one, through the command."""
    ran = dissector("analyze", "--all", "--format", form, *map(str, secrets()))
    for texts in secrets().values():
        for text in texts:
            assert not holds(ran.out.encode() + ran.err.encode(), text.encode()), text


def test_shown_secrets_are_found() -> None:
    """With --show-secrets the JSON contains them, so the search looks for the right texts."""
    for path, texts in secrets().items():
        data = audited(path, "json", show_secrets=True)
        assert all(holds(data, text.encode()) for text in texts)
