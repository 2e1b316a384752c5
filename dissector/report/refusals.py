"""Codes of refusals in, how a person reads them out: short in a table, in words below it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dissector.model import Version
from dissector.mqtt import spec

# What servers mean by the codes of 3.1 and 3.1.1, where the name alone does not say it.
_BESIDES = {
    1: "the server does not take this version of MQTT",
    2: "the server does not allow this client id",
    3: "the server cannot serve now",
    4: "servers say so of wrong credentials, 3.1.1 of malformed ones",
    5: "many servers say so of a wrong password, too",
}


def short(code: int, version: Version | None) -> str:
    """Write a code as its version's standard does: hexadecimal in 5.0."""
    return f"0x{code:02X}" if version is Version.V5_0 else str(code)


def meanings(refusals: Iterable[tuple[int, Version | None]]) -> Iterator[str]:
    """Give a line for each code that is written differently."""
    lines: dict[str, str] = {}
    for code, version in sorted(refusals, key=lambda each: each[0]):
        words = spec.return_code_name(code, version)
        if version is not Version.V5_0 and code in _BESIDES:
            words += f" ({_BESIDES[code]})"
        lines.setdefault(short(code, version), words)
    for shown, words in lines.items():
        yield f"code {shown}: {words}"
