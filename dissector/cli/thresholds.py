"""Reads the tables `thresholds` (of audit rules) and `deadlines` of the configuration."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from dissector.connections.deadlines import LONGEST, Deadlines
from dissector.connections.thresholds import Thresholds
from dissector.errors import OptionError
from dissector.model import Version

_VERSIONS = [version.value for version in Version]
_MOST = (1 << 31) - 1
_NUMBER = f"a whole number, 0 to {_MOST}"


def thresholds(table: Mapping[str, object]) -> Thresholds:
    """Checks each value: with an invalid one a rule would fire never, or always."""
    defaults = {field.encode_name: field.default for field in msgspec.structs.fields(Thresholds)}
    for name, value in table.items():
        _check_name(name, defaults, "threshold")
        wanted = _required(name, value, defaults[name])
        if wanted:
            raise OptionError(f"thresholds: {name} is {value!r}; it has to be {wanted}")
    return msgspec.convert(dict(table), Thresholds)


def deadlines(table: Mapping[str, object]) -> Deadlines:
    """Checks each value: a number of seconds, more than 0."""
    defaults = {field.encode_name: field.default for field in msgspec.structs.fields(Deadlines)}
    for name, value in table.items():
        _check_name(name, defaults, "deadline")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 < value <= LONGEST:  # type: ignore[operator]
            wanted = f"a number of seconds, more than 0 and at most {LONGEST:,}"
            raise OptionError(f"deadlines: {name} is {value!r}; it has to be {wanted}")
    return msgspec.convert(dict(table), Deadlines)


def _check_name(name: str, known: Mapping[str, object], what: str) -> None:
    if name in known:
        return
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(known)}"
    raise OptionError(f"unknown {what} {name!r}; {hint}")


def _required(name: str, value: object, default: object) -> str:
    """Returns what the value has to be; "" if it is valid."""
    if isinstance(default, int):
        good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST
        return "" if good else _NUMBER
    if isinstance(default, str):
        return "" if value in _VERSIONS else f"one of {', '.join(_VERSIONS)}"
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return "a list of strings"
    if name == "tunnels":
        return "" if all(map(_is_network, value)) else "a list of networks"
    if name in ("bridges", "gateways"):
        return "" if all(map(_is_address, value)) else "a list of IP addresses"
    return ""


def _is_network(text: str) -> bool:
    import ipaddress

    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _is_address(text: str) -> bool:
    import ipaddress

    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
