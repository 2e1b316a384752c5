"""How this installation was built, and that edited sources of compiled modules are noticed."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from dissector.machine import build


def test_modules_are_those_with_a_pxd() -> None:
    """A module is compiled because it has a .pxd: no list is kept."""
    names = build.modules()
    assert "dissector.capture.batch" in names
    assert "dissector.cli.main" not in names
    for name in names:
        assert (build.PACKAGE.parent / (name.replace(".", "/") + ".py")).exists()


def test_an_edited_source_is_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that differs from its sum at build time is named; without sums nothing is."""
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
