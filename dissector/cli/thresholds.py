"""Reads the thresholds of audit rules from the configuration's table `thresholds`."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from dissector.errors import OptionError
from dissector.model import Version
from dissector.rules.thresholds import Thresholds

_VERSIONS = [version.value for version in Version]
_MOST = (1 << 31) - 1
_NUMBER = f"a whole number, 0 to {_MOST}"


def thresholds(table: Mapping[str, object]) -> Thresholds:
    """Checks each value: with an invalid one a rule would fire never, or always."""
    defaults = {field.encode_name: field.default for field in msgspec.structs.fields(Thresholds)}
    for name, value in table.items():
        if name not in defaults:
            from difflib import get_close_matches

            near = get_close_matches(name, defaults, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(defaults)}"
            raise OptionError(f"unknown threshold {name!r}; {hint}")
        wanted = _required(name, value, defaults[name])
        if wanted:
            raise OptionError(f"thresholds: {name} is {value!r}; it has to be {wanted}")
    return msgspec.convert(dict(table), Thresholds)


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
