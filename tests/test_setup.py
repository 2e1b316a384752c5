"""The build compiles all modules that have a .pxd, or none of them."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, need_tool

NAMES = [f"part{number}" for number in range(6)]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with our setup.py and six small modules."""
    need_tool("gcc")
    package = tmp_path / "dissector"
    package.mkdir()
    (package / "__init__.py").touch()
    (tmp_path / "setup.py").write_bytes((ROOT / "setup.py").read_bytes())
    for name in NAMES:
        (package / f"{name}.py").write_text("def twice(value: int) -> int:\n    return 2 * value\n")
        (package / f"{name}.pxd").write_text("cpdef long long twice(long long value)\n")
    return tmp_path


def build(project: Path, compiler: str, required: bool = False) -> subprocess.CompletedProcess[str]:
    """Runs the build with a C compiler; returns the finished process."""
    environment = {**os.environ, "CC": compiler}
    if required:
        environment["DISSECTOR_REQUIRE_COMPILED"] = "1"
    command = [sys.executable, "setup.py", "build_ext", "--build-lib", "out"]
    return subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=120
    )


def built(project: Path) -> list[str]:
    """Returns the names of the files that the build has written, without suffixes."""
    return sorted(path.name.partition(".")[0] for path in (project / "out").rglob("*.*"))


def test_all_modules_are_compiled(project: Path) -> None:
    """With a compiler there is an extension per .pxd, the shared one, and the checksums."""
    done = build(project, "gcc")
    assert done.returncode == 0, done.stderr
    assert built(project) == ["_compiled", "_cython", *NAMES]
    sums = (project / "out/dissector/_compiled.sha256").read_text().splitlines()
    assert len(sums) == 2 * len(NAMES)


def failing_compiler(path: Path) -> str:
    """Writes a compiler that fails on one of the six files."""
    path.write_text('#!/bin/sh\ncase "$*" in *part4.c*) exit 1;; esac\nexec gcc "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.mark.parametrize("broken", ["no compiler", "one module fails"])
def test_none_is_compiled_if_one_fails(project: Path, broken: str) -> None:
    """If the compiler fails on one file or on all, the build succeeds without extensions."""
    compiler = "/bin/false" if broken == "no compiler" else failing_compiler(project / "cc")
    done = build(project, compiler)
    assert done.returncode == 0, done.stderr
    assert "not compiled" in done.stdout + done.stderr
    assert built(project) == []


def test_a_failure_is_an_error_if_compiling_is_required(project: Path) -> None:
    """With DISSECTOR_REQUIRE_COMPILED=1, as for wheels, a failing compiler fails the build."""
    assert build(project, "/bin/false", required=True).returncode != 0
