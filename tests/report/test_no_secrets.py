"""No secret of a recorded capture is in any output of any format, in whatever spelling."""

from __future__ import annotations

import base64
import functools
import io
import json
import re
from pathlib import Path

import pytest

from dissector.analysis import Options, run
from dissector.cli.options import AUDIT_FORMATS, FORMATS, SHARED
from dissector.report.json_lines import JsonLines
from tests.cli.running import dissector
from tests.conftest import ROOT
from tests.report.auditing import analyzed, audited

RECORDED = ROOT / "samples" / "recorded"
HOUSEHOLD = ROOT / "samples" / "household" / "household.pcap"
SHORTEST = 6  # what is shorter occurs by chance


def _secrets(path: Path) -> set[str]:
    """Give passwords, authentication data and queries of a capture, as the JSON shows them.

    What some client says openly, a user name or a topic, is no secret that could be looked for.
    """
    stream = io.BytesIO()
    lines = JsonLines(stream, show_secrets=True)
    outcome = run([str(path)], Options(), lines)
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
    """Give the secrets of each recorded capture that has any."""
    paths = (*sorted(RECORDED.glob("*.pcap*")), HOUSEHOLD)
    return {path: texts for path in paths if (texts := _secrets(path))}


def spellings(secret: bytes) -> set[bytes]:
    """Give a secret as it is, and what is sure of it in base64, however it is aligned."""
    made = {secret.lower()}
    for before in range(3):
        code = base64.b64encode(b"\0" * before + secret)
        start, stop = (before * 8 + 5) // 6, (before + len(secret)) * 8 // 6
        made |= {code[start:stop].lower(), code[start:stop].translate(_URL).lower()}
    return made


_URL = bytes.maketrans(b"+/", b"-_")
_BETWEEN = re.compile(rb"[\s:.,|]|\\n")  # what dumps put between bytes


def holds(data: bytes, secret: bytes) -> bool:
    """Whether an output holds a secret in one of its spellings."""
    low = data.lower()
    dense = _BETWEEN.sub(b"", low)
    digits = secret.hex().encode()
    return digits in low or digits in dense or any(shape in low for shape in spellings(secret))


def test_the_search_finds_what_is_there() -> None:
    """The test itself sees a secret as text, in hex, in a dump, and inside of base64."""
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
def test_no_audit_tells_a_secret(form: str) -> None:
    """Not one secret of a capture is in the audit of it."""
    for path, texts in secrets().items():
        data = audited(path, form)
        assert data
        for text in texts:
            assert not holds(data, text.encode()), (path.name, text)


@pytest.mark.parametrize("form", SHARED)
def test_no_analysis_tells_a_secret(form: str) -> None:
    """Nor in the formats that analyses share with audits."""
    for path, texts in secrets().items():
        data = analyzed(path, form)
        for text in texts:
            assert not holds(data, text.encode()), (path.name, text)


@pytest.mark.parametrize("form", [form for form in FORMATS if form not in SHARED])
def test_no_report_of_an_analysis_tells_a_secret(form: str) -> None:
    """Nor in those that only analyses have; all captures as one, through the command."""
    ran = dissector("analyze", "--all", "--format", form, *map(str, secrets()))
    for texts in secrets().values():
        for text in texts:
            assert not holds(ran.out.encode() + ran.err.encode(), text.encode()), text


def test_shown_secrets_are_found() -> None:
    """With --show-secrets the JSON has them: what is searched for is what would be shown."""
    for path, texts in secrets().items():
        data = audited(path, "json", show_secrets=True)
        assert all(holds(data, text.encode()) for text in texts)
