"""Adding a rule is adding one file: everything else is derived from it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import dissector.rules
from dissector.cli.main import main
from dissector.model import Severity, Version
from dissector.rules import registry
from dissector.rules.examples import ACCEPTED_311, CONNECT_311, GRACEFUL_CLOSE
from tests.judging import judge_steps

FILE = '''"""NEW01: a Keep Alive of exactly one minute."""

from __future__ import annotations

from dissector.rules.authoring import *


class KeepAliveOfAMinute(HandshakeRule):
    """The client asks for a Keep Alive of 60 seconds.

    What it checks
    --------------
    The Keep Alive of the CONNECT.

    Why it matters
    --------------
    It does not: this rule is a test.

    Fix on the client
    -----------------
    Ask for 61 seconds.

    Fix on the server
    -----------------
    None.

    Known false alarms
    ------------------
    None.
    """

    id = "NEW01"
    name = "keep-alive-of-a-minute"
    side = Side.CLIENT
    severity = Severity.INFO
    statements = both("MQTT-3.1.2-23")
    asks = ConnectionFlag.CONNACK
    bad = (Example("a minute", (CONNECT_311, ACCEPTED_311, *GRACEFUL_CLOSE)),)
    good = ()

    def check(self, connection: Connection) -> Verdict:
        """Reports a minute."""
        connect = connection.connect
        if connect is None or connect.frame is None or connect.keep_alive != 60:
            return None
        return Failure(message="the Keep Alive is 60 s", at=connect.frame)
'''
STEPS = (CONNECT_311, ACCEPTED_311, *GRACEFUL_CLOSE)


@pytest.fixture
def new_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Puts a file with a rule into a new group of the package."""
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "new01_keep_alive_of_a_minute.py").write_text(FILE)
    monkeypatch.setattr(dissector.rules, "__path__", [*dissector.rules.__path__, str(tmp_path)])
    registry.all_rules.cache_clear()
    yield
    registry.all_rules.cache_clear()
    for name in [name for name in sys.modules if name.startswith("dissector.rules.new")]:
        del sys.modules[name]


@pytest.mark.usefixtures("new_rule")
def test_rule_of_a_new_file_is_judged() -> None:
    """A rule is found in its file, evaluated where its flags are set, and cites its statement."""
    (finding,) = judge_steps(STEPS).findings
    assert (finding.rule, finding.name) == ("NEW01", "keep-alive-of-a-minute")
    assert (finding.severity, finding.version) == (Severity.INFO, Version.V3_1_1)
    assert finding.statements == ("MQTT-3.1.2-23",)


@pytest.mark.usefixtures("new_rule")
def test_rule_of_a_new_file_can_be_selected_and_has_its_page(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`--select` knows its group, and `dissector rules` shows its docstring and example."""
    assert registry.selected(("NEW",), ()) == {"NEW01"}
    assert main(["rules", "NEW01"]) == 0
    page = capsys.readouterr().out
    assert "Ask for 61 seconds." in page
    assert "a minute" in page


def test_without_the_file_there_is_no_such_rule() -> None:
    """Nothing else in the package knows the rule."""
    assert not judge_steps(STEPS).findings
