"""JSON of every format is inert in a terminal, and loses nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dissector.text import is_invisible
from samples.build import conversation, pcap
from tests.cli.running import dissector

ALIEN = "a\x1b[31m\x7f\x85\x9b\xad\u061c\u200b\u200f\u202e\u2028\u2066\ufeff\U000e0041é😀z"


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """A capture with a finding, whose client id and user name have invisible characters."""
    name = ALIEN.encode()
    field = len(name).to_bytes(2, "big") + name
    body = b"\0\4MQTT\4\x82\0\x3c" + field + field
    steps = ("C " + (bytes((0x10, len(body))) + body).hex(" "), "S 20 02 01 00", "C FIN", "S FIN")
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap(conversation(steps)))
    return path


@pytest.mark.parametrize(
    "words",
    [("--format", form) for form in ("json", "jsonl", "eve", "sarif")]
    + [("audit", "--format", form) for form in ("json", "jsonl", "eve", "sarif")],
    ids=" ".join,
)
def test_invisible_characters_are_escaped(capture: Path, words: tuple[str, ...]) -> None:
    r"""Controls, bidi and zero-width characters are ``\uNNNN``; a parser returns them unchanged."""
    out = dissector(*words, str(capture)).out
    assert not {char for char in out if is_invisible(char) and char != "\n"}
    parsed = (
        [json.loads(line) for line in out.splitlines()]
        if words[-1] in ("jsonl", "eve")
        else [json.loads(out)]
    )
    texts = list(_texts(parsed))
    if words[-1] != "sarif":  # which has the client id only as part of an escaped text
        assert ALIEN in texts


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [text for item in value for text in _texts(item)] if isinstance(value, list) else []
