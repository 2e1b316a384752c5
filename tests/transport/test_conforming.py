"""Captures of conforming peers, complete and damaged, give no finding."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence

import pytest

import dissector
from dissector.model import Confidence, Severity
from tests.net.wire import ACK, FIN, SECOND, SYN
from tests.transport import conforming
from tests.transport.connection_builder import MACS, C, ConnectionBuilder, S
from tests.transport.handshakes import CLEAN, FALSE, REFUSED, block, packet, publish
from tests.transport.row import Timed, one_pcap, timed


def analyse(frames: Sequence[Timed]) -> dissector.Report:
    """Returns the report on frames."""
    return dissector.analyze(io.BytesIO(one_pcap(frames)[0]))


def found(connection: ConnectionBuilder) -> set[str]:
    """Returns the rules with findings on a connection."""
    return {item.rule for item in analyse(timed(connection.frames)).findings}


def alarms(report: dissector.Report) -> list[dissector.Finding]:
    """Returns the findings that claim more than that something is possible."""
    return [
        item
        for item in report.findings
        if (item.severity, item.confidence) != (Severity.INFO, Confidence.POSSIBLE)
    ]


@pytest.mark.parametrize("seed", range(60))
def test_conforming_peers_give_no_finding(seed: int) -> None:
    """Neither the whole capture of conforming peers nor any damaged copy of it gives a finding.

    Where all later frames of one connection are lost, a missing close is *possible*, as info.
    """
    frames = conforming.capture(random.Random(seed))
    whole = [item.message for item in analyse(frames).findings]
    assert not whole
    for number in range(20):
        rng = random.Random(1000 * seed + number)
        copy = conforming.damaged(rng, frames)
        if copy:
            report = analyse(copy)
            assert not [item.message for item in alarms(report)], f"damage {number}"


def test_conforming_captures_contain_handshakes() -> None:
    """The generator makes handshakes of all versions and outcomes."""
    reports = [analyse(conforming.capture(random.Random(seed))) for seed in range(60)]
    handshakes = [each for report in reports for each in report.handshakes]
    assert {each.version for each in handshakes} == set(dissector.model.Version)
    assert {each.outcome.value for each in handshakes} >= {"accepted", "refused", "unanswered"}
    assert any(each.auths for each in handshakes)


# A PUBLISH whose payload contains packets of a server
EVIL = publish(b"a", b"x" * 20 + FALSE.connack + FALSE.connack)
CUT = len(EVIL) - 2 * len(FALSE.connack)


def test_a_connack_in_a_payload_is_not_the_answer() -> None:
    """If the CONNACK and the start of a PUBLISH are lost, its payload is not taken for one."""
    connection = (
        ConnectionBuilder(40000)
        .open()
        .send_acked(C, FALSE.connect)
        .send(S, bytes.fromhex("2003000000"))
    )
    connection.send(S, EVIL[:CUT]).send(S, EVIL[CUT:]).ack(C).close()
    report = analyse(timed(connection.drop(6, 7).frames))
    assert not report.findings
    assert [each.connack for each in report.handshakes] == [None]
    assert report.handshakes[0].outcome is dissector.model.Outcome.INCOMPLETE


def test_a_connect_in_a_payload_is_no_handshake() -> None:
    """If the CONNECT is lost, one within a payload is not taken for it."""
    evil = publish(b"a", b"x" * 20 + FALSE.connect)
    at = len(evil) - len(FALSE.connect)
    connection = (
        ConnectionBuilder(40000).open().send(C, CLEAN.connect).send(S, bytes.fromhex("20020100"))
    )
    connection.send(C, evil[:at]).send(C, evil[at:]).ack(S).close()
    report = analyse(timed(connection.drop(4, 6).frames))
    assert not report.findings
    assert [each.connect for each in report.handshakes] == [None]


def test_a_split_first_auth_is_mqtt() -> None:
    """A server whose first packet is split over segments is still recognised as MQTT."""
    method = b"\x04\x15" + block(b"M")
    head = block(b"MQTT") + b"\5\2\0\x3c" + method
    auth = packet(0xF0, b"\x18" + method)
    for cut in range(1, len(auth)):
        connection = ConnectionBuilder(40000).open().send_acked(C, packet(0x10, head + block(b"a")))
        connection.send(S, auth[:cut]).send(S, auth[cut:]).ack(C).send_acked(C, auth)
        connection.send_acked(S, packet(0x20, b"\0\0" + method)).send_acked(
            C, b"\x82\x07\0\1\0\0\1a\0"
        ).close()
        assert found(connection) == set(), cut


def test_a_reset_that_was_not_captured_gives_no_finding() -> None:
    """No segment after a refusal does not prove an open connection; a late segment does."""
    connection = ConnectionBuilder(40000).open().send_acked(C, REFUSED.connect).connack(REFUSED)
    later = ConnectionBuilder(40001).add(C, SYN, pause=10 * SECOND)
    report = analyse(timed(connection.frames + later.frames))
    assert not report.findings
    reasons = {(item.rule, item.reason) for item in report.not_evaluated}
    assert ("SEQ09", "no segment of the connection was seen after the deadline") in reasons
    connection.add(C, ACK, seq=connection.seq[C] - 1, pause=10 * SECOND)
    assert found(connection) == {"SEQ09"}


def test_a_connection_whose_syn_was_lost_is_not_the_previous_one() -> None:
    """Segments of a later connection on the same ports give no finding on the earlier one."""
    connection = (
        ConnectionBuilder(40000).open().send_acked(C, REFUSED.connect).connack(REFUSED).reset(S)
    )
    again = ConnectionBuilder(40000, first=(3_000_000_000, 9000)).complete(CLEAN)
    again.frames[0] = again.frames[0]._replace(pause=60 * SECOND)
    for lost in ({1}, {1, 2}, {1, 2, 3}):
        kept = [frame for at, frame in enumerate(again.frames, 1) if at not in lost]
        kept[0] = kept[0]._replace(pause=60 * SECOND)
        for before in (connection.frames, connection.frames[:-1]):  # the RST may be lost as well
            assert not analyse(timed(before + kept)).findings


def test_segments_of_two_connections_give_a_warning() -> None:
    """Two SYN/ACKs with different numbers give a warning, and no rule is evaluated."""
    connection = (
        ConnectionBuilder(40000).add(C, SYN).add(S, SYN | ACK, seq=77).add(S, SYN | ACK).add(C, ACK)
    )
    connection.send_acked(C, FALSE.connect).connack(FALSE).close()
    report = analyse(timed(connection.frames))
    assert not report.findings
    assert {item.kind for item in report.warnings} == {"mixed-connections"}
    assert report.not_evaluated or not report.handshakes


def test_a_syn_between_syn_and_answer_gives_a_warning() -> None:
    """If the answered SYN is not the last one, no rule is evaluated, and a warning says so."""
    connection = ConnectionBuilder(40000).complete(FALSE)
    other = ConnectionBuilder(40000, first=(77_777, 0)).add(C, SYN)
    report = analyse(timed([connection.frames[0], *other.frames, *connection.frames[1:]]))
    assert not report.findings
    assert {item.kind for item in report.warnings} == {"mixed-connections"}


def test_a_late_close_proves_that_it_was_open() -> None:
    """A FIN after the deadline proves that the connection was open until then."""
    connection = ConnectionBuilder(40000).open().send_acked(C, REFUSED.connect).connack(REFUSED)
    connection.add(S, FIN | ACK, pause=10 * SECOND)
    assert found(connection) == {"SEQ09"}


def skewed(frames: Sequence[Timed], seed: int) -> list[Timed]:
    """Shifts the clock of one direction or of every other frame, or sets it back."""
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
def test_clocks_that_differ_give_no_finding(seed: int) -> None:
    """Interfaces with different clocks, and clocks that are set back, give no finding."""
    frames = conforming.capture(random.Random(seed))
    for number in range(5):
        report = analyse(skewed(frames, 5 * seed + number))
        assert not [item.message for item in report.findings], number


def test_a_deadline_is_not_evaluated_where_the_clock_went_back() -> None:
    """If the clock went back during a connection, deadlines are reported as not evaluated."""
    connection = ConnectionBuilder(40000).open().send_acked(C, REFUSED.connect).connack(REFUSED)
    connection.add(S, FIN | ACK, pause=10 * SECOND)
    connection.add(C, ACK, pause=-9 * SECOND)
    report = analyse(timed(connection.frames))
    assert not report.findings
    reasons = {(item.rule, item.reason) for item in report.not_evaluated}
    assert ("SEQ09", "the capture's clock goes back") in reasons
