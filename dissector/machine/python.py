"""Checks the running Python, its packages, and whether our modules are compiled."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import shutil
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from dissector.machine import build, install
from dissector.machine.check import Check, State

DISTRIBUTION = "mqtt-dissector"
MINIMUM_PYTHON = (3, 11)
_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)[^;]*?(?:>=\s*([0-9][0-9.]*))?[^;]*(;.*)?$")


def python() -> Check:
    """Checks the version of Python."""
    version = platform.python_version()
    what = f"{platform.python_implementation()} {version} on {platform.machine()}"
    if sys.version_info[:2] < MINIMUM_PYTHON:
        need = "{}.{}".format(*MINIMUM_PYTHON)
        return Check(
            "python", "Python", State.MISSING, f"{what}; {need} or later is needed",
            f"install Python {need} or later and this package for it", version, sys.executable,
        )  # fmt: skip
    return Check("python", "Python", State.OK, what, None, version, sys.executable)


def core() -> Check:
    """Checks which of the modules with a .pxd file are compiled."""
    interpreted, compiled = [], 0
    for name in build.modules():
        spec = importlib.util.find_spec(name)
        origin = "" if spec is None or spec.origin is None else spec.origin
        if origin.endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES)):
            compiled += 1
        else:
            interpreted.append(name)
    total = compiled + len(interpreted)
    if not total:
        return Check("python", "core", State.LIMITED, "its .pxd files cannot be found")
    stale = build.stale()
    if stale:
        names = ", ".join(stale[:3]) + (", …" if stale[3:] else "")
        what = f"{len(stale)} compiled modules are older than their sources: {names}"
        return Check(
            "python", "core", State.LIMITED, f"{what}; edits have no effect", _build_command()
        )
    if not interpreted:
        return Check("python", "core", State.OK, f"compiled: all {total} modules of the hot path")
    if compiled:
        what = f"{len(interpreted)} of {total} modules are interpreted: {', '.join(interpreted)}"
    else:
        what = f"interpreted: all {total} modules of the hot path"
    return Check("python", "core", State.LIMITED, f"{what}; same reports, slower", _build_command())


def dependencies() -> list[Check]:
    """Checks whether each required package is installed, new enough, and can be imported."""
    try:
        required = importlib.metadata.requires(DISTRIBUTION) or []
        names = importlib.metadata.packages_distributions()
    except (importlib.metadata.PackageNotFoundError, OSError):
        what = "dissector is not installed as a package, so its requirements are unknown"
        fix = install.package(DISTRIBUTION)
        return [Check("dependencies", DISTRIBUTION, State.LIMITED, what, fix)]
    found = []
    for text in sorted(required, key=str.lower):
        match = _REQUIREMENT.match(text)
        if match is None or "extra" in (match[3] or ""):
            continue
        found.append(_dependency(match[1], match[2] or "0", text.partition(";")[0], names))
    return found


def _dependency(name: str, minimum: str, requirement: str, names: Mapping[str, list[str]]) -> Check:
    fix = install.package(requirement.strip())
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Check("dependencies", name, State.MISSING, "not installed", fix)
    if _numbers(version) < _numbers(minimum):
        what = f"{version}; {minimum} or later is needed"
        return Check("dependencies", name, State.MISSING, what, fix, version)
    modules = [module for module, owners in names.items() if name in owners]
    module = next((each for each in modules if each.lower() == name.lower()), None)
    if module is not None:
        try:
            importlib.import_module(module)
        except Exception as error:  # a foreign package: whatever it raises is to be reported
            what = f"{version}, but it cannot be imported: {type(error).__name__}: {error}"
            reinstall = fix.replace(" install ", " install --force-reinstall ", 1)
            return Check("dependencies", name, State.MISSING, what, reinstall, version)
    return Check("dependencies", name, State.OK, version, None, version)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])


def _build_command() -> str:
    """Returns the commands that compile the modules on this machine."""
    source, editable = _origin()
    steps = [install.rebuild(source, editable)]
    headers = os.path.isfile(os.path.join(sysconfig.get_path("include"), "Python.h"))
    if not headers or not any(map(shutil.which, ("cc", "gcc", "clang"))):
        steps.insert(0, install.program("compiler"))
    return " && ".join(steps)


def _origin() -> tuple[str | None, bool]:
    """Returns the directory that pip installed from, else None, and whether it is editable."""
    try:
        text = importlib.metadata.distribution(DISTRIBUTION).read_text("direct_url.json")
    except (importlib.metadata.PackageNotFoundError, OSError):
        return str(Path(__file__).resolve().parents[2]), True
    if not text:
        return None, False
    origin = json.loads(text)
    url = str(origin.get("url", ""))
    if not url.startswith("file://"):
        return None, False
    from urllib.parse import unquote

    return unquote(url.removeprefix("file://")), bool(origin.get("dir_info", {}).get("editable"))
