"""docs/architecture.md is true: what it names exists, its layers are those of the contract."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text()
NAMED = sorted(set(re.findall(r"`([\w./]+(?:/|\.py|\.md|\.toml|\.pxd))`", PAGE)))
MEMBERS = sorted(set(re.findall(r"`(\w+)\.(\w+)(?:\(\))?`", PAGE)))
PACKAGE = ROOT / "dissector"


@pytest.mark.parametrize("name", NAMED)
def test_named_paths_exist(name: str) -> None:
    """A path is relative to the root or the package; a bare name is that of any module."""
    places = [ROOT / name, PACKAGE / name]
    assert any(place.exists() for place in places) or any(PACKAGE.rglob(name))


@pytest.mark.parametrize(
    ("owner", "member"), [pair for pair in MEMBERS if pair[1] not in ("py", "md", "toml", "pxd")]
)
def test_named_members_exist(owner: str, member: str) -> None:
    """A named attribute occurs in the file of its class or module."""
    files = [
        text
        for path in PACKAGE.rglob("*.py")
        if re.search(rf"^class {owner}\b", text := path.read_text(), re.M) or path.stem == owner
    ]
    assert any(re.search(rf"\b{member}\b", text) for text in files)


def test_layers_are_those_of_the_import_contract() -> None:
    """The table has every part of the package once, from the top layer to the bottom."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contract = settings["tool"]["importlinter"]["contracts"][0]
    wanted = [set(re.findall(r"\w+", layer)) for layer in contract["layers"]]
    rows = re.findall(r"^\| (`.+?) \|", PAGE, re.M)
    found = [
        {name.removesuffix("/").removesuffix(".py") for name in re.findall(r"`(.+?)`", row)}
        for row in rows
    ]
    assert [layer - {"__init__"} for layer in found] == wanted
