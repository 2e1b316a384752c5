"""What the command imports at start-up, which has to be fast."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import CLEAN
from tests.conftest import ROOT

HEAVY = {"scapy", "pyshark", "textual", "rich", "tabulate", "msgspec", "lxml", "asyncio"}
NEVER = HEAVY - {"tabulate", "msgspec"}


def modules_of(*arguments: str) -> set[str]:
    """Runs the command and returns the names of the modules that it imported."""
    code = (
        "import sys\n"
        "from dissector.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "except SystemExit:\n    pass\n"
        "sys.stderr.write('\\n'.join(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        env=CLEAN,
        cwd=ROOT,
        check=True,
        timeout=60,
    )
    return set(done.stderr.decode().split())


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("analyze", "--help"),
        ("rules", "--help"),
        ("show", "--help"),
        ("live", "--help"),
    ],
)
def test_help_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    """Help imports no engine, no rules, no report."""
    found = modules_of(*arguments)
    assert not {name.split(".")[0] for name in found} & (HEAVY | {"dataclasses", "inspect"})
    assert "dissector.analysis" not in found
    assert "dissector.rules.base" not in found


def test_analysis_never_imports_the_other_engines(good: Path) -> None:
    """An analysis imports no scapy or pyshark; with JSON also no statements and tables."""
    found = modules_of("--format", "json", str(good))
    assert not {name.split(".")[0] for name in found} & (NEVER | {"tabulate"})
    assert "dissector.mqtt.statements" not in found
    assert not {name.split(".")[0] for name in modules_of(str(good))} & NEVER
    assert "dissector.layers" not in found
