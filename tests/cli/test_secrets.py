"""Passwords never leave the process, whatever the format."""

from __future__ import annotations

from pathlib import Path

import pytest

from samples.build import conversation, pcap
from tests.cli.running import dissector

SECRET = b"Hush!Hush!7"


def connect(flags: int, *, declared: int | None = None, after: bytes = b"") -> str:
    """Give a CONNECT with user name and password, perhaps with a false length or trailing bytes."""
    length = len(SECRET) if declared is None else declared
    body = b"\0\4MQTT\4" + bytes((flags,)) + b"\0\x3c\0\1a\0\1u"
    body += length.to_bytes(2, "big") + SECRET + after
    return "C " + (bytes((0x10, len(body))) + body).hex(" ")


CAPTURES = {
    "well formed": connect(0xC2),
    "with a defect elsewhere": connect(0xC3),
    "password longer than the packet": connect(0xC2, declared=200),
    "bytes left over": connect(0xC2, declared=3),
    "no password flag": connect(0x82),
    "password without user name flag": connect(0x42),
}


@pytest.mark.parametrize("kind", CAPTURES)
@pytest.mark.parametrize("form", ["table", "text", "concise", "json", "jsonl"])
def test_no_format_shows_a_password(tmp_path: Path, kind: str, form: str) -> None:
    """Neither as text nor as hex does a password appear, also in malformed packets."""
    path = tmp_path / "a.pcap"
    steps = (CAPTURES[kind], "S 20 02 01 00", "C e0 00", "C FIN", "S FIN")
    path.write_bytes(pcap(conversation(steps)))
    ran = dissector("--format", form, "--all", str(path))
    for text in (ran.out, ran.err):
        assert SECRET.decode() not in text
        assert SECRET[3:].decode() not in text
        squeezed = text.replace(" ", "").lower()
        assert SECRET[3:].hex() not in squeezed
