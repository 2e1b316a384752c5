"""Passwords are in no output, whatever the format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dissector.cli.options import FORMATS
from samples.build import conversation, pcap
from tests.cli.running import dissector

SECRET = b"Hush!Hush!7"


def connect(flags: int, *, declared: int | None = None, after: bytes = b"") -> str:
    """Returns a CONNECT step with a password, optionally with a wrong length or extra bytes."""
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
    """No format shows a password as text or as hex, also of malformed packets."""
    path = tmp_path / "a.pcap"
    steps = (CAPTURES[kind], "S 20 02 01 00", "C e0 00", "C FIN", "S FIN")
    path.write_bytes(pcap(conversation(steps)))
    ran = dissector("--format", form, "--all", str(path))
    for text in (ran.out, ran.err):
        assert SECRET.decode() not in text
        assert SECRET[3:].decode() not in text
        squeezed = text.replace(" ", "").lower()
        assert SECRET[3:].hex() not in squeezed


@pytest.mark.parametrize("size", [5, 12, 16, 17, 22, 16 + len(SECRET)])
def test_no_protocol_name_shows_a_password(tmp_path: Path, size: int) -> None:
    """If the length of the protocol name covers the password, no part of it is shown.

    The packet is a second CONNECT: a first one with such a name is not detected as MQTT.
    """
    wrong = bytearray.fromhex(connect(0xC2).removeprefix("C "))
    wrong[3] = size
    path = tmp_path / "a.pcap"
    steps = (connect(0xC2), "S 20 02 00 00", "C " + wrong.hex(" "), "C FIN", "S FIN")
    path.write_bytes(pcap(conversation(steps)))
    for words in (
        *(("analyze", "--all", "--format", form) for form in FORMATS),
        ("show", "-V", "-x"),
    ):
        ran = dissector(*words, str(path))
        text = ran.out + ran.err
        for begin in range(len(SECRET) - 2):
            part = SECRET[begin : begin + 3]
            assert part.decode() not in text, words
            assert part.hex(" ") not in text, words
            assert part.hex() not in text.replace(" ", "").lower() or begin, words
    (reported,) = [
        finding["message"]
        for finding in json.loads(dissector("--format", "json", str(path)).out)["findings"]
        if finding["rule"] in ("CON01", "ENC13")
    ]
    assert reported == (
        f'the protocol name has {size} bytes, "MQTT…", where "MQTT" has 4; '
        "the length in front of it is probably wrong"
    )
