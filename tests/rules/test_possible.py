"""Where nothing more is seen of a connection, its server shows if a close was due in view."""

from __future__ import annotations

import pytest

from dissector.model import Confidence, Severity
from dissector.rules.examples import ACCEPTED_311, CLIENT_CLOSES, CONNECT_5, CONNECT_311
from samples.build import conversation
from tests.judging import judge, judge_steps

PUBLISH = "C 30 05 00 01 61 68 69"
REFUSED = ("S 20 02 00 05", "S 20 03 00 87 00")
FIRSTS = {
    "SEQ09": (CONNECT_311, REFUSED[0]), "SEQ11": (CONNECT_5,), "SEQ16": (
        CONNECT_311, ACCEPTED_311, "C e0 00"),
}  # fmt: skip
OTHER = ("HOST 7", CONNECT_311, ACCEPTED_311)


@pytest.mark.parametrize("rule", FIRSTS)
def test_a_server_that_is_seen_after_the_deadline(rule: str) -> None:
    """A missing close is possible, an info, and the message says why only that."""
    report = judge_steps((*FIRSTS[rule], *OTHER, "+40", PUBLISH))
    (finding,) = [item for item in report.findings if item.rule == rule]
    assert (finding.severity, finding.confidence) == (Severity.INFO, Confidence.POSSIBLE)
    assert "Only possible" in finding.message


@pytest.mark.parametrize("rule", FIRSTS)
@pytest.mark.parametrize(
    "more",
    [
        (),
        (*OTHER, "+1", PUBLISH),
        ("S FIN", "C FIN", *OTHER, "+40", PUBLISH),
        ("C RST", *OTHER, "+40", PUBLISH),
    ],
    ids=["nothing else", "not after the deadline", "closed", "reset"],
)
def test_what_proves_nothing(rule: str, more: tuple[str, ...]) -> None:
    """Without the server after the deadline, or with a close, there is no finding."""
    report = judge_steps((*FIRSTS[rule], *more))
    assert rule not in {item.rule for item in report.findings}


def test_a_connection_that_is_seen_itself() -> None:
    """If the connection is seen after the deadline the finding is more than possible."""
    report = judge_steps((*FIRSTS["SEQ09"], "+40"))
    (finding,) = [item for item in report.findings if item.rule == "SEQ09"]
    assert finding.confidence is not Confidence.POSSIBLE


def test_a_server_of_which_bytes_are_missing() -> None:
    """A gap in another connection of the server may hide a close, too: not evaluated."""
    steps = (*FIRSTS["SEQ09"], *OTHER, PUBLISH, PUBLISH, "+40", PUBLISH)
    frames = conversation(steps)
    payload = bytes.fromhex(PUBLISH[2:])
    lost = next(at for at, frame in enumerate(frames) if frame.payload == payload)
    report = judge(frames[:lost] + frames[lost + 1 :])
    assert "SEQ09" not in {item.rule for item in report.findings}
    assert "SEQ09" in {item.rule for item in report.not_evaluated}


def test_another_server_proves_nothing() -> None:
    """Only connections of the same address and port count."""
    frames = conversation(FIRSTS["SEQ09"])
    later = conversation(
        (CONNECT_311, ACCEPTED_311, "+40", *CLIENT_CLOSES),
        server_ip=bytes((10, 0, 0, 3)), start_ns=frames[-1].time_ns,
    )  # fmt: skip
    assert "SEQ09" not in {item.rule for item in judge([*frames, *later]).findings}
