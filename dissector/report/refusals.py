"""Formats refusal codes for people: short in a table, explained below it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dissector.model import Version
from dissector.mqtt import spec

# Meaning of the codes of 3.1 and 3.1.1 where the name is not enough.
_EXPLANATIONS = {
    1: "the server does not support this MQTT version",
    2: "the server does not allow this client id",
    3: "the MQTT service is currently unavailable",
    4: "servers send it for wrong credentials; 3.1.1 means malformed ones",
    5: "many servers also send it for a wrong password",
}


def short(code: int, version: Version | None) -> str:
    """Formats a code as the standard of its version does: hexadecimal in 5.0."""
    return f"0x{code:02X}" if version is Version.V5_0 else str(code)


def meanings(refusals: Iterable[tuple[int, Version | None]]) -> Iterator[str]:
    """Returns an explanation for each different code."""
    lines: dict[str, str] = {}
    for code, version in sorted(refusals, key=lambda each: each[0]):
        words = spec.return_code_name(code, version)
        if version is not Version.V5_0 and code in _EXPLANATIONS:
            words += f" ({_EXPLANATIONS[code]})"
        lines.setdefault(short(code, version), words)
    for shown, words in lines.items():
        yield f"code {shown}: {words}"
