"""Merges flags, environment variables and configuration files into settings.

Order of precedence: flag, environment (`DISSECTOR_FAIL_ON=warning`), project file
(`dissector.toml`, or `[tool.dissector]` in `pyproject.toml`, the nearest upward from the working
directory), user file (`~/.config/dissector/dissector.toml`). Keys are the flags' names without the
leading dashes; every command checks all of them, also those that it does not use. Options that
would be unsafe in a project file of someone else (`--output`, `--show-secrets`) are flags only. The
thresholds of audit rules are a table, `thresholds`, the deadlines of missing reactions another one,
`deadlines`, and the findings that are not to be reported a list of tables, `suppressions`; all
three in files only. A file that other users may have written is not used.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import msgspec

from dissector.cli.options import ALL_FORMATS, COLORS, ENGINES, FAIL_ON, FORMATS
from dissector.errors import OptionError
from dissector.model import ConfigFile
from dissector.report.style import counted

PROJECT_FILE = "dissector.toml"
_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off", "")


class Settings(msgspec.Struct, kw_only=True):
    """All options that a configuration may set."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    decode_as: tuple[str, ...] = ()
    format: str = "table"
    fail_on: str = "error"
    color: str = "auto"
    engine: str = "auto"
    recursive: bool = False
    join: bool = False
    separate: bool = False
    statistics: bool = False
    all: bool = False
    exit_zero: bool = False
    require_mqtt: bool = False
    strict_input: bool = False
    pedantic: bool = False
    thresholds: dict[str, Any] = {}
    deadlines: dict[str, Any] = {}
    suppressions: list[dict[str, Any]] = []
    config: tuple[ConfigFile, ...] = ()  # the files that were used; not a key


_CHOICES = {"format": ALL_FORMATS, "fail_on": FAIL_ON, "color": COLORS, "engine": ENGINES}
_TABLES = ("thresholds", "deadlines")
_FILES_ONLY = (*_TABLES, "suppressions")
_LISTS = ("select", "ignore", "decode_as")
_KEYS = tuple(name for name in Settings.__struct_fields__ if name != "config")


def resolve(
    flags: Mapping[str, Any],
    environment: Mapping[str, str],
    directory: str,
    formats: Sequence[str] = FORMATS,
) -> Settings:
    """Merges all sources; OptionError names the source of a value that cannot be used.

    A configuration applies to all commands: a format in it that this command does not support
    (not among `formats`) is replaced by the default.
    """
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}  # the file of each value
    used_files = [file for file in files(environment, directory) if file[0]]
    for source, table in used_files:
        for key, value in table.items():
            name = _name(key, source)
            values[name] = _checked(key, value, source)
            origin[name] = source
    for name in _KEYS:
        variable = f"DISSECTOR_{name.upper()}"
        if name not in _FILES_ONLY and variable in environment:
            values[name] = _of_text(name, environment[variable], variable)
            origin.pop(name, None)
        value = flags.get(name)
        if value is not None:
            values[name] = _of_flag(name, value)
            origin.pop(name, None)
    if values.get("format", formats[0]) not in formats:
        del values["format"]
        origin.pop("format", None)
    if flags.get("join") and not flags.get("separate"):  # a flag overrides what is configured
        values["separate"] = False
        origin.pop("separate", None)
    if flags.get("separate") and not flags.get("join"):
        values["join"] = False
        origin.pop("join", None)
    if values.get("join") and values.get("separate"):
        raise OptionError("--join and --separate contradict each other")
    used = [
        ConfigFile(
            source,
            tuple(_described(name, values[name]) for name in origin if origin[name] == source),
        )
        for source, _ in used_files
    ]
    return Settings(**values, config=tuple(used))


def _described(name: str, value: Any) -> str:
    """Formats a setting for the report."""
    key = name.replace("_", "-")
    if name == "suppressions":
        return counted(len(value), "suppression")
    if isinstance(value, tuple):
        return f"{key} {','.join(value)}"
    if isinstance(value, dict):
        return f"{key} {','.join(value)}"
    return f"{key} {str(value).lower()}"


def files(
    environment: Mapping[str, str], directory: str
) -> tuple[tuple[str, dict[str, Any]], tuple[str, dict[str, Any]]]:
    """Returns names and tables of the user's and the project's file, the latter overrides."""
    return user_file(environment), project_file(directory)


def project_file(directory: str) -> tuple[str, dict[str, Any]]:
    """Finds the nearest project file upward; returns its name and table, empty if it is missing."""
    place = None
    while place != directory:
        place, directory = directory, os.path.dirname(directory)
        own = os.path.join(place, PROJECT_FILE)
        found = _read(own)
        if found is not None:
            return own, found
        shared = os.path.join(place, "pyproject.toml")
        tools = (_read(shared, only=b"dissector") or {}).get("tool")
        table = tools.get("dissector") if isinstance(tools, dict) else None
        if isinstance(table, dict):
            return f"{shared} [tool.dissector]", table
    return "", {}


def user_file(environment: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """Finds the user's file; returns its name and table, empty if it is missing."""
    base = environment.get("XDG_CONFIG_HOME") or ""
    home = environment.get("HOME") or ""
    if not base and not home:
        return "", {}
    path = os.path.join(base or os.path.join(home, ".config"), "dissector", PROJECT_FILE)
    found = _read(path)
    return ("", {}) if found is None else (path, found)


def _read(path: str, only: bytes = b"") -> dict[str, Any] | None:
    """Reads a file; None if there is none, if it lacks `only`, or if others may have written it.

    A note says so in the last case. OptionError if it cannot be read or is not TOML.
    """
    if not os.path.isfile(path):
        return None
    import tomllib  # its import costs more than a small capture

    try:
        with open(path, "rb") as file:
            data = file.read()
            status = os.fstat(file.fileno())
        if only not in data:
            return None
        reason = _distrusted(status)
        if reason:
            from dissector.cli.terminal import note

            note(f"{path} is not used: {reason}")
            return None
        return tomllib.loads(data.decode("utf-8-sig"))  # Windows editors write a byte order mark
    except RecursionError:
        raise OptionError(f"{path}: not valid: its values are nested too deeply") from None
    except OSError as error:
        raise OptionError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise OptionError(f"{path}: this is not UTF-8; save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise OptionError(f"{path}: not valid TOML: {error}") from error


def _distrusted(status: os.stat_result) -> str:
    """Returns why a configuration file is not used, "" if it is: only its user may have written it.

    Under sudo the user is the one who called sudo.
    """
    if not hasattr(os, "geteuid"):
        return ""  # this system has no such owners and modes
    owners = {os.geteuid(), 0}
    if os.geteuid() == 0 and os.environ.get("SUDO_UID", "").isdigit():
        owners.add(int(os.environ["SUDO_UID"]))
    if status.st_uid not in owners:
        return "it belongs to another user; copy it to use it"
    if status.st_mode & 0o022:
        return "other users may write it; `chmod go-w` changes that"
    return ""


def _name(key: str, source: str) -> str:
    name = key.replace("-", "_")
    if name in _KEYS and (key == name.replace("_", "-") or key == name):
        return name
    from difflib import get_close_matches

    known = [field.replace("_", "-") for field in _KEYS]
    near = get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(known)}"
    raise OptionError(f"{source}: unknown key {key!r}; {hint}")


def _checked(key: str, value: Any, source: str) -> Any:
    """Returns a value in its final type; raises OptionError, with the source, for a wrong one."""
    name = key.replace("-", "_")
    if name in _TABLES:
        if not isinstance(value, dict):
            _wrong(key, value, source, "a table")
    elif name == "suppressions":
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            _wrong(key, value, source, "tables, each [[suppressions]]")
    elif name in _LISTS:
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            _wrong(key, value, source, "a list of strings")
        value = tuple(items) if name == "decode_as" else _split(items)
    elif name in _CHOICES:
        if value not in _CHOICES[name]:
            _wrong(key, value, source, f"one of {', '.join(_CHOICES[name])}")
    elif not isinstance(value, bool):
        _wrong(key, value, source, "true or false")
    try:
        _check_meaning(name, value)
    except OptionError as error:
        raise OptionError(f"{source}: {error}") from error
    return value


def _check_meaning(name: str, value: Any) -> None:
    """Raises OptionError for rules, ports and tables that are wrong, also if no command uses them.

    So every command refuses the same configurations.
    """
    if not value:
        return
    if name == "thresholds":
        from dissector.cli.thresholds import thresholds

        thresholds(value)
    elif name == "deadlines":
        from dissector.cli.thresholds import deadlines

        deadlines(value)
    elif name == "suppressions":
        from dissector.cli.known_findings import suppressions

        suppressions(value)
    elif name == "decode_as":
        from dissector.cli.inputs import ports

        ports(value)
    elif name in ("select", "ignore"):
        from dissector.rules.registry import selected

        selected(value, ())


def _of_text(name: str, text: str, variable: str) -> Any:
    if name in _LISTS:
        return _checked(name, text.split() if name == "decode_as" else [text], variable)
    if name in _CHOICES:
        return _checked(name, text, variable)
    if text.lower() in (*_TRUE, *_FALSE):
        return text.lower() in _TRUE
    return _wrong(name, text, variable, "true or false")


def _of_flag(name: str, value: Any) -> Any:
    if name == "decode_as":
        return tuple(value)
    return _split(value) if name in _LISTS else value


def _split(items: list[str]) -> tuple[str, ...]:
    return tuple(part.strip() for item in items for part in item.split(",") if part.strip())


def _wrong(key: str, value: Any, source: str, wanted: str) -> NoReturn:
    raise OptionError(f"{source}: {key} is {value!r}; it has to be {wanted}")
