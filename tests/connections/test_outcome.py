"""Handshakes of small conversations: outcome, close, latency, ids and fields."""

from __future__ import annotations

import pytest

from dissector.connections.handshake import Handshake
from dissector.model import Outcome, Side, Version
from dissector.rules.examples import (
    ACCEPTED_5,
    ACCEPTED_5_METHOD,
    ACCEPTED_311,
    CLIENT_CLOSES,
    CONNECT_5,
    CONNECT_5_METHOD,
    CONNECT_31,
    CONNECT_311,
    DISCONNECT,
    GRACEFUL_CLOSE,
    REFUSED_5,
    REFUSED_311,
    SERVER_CLOSES,
)
from samples.build import conversation
from tests.judging import judge, judge_steps, rules_of

RESERVED_FLAG = "C 10 0d 00 04 4d 51 54 54 04 03 00 3c 00 01 61"  # makes a CONNECT malformed
OTHER_CLIENT = "C 10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 62"
PUBLISH = "S 30 05 00 01 61 68 69"
AUTH_S = "S f0 06 18 04 15 00 01 4d"
AUTH_C = "C f0 06 18 04 15 00 01 4d"
MALFORMED_ACCEPTED = "S 20 02 02 00"  # a reserved flag
SHORT = "S 20 01 00"
SECOND = 1_000_000_000


def only(*steps: str) -> Handshake:
    """Returns the only handshake of a conversation."""
    handshakes = judge_steps(steps).handshakes
    assert len(handshakes) == 1
    return handshakes[0]


ENDS: dict[str, tuple[Outcome, tuple[str, ...]]] = {
    "accepted": (Outcome.ACCEPTED, (CONNECT_311, ACCEPTED_311, *GRACEFUL_CLOSE)),
    "accepted, 3.1": (Outcome.ACCEPTED, (CONNECT_31, ACCEPTED_311, *GRACEFUL_CLOSE)),
    "accepted, 5.0": (Outcome.ACCEPTED, (CONNECT_5, ACCEPTED_5, *GRACEFUL_CLOSE)),
    "accepted, the capture ends there": (Outcome.ACCEPTED, (CONNECT_311, ACCEPTED_311)),
    "accepted, though malformed": (
        Outcome.ACCEPTED,
        (RESERVED_FLAG, ACCEPTED_311, *GRACEFUL_CLOSE),
    ),
    "refused": (Outcome.REFUSED, (CONNECT_311, REFUSED_311, *SERVER_CLOSES)),
    "refused, 5.0": (Outcome.REFUSED, (CONNECT_5, REFUSED_5, *SERVER_CLOSES)),
    "refused with a code that does not exist": (
        Outcome.REFUSED,
        (CONNECT_311, "S 20 02 00 09", *SERVER_CLOSES),
    ),
    "unanswered: the server closes": (Outcome.UNANSWERED, (CONNECT_311, *SERVER_CLOSES)),
    "unanswered: the client closes": (Outcome.UNANSWERED, (CONNECT_311, *CLIENT_CLOSES)),
    "unanswered: reset": (Outcome.UNANSWERED, (CONNECT_311, "S RST")),
    "unanswered: the deadline passes": (Outcome.UNANSWERED, (CONNECT_311, "+31")),
    "unanswered but for another packet": (
        Outcome.UNANSWERED,
        (CONNECT_311, PUBLISH, *SERVER_CLOSES),
    ),
    "invalid: malformed and refused": (
        Outcome.INVALID,
        (RESERVED_FLAG, REFUSED_311, *SERVER_CLOSES),
    ),
    "invalid: malformed and closed": (Outcome.INVALID, (RESERVED_FLAG, *SERVER_CLOSES)),
    "invalid: malformed, the deadline passes": (Outcome.INVALID, (RESERVED_FLAG, "+31")),
    "invalid: the CONNACK is malformed": (
        Outcome.INVALID,
        (CONNECT_311, MALFORMED_ACCEPTED, *GRACEFUL_CLOSE),
    ),
    "invalid: the CONNACK is too short": (Outcome.INVALID, (CONNECT_311, SHORT, *GRACEFUL_CLOSE)),
    "invalid: both are malformed": (
        Outcome.INVALID,
        (RESERVED_FLAG, MALFORMED_ACCEPTED, *GRACEFUL_CLOSE),
    ),
    "incomplete: the capture ends before the deadline": (Outcome.INCOMPLETE, (CONNECT_311, "+29")),
    "incomplete comes before invalid": (Outcome.INCOMPLETE, (RESERVED_FLAG, "+29")),
}


@pytest.mark.parametrize("name", ENDS)
def test_outcome(name: str) -> None:
    """A handshake has the first outcome that applies, in the documented order."""
    outcome, steps = ENDS[name]
    report = judge_steps(steps)
    assert [handshake.outcome for handshake in report.handshakes] == [outcome]
    assert getattr(report.summary, outcome.value) == report.summary.handshakes == 1


# Frames of a conversation: 4 is the CONNECT, 5 its acknowledgement, 6 the CONNACK
UNSEEN: dict[str, tuple[Outcome, tuple[int, ...]]] = {
    "the CONNECT, acknowledged": (Outcome.INCOMPLETE, (4,)),
    "the CONNACK, acknowledged": (Outcome.INCOMPLETE, (6,)),
    "both": (Outcome.INCOMPLETE, (4, 6)),
    "the beginning": (Outcome.INCOMPLETE, (1, 2, 3, 4, 5)),
    "the SYN, the SYN/ACK and the ACK": (Outcome.ACCEPTED, (1, 2, 3)),
    "acknowledgements only": (Outcome.ACCEPTED, (5, 7)),
}


@pytest.mark.parametrize("name", UNSEEN)
def test_outcome_where_frames_were_not_captured(name: str) -> None:
    """If packets may not have been captured, no handshake is unanswered or invalid."""
    outcome, missing = UNSEEN[name]
    frames = conversation((CONNECT_311, ACCEPTED_311, *SERVER_CLOSES))
    kept = [frame for at, frame in enumerate(frames, 1) if at not in missing]
    report = judge(kept)
    assert {handshake.outcome for handshake in report.handshakes} <= {outcome}
    assert bool(report.handshakes) == (name != "both")


@pytest.mark.parametrize("side", "CS")
def test_outcome_of_one_direction(side: str) -> None:
    """With one direction only, the outcome is incomplete."""
    frames = conversation((CONNECT_311, ACCEPTED_311, *SERVER_CLOSES))
    report = judge([frame for frame in frames if frame.side == side])
    (handshake,) = report.handshakes
    assert handshake.outcome is Outcome.INCOMPLETE
    assert (handshake.connect is None) == (side == "S")
    assert (handshake.connack is None) == (side == "C")


def test_a_connection_without_connect_and_connack_has_no_handshake() -> None:
    """MQTT in mid-stream is only counted as a connection."""
    frames = conversation((CONNECT_311, ACCEPTED_311, "C c0 00", "S d0 00", PUBLISH, "C c0 00"))
    report = judge(frames[7:])
    assert report.handshakes == []
    assert report.capture.mqtt_connections == 1


def test_a_second_connect_is_no_second_handshake() -> None:
    """A second CONNECT is a finding on the first handshake, and does not change its fields."""
    report = judge_steps((CONNECT_311, ACCEPTED_311, OTHER_CLIENT, *SERVER_CLOSES))
    (handshake,) = report.handshakes
    assert handshake.connect is not None
    assert handshake.connect.client_id == "a"
    assert handshake.outcome is Outcome.ACCEPTED
    assert "SEQ02" in rules_of(report)
    assert {finding.handshake for finding in report.findings} == {0}


def test_a_second_connect_before_the_answer() -> None:
    """The CONNACK answers the first CONNECT."""
    report = judge_steps((CONNECT_311, OTHER_CLIENT, ACCEPTED_311, *SERVER_CLOSES))
    (handshake,) = report.handshakes
    assert handshake.connect is not None
    assert handshake.connack is not None
    assert handshake.connect.client_id == "a"
    assert handshake.connack.frame is not None
    assert handshake.connack.frame.number == 8


def test_a_second_connack_changes_nothing() -> None:
    """The outcome is that of the first CONNACK."""
    handshake = only(CONNECT_311, ACCEPTED_311, REFUSED_311, *SERVER_CLOSES)
    assert handshake.outcome is Outcome.ACCEPTED
    assert handshake.connack is not None
    assert handshake.connack.return_code == 0


@pytest.mark.parametrize(("connack", "code"), [(ACCEPTED_311, 0), (REFUSED_311, 5)])
def test_a_connack_whose_connect_was_not_seen(connack: str, code: int) -> None:
    """A CONNACK alone is a handshake without CONNECT, of unknown version, with any code."""
    frames = conversation((CONNECT_311, connack, *SERVER_CLOSES))
    (handshake,) = judge(frames[5:]).handshakes
    assert handshake.connect is None
    assert handshake.version is None
    assert handshake.latency is None
    assert handshake.outcome is Outcome.INCOMPLETE
    assert handshake.connack is not None
    assert handshake.connack.return_code == code
    assert handshake.client.port == 40000


CLOSES: dict[str, tuple[tuple[str, ...], tuple[Side, str, int] | None]] = {
    "DISCONNECT": ((DISCONNECT, "C FIN", "S FIN"), (Side.CLIENT, "disconnect", 8)),
    "FIN of the client": (CLIENT_CLOSES, (Side.CLIENT, "fin", 8)),
    "FIN of the server": (SERVER_CLOSES, (Side.SERVER, "fin", 8)),
    "RST of the client": (("C RST",), (Side.CLIENT, "rst", 8)),
    "RST of the server": (("S RST", "C RST"), (Side.SERVER, "rst", 8)),
    "FIN, then DISCONNECT of the other": (("S FIN", DISCONNECT), (Side.SERVER, "fin", 8)),
    "neither side": ((PUBLISH,), None),
}


@pytest.mark.parametrize("name", CLOSES)
def test_close(name: str) -> None:
    """`close` is the first of DISCONNECT, FIN and RST."""
    steps, expected = CLOSES[name]
    close = only(CONNECT_311, ACCEPTED_311, *steps).close
    found = None if close is None else (close.by, close.how, close.frame.number)
    assert found == expected


def test_disconnect_of_a_server() -> None:
    """In 5.0 the server can send DISCONNECT, too."""
    close = only(CONNECT_5, ACCEPTED_5, "S e0 01 8b", *SERVER_CLOSES).close
    assert close is not None
    assert (close.by, close.how) == (Side.SERVER, "disconnect")


def test_latency_is_that_of_the_completing_frames() -> None:
    """It is in seconds, from the frame that completes CONNECT to the one that completes CONNACK."""
    assert only(CONNECT_311, "+3", ACCEPTED_311).latency == pytest.approx(3.004)
    cut = (CONNECT_311[:20], f"C {CONNECT_311[20:]}", "S 20 02", "S 00 00")
    assert only(*cut).latency == pytest.approx(0.004)
    assert only(CONNECT_311, "+31").latency is None


def test_auth_rounds_count_packets_of_the_server() -> None:
    """Only AUTH packets of the server before its CONNACK are counted."""
    handshake = only(
        CONNECT_5_METHOD, AUTH_S, AUTH_C, AUTH_S, AUTH_C, ACCEPTED_5_METHOD, AUTH_C, AUTH_S
    )
    assert handshake.auth_rounds == 2
    assert len(handshake.auths) == 4
    assert only(CONNECT_311, ACCEPTED_311).auth_rounds == 0


def test_ids_follow_the_order_of_connects() -> None:
    """Handshakes are numbered from 0 as their first packet is completed, streams by their SYN."""
    one = conversation((CONNECT_311, "+1", ACCEPTED_311, *GRACEFUL_CLOSE))
    other = conversation((OTHER_CLIENT, ACCEPTED_311, "+2", *GRACEFUL_CLOSE), client_port=40001)
    frames = one[:3] + other[:7] + one[3:] + other[7:]
    report = judge(frames)
    seen = [
        (item.id, item.stream, item.connect.client_id) for item in report.handshakes if item.connect
    ]
    assert seen == [(0, 1, "b"), (1, 0, "a")]


def test_version_and_session_present() -> None:
    """The version is that of the CONNECT; 3.1 has no Session Present."""
    for connect, connack, version, present in (
        (CONNECT_31, "S 20 02 01 00", Version.V3_1, None),
        (CONNECT_311, ACCEPTED_311, Version.V3_1_1, False),
        (CONNECT_5, ACCEPTED_5, Version.V5_0, False),
    ):
        handshake = only(connect, connack, *GRACEFUL_CLOSE)
        assert handshake.version is version
        assert handshake.connack is not None
        assert handshake.connack.session_present is present


def test_a_bridge_is_recognised_by_its_level() -> None:
    """Bit 7 of the protocol level is the bridge flag, and not part of the version."""
    handshake = only(
        "C 10 0d 00 04 4d 51 54 54 84 02 00 3c 00 01 61", ACCEPTED_311, *GRACEFUL_CLOSE
    )
    assert handshake.bridge
    assert handshake.version is Version.V3_1_1


def test_a_connack_before_the_connect() -> None:
    """A CONNACK before any CONNECT makes an incomplete handshake."""
    report = judge_steps((ACCEPTED_311, CONNECT_311, ACCEPTED_311, *GRACEFUL_CLOSE))
    (handshake,) = report.handshakes
    assert handshake.connack is not None
    assert handshake.connack.frame is not None
    assert handshake.connack.frame.number == 4
    assert handshake.outcome is Outcome.INCOMPLETE
