"""The public API: names, types, docstrings, start-up, and the example in the README."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import dissector
from tests.conftest import ROOT


def test_every_public_name_is_there_and_documented() -> None:
    """Each name in `__all__` exists; classes and functions have docstrings."""
    for name in dissector.__all__:
        value = getattr(dissector, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), name
    assert set(dissector.__all__) <= set(dir(dissector))


def test_unknown_name() -> None:
    """An unknown name raises AttributeError."""
    with pytest.raises(AttributeError, match="no_such_name"):
        dissector.no_such_name  # noqa: B018


def test_public_modules_are_documented() -> None:
    """Every module of the package has a docstring."""
    missing = []
    for path in sorted((ROOT / "dissector").rglob("*.py")):
        text = path.read_text()
        if text.strip() and not re.match(r'(#.*\n)*r?"""', text):
            missing.append(path.name)
    assert missing == []


def test_typed() -> None:
    """The package ships `py.typed`."""
    assert (Path(str(dissector.__file__)).parent / "py.typed").exists()


def test_readme_example(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example in the README runs and prints the finding."""
    text = (ROOT / "README.md").read_text()
    example = re.search(r"<!-- python-example -->\n```python\n(.*?)```", text, re.DOTALL)
    assert example is not None
    monkeypatch.chdir(ROOT)
    exec(compile(example[1], "README.md", "exec"), {})
    assert capsys.readouterr().out == (
        "a True True accepted\n"
        "SES01 server sessionPresent=1 in reply to cleanSession=1; "
        "a clean session starts with nothing kept, so it must be 0\n"
    )


@pytest.mark.parametrize(
    ("code", "never"),
    [
        ("import dissector", "msgspec scapy tabulate cython"),
        ("import dissector.cli.main as m; m.main(['--help'])", "msgspec scapy tabulate inspect"),
        (
            "import dissector.cli.main as m; "
            "m.main(['analyze', '--format', 'jsonl', "
            "'samples/made/ses01-session-present-after-clean-session.pcap'])",
            "scapy pyshark tabulate textual rich",
        ),
    ],
)
def test_nothing_heavy_is_imported(code: str, never: str) -> None:
    """The common commands import no heavy library, because start-up has to be fast."""
    body = code.replace("; ", "\n    ")
    script = f"import sys\ntry:\n    {body}\nexcept SystemExit:\n    pass\n"
    script += "print(chr(10) + 'modules:', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    loaded = done.stdout.rsplit("modules:", 1)[1].split()
    assert not set(never.split()) & {name.split(".")[0] for name in loaded}
