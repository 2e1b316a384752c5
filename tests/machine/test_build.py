"""The list of compiled modules, and the detection of sources edited after compiling."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from dissector.machine import build


def test_modules_are_those_with_a_pxd() -> None:
    """The modules to compile are those with a .pxd file; no list is kept."""
    names = build.modules()
    assert "dissector.capture.batch" in names
    assert "dissector.cli.main" not in names
    for name in names:
        assert (build.PACKAGE.parent / (name.replace(".", "/") + ".py")).exists()


def test_an_edited_source_is_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that differs from its checksum at build time is stale; without sums none is."""
    package = tmp_path / "dissector"
    package.mkdir()
    for name in ("one.py", "two.py"):
        (package / name).write_text("x = 1\n")
    digest = sha256(b"x = 1\n").hexdigest()
    sums = package / "_compiled.sha256"
    sums.write_text(f"{digest}  dissector/one.py\n{digest}  dissector/two.py\n")
    monkeypatch.setattr(build, "PACKAGE", package)
    monkeypatch.setattr(build, "SUMS", sums)
    monkeypatch.setattr(build, "compiled", lambda: True)
    assert build.stale() == []
    (package / "two.py").write_text("x = 2\n")
    assert build.stale() == ["dissector/two.py"]
    (package / "one.py").unlink()
    assert build.stale() == ["dissector/one.py", "dissector/two.py"]
    sums.unlink()
    assert build.stale() == []
