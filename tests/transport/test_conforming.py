"""Peers that break no rule, whole captures and damaged ones: nothing is ever found."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence

import pytest

import dissector
from tests.net.wire import ACK, FIN, SECOND, SYN
from tests.transport import conforming
from tests.transport.connection_builder import MACS, C, ConnectionBuilder, S
from tests.transport.handshakes import CLEAN, FALSE, REFUSED, block, packet, publish
from tests.transport.row import Timed, one_pcap, timed


def analyse(frames: Sequence[Timed]) -> dissector.Report:
    """Judge frames."""
    return dissector.analyze(io.BytesIO(one_pcap(frames)[0]))


def found(talk: ConnectionBuilder) -> set[str]:
    """Give the rules that a talk breaks in our eyes."""
    return {item.rule for item in analyse(timed(talk.frames)).findings}


@pytest.mark.parametrize("seed", range(60))
def test_lawful_peers_are_never_blamed(seed: int) -> None:
    """Neither the whole capture of conforming peers nor any damaged copy of it shows a finding."""
    frames = conforming.capture(random.Random(seed))
    whole = [item.message for item in analyse(frames).findings]
    assert not whole
    for number in range(20):
        rng = random.Random(1000 * seed + number)
        copy = conforming.damaged(rng, frames)
        if copy:
            report = analyse(copy)
            assert not [item.message for item in report.findings], f"damage {number}"


def test_lawful_captures_hold_handshakes() -> None:
    """The generator is worth something: it makes handshakes of all versions and outcomes."""
    reports = [analyse(conforming.capture(random.Random(seed))) for seed in range(60)]
    handshakes = [each for report in reports for each in report.handshakes]
    assert {each.version for each in handshakes} == set(dissector.model.Version)
    assert {each.outcome.value for each in handshakes} >= {"accepted", "refused", "unanswered"}
    assert any(each.auths for each in handshakes)


# A PUBLISH whose payload is what a server sends
EVIL = publish(b"a", b"x" * 20 + FALSE.connack + FALSE.connack)
CUT = len(EVIL) - 2 * len(FALSE.connack)


def test_a_connack_in_a_payload_answers_nothing() -> None:
    """Where the CONNACK and the head of a PUBLISH are lost, the payload is not the answer."""
    talk = (
        ConnectionBuilder(40000)
        .open()
        .send_acked(C, FALSE.connect)
        .send(S, bytes.fromhex("2003000000"))
    )
    talk.send(S, EVIL[:CUT]).send(S, EVIL[CUT:]).ack(C).close()
    report = analyse(timed(talk.drop(6, 7).frames))
    assert not report.findings
    assert [each.connack for each in report.handshakes] == [None]
    assert report.handshakes[0].outcome is dissector.model.Outcome.INCOMPLETE


def test_a_connect_in_a_payload_opens_nothing() -> None:
    """Where the CONNECT is lost, one within a payload is not taken for it."""
    evil = publish(b"a", b"x" * 20 + FALSE.connect)
    at = len(evil) - len(FALSE.connect)
    talk = ConnectionBuilder(40000).open().send(C, CLEAN.connect).send(S, bytes.fromhex("20020100"))
    talk.send(C, evil[:at]).send(C, evil[at:]).ack(S).close()
    report = analyse(timed(talk.drop(4, 6).frames))
    assert not report.findings
    assert [each.connect for each in report.handshakes] == [None]


def test_a_first_auth_in_pieces_is_mqtt() -> None:
    """A server whose first packet comes in pieces speaks MQTT all the same."""
    method = b"\x04\x15" + block(b"M")
    head = block(b"MQTT") + b"\5\2\0\x3c" + method
    auth = packet(0xF0, b"\x18" + method)
    for cut in range(1, len(auth)):
        talk = ConnectionBuilder(40000).open().send_acked(C, packet(0x10, head + block(b"a")))
        talk.send(S, auth[:cut]).send(S, auth[cut:]).ack(C).send_acked(C, auth)
        talk.send_acked(S, packet(0x20, b"\0\0" + method)).send_acked(
            C, b"\x82\x07\0\1\0\0\1a\0"
        ).close()
        assert found(talk) == set(), cut


def test_a_reset_that_was_not_captured_leaves_no_trace() -> None:
    """Silence after a refusal proves no open connection; a segment after the deadline does."""
    talk = ConnectionBuilder(40000).open().send_acked(C, REFUSED.connect).connack(REFUSED)
    later = ConnectionBuilder(40001).add(C, SYN, pause=10 * SECOND)
    report = analyse(timed(talk.frames + later.frames))
    assert not report.findings
    reasons = {(item.rule, item.reason) for item in report.not_evaluated}
    assert ("SEQ09", "no segment of the connection was seen after the deadline") in reasons
    talk.add(C, ACK, seq=talk.seq[C] - 1, pause=10 * SECOND)
    assert found(talk) == {"SEQ09"}


def test_a_connection_whose_syn_was_lost_is_not_the_one_before() -> None:
    """The SYN/ACK and the segments of another connection on the same ports judge nothing."""
    talk = ConnectionBuilder(40000).open().send_acked(C, REFUSED.connect).connack(REFUSED).reset(S)
    again = ConnectionBuilder(40000, first=(3_000_000_000, 9000)).complete(CLEAN)
    again.frames[0] = again.frames[0]._replace(pause=60 * SECOND)
    for lost in ({1}, {1, 2}, {1, 2, 3}):
        kept = [frame for at, frame in enumerate(again.frames, 1) if at not in lost]
        kept[0] = kept[0]._replace(pause=60 * SECOND)
        for before in (talk.frames, talk.frames[:-1]):  # the RST may be lost as well
            assert not analyse(timed(before + kept)).findings


def test_segments_of_two_connections_are_warned_of() -> None:
    """Two servers that answer one SYN with other numbers are told of, and nothing is judged."""
    talk = (
        ConnectionBuilder(40000).add(C, SYN).add(S, SYN | ACK, seq=77).add(S, SYN | ACK).add(C, ACK)
    )
    talk.send_acked(C, FALSE.connect).connack(FALSE).close()
    report = analyse(timed(talk.frames))
    assert not report.findings
    assert {item.kind for item in report.warnings} == {"mixed-connections"}
    assert report.not_evaluated or not report.handshakes


def test_a_syn_between_syn_and_answer_is_warned_of() -> None:
    """If the answered SYN is not the last one, no rule is evaluated, and a warning says so."""
    talk = ConnectionBuilder(40000).complete(FALSE)
    other = ConnectionBuilder(40000, first=(77_777, 0)).add(C, SYN)
    report = analyse(timed([talk.frames[0], *other.frames, *talk.frames[1:]]))
    assert not report.findings
    assert {item.kind for item in report.warnings} == {"mixed-connections"}


def test_a_late_close_proves_that_it_was_open() -> None:
    """A FIN after the deadline shows that nobody had closed before."""
    talk = ConnectionBuilder(40000).open().send_acked(C, REFUSED.connect).connack(REFUSED)
    talk.add(S, FIN | ACK, pause=10 * SECOND)
    assert found(talk) == {"SEQ09"}


def skewed(frames: Sequence[Timed], seed: int) -> list[Timed]:
    """Give one direction, every other frame or each frame a clock of its own, or turn it back."""
    rng = random.Random(seed)
    by = rng.choice([2, 40, 3600]) * SECOND
    at, side = rng.randrange(len(frames)), rng.randrange(2)
    kind = seed % 5
    moved = []
    for number, frame in enumerate(frames):
        client = frame.captured.data[6:12] == MACS[C]
        away = (
            client is bool(side),
            client is bool(side),
            number % 2 == side,
            number == at and at + 1 < len(frames),
            number < at,
        )[kind]
        moved.append(Timed(frame.time_ns + by * away, frame.captured))
    return sorted(moved, key=lambda frame: frame.time_ns) if kind == 1 else moved


@pytest.mark.parametrize("seed", range(60))
def test_clocks_that_disagree_blame_nobody(seed: int) -> None:
    """Interfaces and files whose clocks differ, and clocks that are turned back, show nothing."""
    frames = conforming.capture(random.Random(seed))
    for number in range(5):
        report = analyse(skewed(frames, 5 * seed + number))
        assert not [item.message for item in report.findings], number


def test_a_deadline_is_not_evaluated_where_the_clock_went_back() -> None:
    """Where a clock went back during a connection, no deadline is judged, and that is told."""
    talk = ConnectionBuilder(40000).open().send_acked(C, REFUSED.connect).connack(REFUSED)
    talk.add(S, FIN | ACK, pause=10 * SECOND)
    talk.add(C, ACK, pause=-9 * SECOND)
    report = analyse(timed(talk.frames))
    assert not report.findings
    reasons = {(item.rule, item.reason) for item in report.not_evaluated}
    assert ("SEQ09", "the capture's clock goes back") in reasons
