"""The code keeps to its architecture: layers, circles, declarations for the compiler, limits.

`lint-imports` checks the layers of what is imported when the program runs; these tests include what
is imported for type checkers only. Class names: `tests/test_names.py`.
"""

from __future__ import annotations

import ast
import functools
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import grimp
import msgspec
import pytest

from dissector.net.limits import Limits
from tests.conftest import ROOT

PACKAGE = ROOT / "dissector"
PAGE = (ROOT / "docs" / "architecture.md").read_text()
NAMED = sorted(set(re.findall(r"`([\w./]+(?:/|\.py|\.md|\.toml|\.pxd))`", PAGE)))
DECLARATIONS = sorted(PACKAGE.rglob("*.pxd"))

# The warning that is given when a limit is reached; times are limits of waiting, not of memory.
LIMIT_WARNINGS = {
    "direction_bytes": "buffer-limit",
    "buffered_bytes": "buffer-limit",
    "kept_bytes": "memory-limit",
    "connections": "connection-limit",
    "undecided": "connection-limit",
    "flows": "flow-limit",
    "closed": "stream-limit",
    "fragments": "fragment-limit",
    "fragment_bytes": "fragment-limit",
}
WAITING = {"linger_ns", "hole_segments", "hole_ns", "fragment_ns"}


@functools.cache
def imports() -> dict[str, list[str]]:
    """Returns the modules that each module imports, also for type checkers only."""
    graph = grimp.build_graph("dissector", exclude_type_checking_imports=False, cache_dir=None)
    return {
        module.removeprefix("dissector."): sorted(
            name.removeprefix("dissector.")
            for name in graph.find_modules_directly_imported_by(module)
        )
        for module in sorted(graph.modules)
    }


def circles(edges: Mapping[str, Sequence[str]]) -> list[set[str]]:
    """Returns the sets of modules that import each other, directly or not (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in edges[name]:
            if other not in index:
                visit(other)
            if other in stack:
                low[name] = min(low[name], low[other])
        if low[name] == index[name]:
            members = set(stack[stack.index(name) :])
            del stack[stack.index(name) :]
            if len(members) > 1:
                found.append(members)

    for name in edges:
        if name not in index:
            visit(name)
    return found


def contract() -> dict[str, Any]:
    """Returns the contract of the layers."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found: dict[str, Any] = settings["tool"]["importlinter"]["contracts"][0]
    return found


def test_the_contract_covers_every_part() -> None:
    """Each module and package at the top is in one layer, and the contract demands that."""
    named = [name.strip() for layer in contract()["layers"] for name in layer.split("|")]
    there = {path.stem for path in PACKAGE.glob("*.py")} | {
        path.parent.name for path in PACKAGE.glob("*/__init__.py")
    }
    assert sorted(named) == sorted(there - {"__init__"})
    assert contract()["exhaustive"]


def test_no_module_imports_a_higher_layer() -> None:
    """No import goes up or to the side, not even one for type checkers only."""
    rank = {
        name.strip(): number
        for number, layer in enumerate(contract()["layers"])
        for name in layer.split("|")
    }
    found = set()
    for module, others in imports().items():
        top = module.split(".")[0]
        for other in others:
            part = other.split(".")[0]
            if top in rank and part in rank and top != part and rank[top] >= rank[part]:
                found.add((module, other))
    assert not found


def test_no_modules_import_each_other() -> None:
    """There is no circle of imports, those for type checkers included."""
    assert not circles(imports())


def test_a_circle_is_found() -> None:
    """A circle over two modules is found, and what only leads to it is no part of it."""
    edges = {"a": ["b"], "b": ["c", "d"], "c": ["b"], "d": []}
    assert circles(edges) == [{"b", "c"}]


@pytest.mark.parametrize("name", NAMED)
def test_paths_in_the_page_exist(name: str) -> None:
    """A path is relative to the root or the package; a bare name is that of any module."""
    places = [ROOT / name, PACKAGE / name]
    assert any(place.exists() for place in places) or any(PACKAGE.rglob(name))


@functools.cache
def declared() -> dict[str, tuple[str, str]]:
    """Returns the base and the declarations of each class in a .pxd file."""
    found = {}
    for path in DECLARATIONS:
        parts = re.split(r"^cdef class (\w+)(?:\((\w+)\))?.*:\n", path.read_text(), flags=re.M)
        for name, base, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
            inside = re.match(r"(?:[ \t].*\n|\n)*", body)
            assert inside is not None
            found[name] = (base or "", inside[0])
    return found


def attributes(name: str) -> set[str]:
    """Returns all words in the declaration of a class and of its bases."""
    words: set[str] = set()
    while name in declared():
        name, body = declared()[name]
        words |= set(re.findall(r"\w+", body))
    return words


@pytest.mark.parametrize("path", DECLARATIONS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_declarations_belong_to_a_module(path: Any) -> None:
    """A .pxd file has its .py file, and declares every attribute that a class of it sets."""
    if path.stem == "__init__":
        return
    module = path.with_suffix(".py")
    assert module.exists()
    classes = set(re.findall(r"^cdef class (\w+)", path.read_text(), re.M))
    for node in ast.walk(ast.parse(module.read_text())):
        if not isinstance(node, ast.ClassDef) or node.name not in classes:
            continue
        assigned = {
            part.attr
            for part in ast.walk(node)
            if isinstance(part, ast.Attribute)
            and isinstance(part.ctx, ast.Store)
            and isinstance(part.value, ast.Name)
            and part.value.id == "self"
        }
        properties = {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
        assert assigned - properties <= attributes(node.name), node.name


@pytest.mark.parametrize("name", [field.name for field in msgspec.structs.fields(Limits)])
def test_every_limit_has_a_warning_and_a_test(name: str) -> None:
    """Each limit that is reached is reported by a warning, and a test sets it."""
    tests = [
        path.read_text()
        for path in (ROOT / "tests").rglob("test_*.py")
        if path.name != "test_architecture.py"
    ]
    assert any(re.search(rf"\b{name}\b", text) for text in tests)
    if name in WAITING:
        return
    kind = f'"{LIMIT_WARNINGS[name]}"'
    assert any(kind in path.read_text() for path in PACKAGE.rglob("*.py"))
    assert any(re.search(rf"\b{name}=", text) and kind in text for text in tests)
