"""Names are technical terms: no former private vocabulary, and no class name used twice."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

# Former names in this project, and the terms that replace them
FORMER_CLASSES = {
    "Hearing": "FindingCollector", "Listener": "EventSink", "Sight": "Tracker",
    "Following": "Tracker", "Framing": "Tracker", "Tracking": "AnalysisContext",
    "Keeper": "ReassemblyContext", "View": "CaptureQuality", "Half": "StreamDirection",
    "Delivery": "StreamDirection", "Direction": "StreamDirection", "Turns": "CausalOrder",
    "Past": "ClosedStream", "Pending": "SegmentBuffer", "Recent": "DeliveredRing or BoundedDict",
    "Table": "FlowTable", "Moment": "AuditContext", "Trait": "ConnectionFlag",
    "History": "ActivityTracker", "Carrier": "Encapsulation", "Pen": "JsonBuffer",
}  # fmt: skip
FORMER_NAMES = {
    "told": "reported", "heard_ns": "last_seen_ns", "strayed": "foreign_segments",
    "mixed": "ambiguous", "disordered": "out_of_order", "steady": "monotonic_clock",
    "octets": "integers", "remembered": "entities", "tracking": "analysis_context",
    "hearing": "finding_collector", "listener": "event_sink", "keeper": "reassembly_context",
    "moment": "audit_context", "trait": "connection_flag", "traits": "connection_flags",
    "carrier": "encapsulation", "turns": "causal_order",
}  # fmt: skip
MODULES = sorted((ROOT / "dissector").rglob("*.py"))
EVERYWHERE = [
    path for part in ("dissector", "tests", "benchmarks", "samples")
    for path in sorted((ROOT / part).rglob("*.py"))
]  # fmt: skip


def defined(path: Path) -> Iterator[tuple[str, str]]:
    """Yields (kind, name) of the classes, functions, attributes and arguments of a module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            yield "class", node.name
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield "name", node.name
        elif isinstance(node, ast.arg):
            yield "name", node.arg
        elif isinstance(node, ast.Attribute):
            yield "name", node.attr
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield "name", node.target.id


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_former_name(path: Path) -> None:
    """No module, class, function, attribute or argument has a former name."""
    former = {name.lower() for name in FORMER_CLASSES} & {path.stem} - {
        "framing",
        "table",
        "direction",
    }
    assert not former, f"module {path.stem}"
    for kind, name in defined(path):
        bare = name.lstrip("_")
        assert kind != "class" or bare not in FORMER_CLASSES, f"{name}: {FORMER_CLASSES[bare]}"
        assert bare not in FORMER_NAMES, f"{name}: {FORMER_NAMES[bare]}"


def test_no_declaration_has_a_former_name() -> None:
    """No declaration for the compiler has a former name."""
    words = re.compile(rf"\b({'|'.join([*FORMER_CLASSES, *FORMER_NAMES])})\b")
    for path in sorted((ROOT / "dissector").rglob("*.pxd")):
        found = words.search(path.read_text(encoding="utf-8"))
        assert found is None, f"{path.relative_to(ROOT)}: {found[0] if found else ''}"


def test_no_two_classes_share_a_name() -> None:
    """A class name is used once in the whole project."""
    places = defaultdict(list)
    for path in EVERYWHERE:
        for kind, name in defined(path):
            if kind == "class":
                places[name].append(str(path.relative_to(ROOT)))
    twice = {name: found for name, found in places.items() if len(found) > 1}
    assert not twice
