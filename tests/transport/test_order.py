"""Rule examples that are captured out of order, or with different copies, give no new finding."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence

import pytest

import dissector
from dissector.rules.base import Example, Rule
from dissector.rules.registry import all_rules, find
from samples.build import Frame, conversation
from tests.judging import judge, rules_of
from tests.net.wire import ACK, SECOND, SYN
from tests.transport.connection_builder import C, ConnectionBuilder, S
from tests.transport.handshakes import FALSE
from tests.transport.row import one_pcap, timed

EXAMPLES = [
    pytest.param(rule, example, id=f"{rule.id} {example.title}")
    for rule in all_rules()
    for example in (*rule.bad, *rule.good)
]


def parties(report: dissector.Report) -> set[tuple[str, str]]:
    """Returns rule and side of each finding."""
    return {(item.rule, item.side.value) for item in report.findings}


def moved(frames: Sequence[Frame], order: Sequence[int]) -> list[Frame]:
    """Puts frames into another order, with the times of their new positions."""
    return [
        frames[index]._replace(time_ns=place.time_ns)
        for place, index in zip(frames, order, strict=True)
    ]


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_swapped_neighbours_add_no_finding(rule: Rule, example: Example) -> None:
    """Swapping any two consecutive frames adds no finding."""
    frames = conversation(example.steps, server_port=example.port)
    whole = parties(judge(frames))
    for at in range(len(frames) - 1):
        order = [*range(at), at + 1, at, *range(at + 2, len(frames))]
        added = parties(judge(moved(frames, order))) - whole
        assert not added, f"frames {at + 1} and {at + 2} swapped"


@pytest.mark.parametrize(
    ("rule", "title", "seed"),
    [
        ("AUT03", "authentication and re-authentication", 3),
        ("AUT04", "the short form ends a re-authentication", 1),
        ("AUT05", "re-authentication fails", 1),
        ("AUT01", "AUTH only", 5),
    ],
)
def test_reordered_frames_add_no_finding(rule: str, title: str, seed: int) -> None:
    """Moving frames by up to eight positions adds no finding."""
    found = find(rule)
    assert found is not None
    (example,) = [item for item in (*found.bad, *found.good) if item.title == title]
    frames = conversation(example.steps, server_port=example.port)
    rng = random.Random(seed)
    places = [at + rng.uniform(0, 8) for at in range(len(frames))]
    order = sorted(range(len(frames)), key=places.__getitem__)
    assert parties(judge(moved(frames, order))) <= parties(judge(frames))


def analyse(connection: ConnectionBuilder) -> dissector.Report:
    """Returns the report on a connection."""
    return dissector.analyze(io.BytesIO(one_pcap(timed(connection.frames))[0]))


def test_copies_with_different_flags_give_no_finding() -> None:
    """If two copies of a CONNECT differ, it is unknown which one the server answered."""
    other = bytearray(FALSE.connect)
    other[9] ^= 2  # Clean Start
    connection = (
        ConnectionBuilder(40000).open().send(C, FALSE.connect).send_at(C, 0, bytes(other)).ack(S)
    )
    report = analyse(connection.connack(FALSE).close())
    assert {warning.kind for warning in report.warnings} == {"overlap-different-bytes"}
    assert rules_of(report) == set()


def test_a_half_open_connection_is_not_silent() -> None:
    """A client that never acknowledged the SYN/ACK has no connection on which to send a CONNECT."""
    connection = ConnectionBuilder(40000).add(C, SYN).add(S, SYN | ACK)
    connection.add(S, SYN | ACK, seq=5000, pause=40 * SECOND)
    assert rules_of(analyse(connection)) == set()
