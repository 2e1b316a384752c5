"""Tests rules about order, deadlines and reactions on connections built without a capture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from dissector.connections.connection import (
    CaptureQuality,
    CloseEvent,
    Connection,
    ConnectionFlag,
    PacketRef,
)
from dissector.model import (
    Confidence,
    Endpoint,
    Finding,
    FrameRef,
    Obligation,
    Severity,
    Side,
    Version,
)
from dissector.mqtt import spec
from dissector.mqtt.decode import decode_packet
from dissector.mqtt.packets import Auth, Connack, Connect, Disconnect
from dissector.rules.base import ConnectionRule, Failure, Unevaluated, Verdict
from dissector.rules.examples import (
    ACCEPTED_5,
    ACCEPTED_5_METHOD,
    ACCEPTED_311,
    CONNECT_5,
    CONNECT_5_METHOD,
    CONNECT_311,
    DISCONNECT,
    REFUSED_5,
    REFUSED_311,
)
from dissector.rules.judge import Judge
from dissector.rules.registry import all_rules, find
from tests.judging import judge_steps

SECOND = 1_000_000_000
PUBLISH = "C 30 05 00 01 61 68 69"
FROM_SERVER = "S 30 05 00 01 61 68 69"
CHALLENGE = "S f0 06 18 04 15 00 01 4d"
RESPONSE = "C f0 06 18 04 15 00 01 4d"
RESERVED_FLAG = "C 10 0d 00 04 4d 51 54 54 04 03 00 3c 00 01 61"
EMPTY_ID = "C 10 0c 00 04 4d 51 54 54 04 00 00 3c 00 00"
LEVEL_6 = "C 10 0d 00 04 4d 51 54 54 06 02 00 3c 00 01 61"


def frame(number: int, time_ns: int) -> FrameRef:
    """Returns a frame of the only file."""
    return FrameRef("a.pcap", number, time_ns)


def connection(steps: Sequence[str], *, lasts: float = 0.0, **facts: Any) -> Connection:
    """Builds the connection of the steps of an example; the capture ends `lasts` seconds later."""
    made = Connection(
        stream=0,
        client=Endpoint("10.0.0.1", 40000),
        server=Endpoint("10.0.0.2", 1883),
        first=frame(1, 0),
    )
    made.connect_delivered = True
    for name, value in facts.items():
        setattr(made, name, value)
    number, now = 1, 0
    for step in steps:
        number += 1
        now += SECOND // 1000
        if step.startswith("+"):
            now += int(float(step[1:]) * SECOND)
            continue
        side = Side.CLIENT if step[0] == "C" else Side.SERVER
        where = frame(number, now)
        if step[2:] in ("FIN", "RST"):
            made.closes += (CloseEvent(side, step[2:].lower(), where),)
            continue
        packet = decode_packet(bytes.fromhex(step[2:]), made.version, side)
        packet.frame = where
        code = None
        if isinstance(packet, Connect) and made.connect is None:
            made.connect, made.version = packet, packet.version
        elif isinstance(packet, Connack):
            made.connack = made.connack or packet
            code = packet.return_code
            made.connection_flags |= ConnectionFlag.REFUSED if made.connack.return_code else 0
        elif isinstance(packet, Auth):
            made.auths += (packet,)
            code = packet.reason_code
        elif isinstance(packet, Disconnect):
            made.disconnects += (packet,)
            code = packet.reason_code
        Judge(all_rules(), lambda found: None, frozenset()).defects(made, packet, side)
        order = len(made.activity)
        made.activity.append(
            PacketRef(packet.type, packet.flags, side, where, order, packet.size, code)
        )
    made.quality = CaptureQuality(ended="capture end", ended_ns=now + int(lasts * SECOND))
    return made


def check(rule_id: str, subject: Connection) -> Verdict:
    """Evaluates one rule on a connection."""
    rule = find(rule_id)
    assert isinstance(rule, ConnectionRule)
    return rule.check(subject)


def failure(rule_id: str, subject: Connection) -> Failure:
    """Returns the only failure that a rule reports."""
    verdict = check(rule_id, subject)
    if isinstance(verdict, list):
        assert len(verdict) == 1
        verdict = verdict[0]
    assert isinstance(verdict, Failure)
    return verdict


def finding(rule: str, side: Side, time_ns: int, **more: Any) -> Finding:
    """Builds a finding of another rule, which requires a reaction."""
    values: dict[str, Any] = {
        "rule": rule,
        "name": "other-finding",
        "severity": Severity.ERROR,
        "obligation": Obligation.MUST,
        "confidence": Confidence.PROVEN,
        "statements": (),
        "section": None,
        "version": Version.V3_1_1,
        "side": side,
        "handshake": 0,
        "stream": 0,
        "client_id": "a",
        "file": "a.pcap",
        "frame": 4,
        "frames": (frame(4, time_ns),),
        "time_ns": time_ns,
        "message": "",
        "evidence": {},
    }
    return Finding(**values | more)


# Connections left open for ten seconds, by the rule that requires the close
LEFT_OPEN = [
    ("SEQ05", (RESERVED_FLAG,)),
    ("SEQ07", (EMPTY_ID, "S 20 02 00 02")),
    ("SEQ08", (CONNECT_311, "S 20 02 00 02")),
    ("SEQ09", (CONNECT_311, REFUSED_311)),
    ("SEQ09", (CONNECT_5, REFUSED_5)),
    ("SEQ16", (CONNECT_311, ACCEPTED_311, DISCONNECT)),
    ("SEQ16", (CONNECT_5, ACCEPTED_5, "S e0 02 8b 00")),
    ("AUT05", (CONNECT_5_METHOD, CHALLENGE, RESPONSE, REFUSED_5)),
]
open_for_ten_seconds = pytest.mark.parametrize(("rule", "steps"), LEFT_OPEN)


@open_for_ten_seconds
def test_a_connection_left_open_is_reported_at_the_deadline(
    rule: str, steps: tuple[str, ...]
) -> None:
    """A connection left open for ten seconds fails, "likely", with the deadline as its time."""
    subject = connection(steps, lasts=10)
    found = failure(rule, subject)
    assert found.time_ns == found.at.time_ns + 5 * SECOND
    assert (found.confidence or find(rule).confidence) is Confidence.LIKELY
    assert "10.0 s" in found.message


@open_for_ten_seconds
@pytest.mark.parametrize("close", ["C FIN", "S FIN", "C RST", "S RST"])
def test_a_close_in_time_by_either_side_is_not_reported(
    rule: str, steps: tuple[str, ...], close: str
) -> None:
    """A close by either side within five seconds, by FIN or RST, is not reported."""
    assert check(rule, connection((*steps, "+4", close), lasts=10)) is None


@open_for_ten_seconds
def test_a_close_too_late_is_reported(rule: str, steps: tuple[str, ...]) -> None:
    """A close after the deadline is still reported."""
    assert isinstance(check(rule, connection((*steps, "+7", "S FIN"))), Failure)


@open_for_ten_seconds
def test_a_missing_close_needs_a_complete_capture(rule: str, steps: tuple[str, ...]) -> None:
    """Not evaluated with a gap, one direction, a start in mid-stream, or an early end."""
    for change in (
        {"gaps": {Side.SERVER: frame(9, 9 * SECOND)}},
        {"gaps": {Side.CLIENT: frame(9, 9 * SECOND)}},
        {"conflict": True},
        {"both_seen": False},
        {"syn_seen": False},
        {"ended": "evicted"},
    ):
        subject = connection(steps, lasts=10)
        for name, value in change.items():
            setattr(subject.quality, name, value)
        assert isinstance(check(rule, subject), Unevaluated), change
    assert isinstance(check(rule, connection(steps, lasts=4)), Unevaluated)


# Packets in a wrong order: rule, steps, and the number of the wrong step
OUT_OF_ORDER = [
    ("SEQ01", (PUBLISH,), 1),
    ("SEQ02", (CONNECT_311, CONNECT_311), 2),
    ("SEQ03", (CONNECT_311, FROM_SERVER), 2),
    ("SEQ04", (CONNECT_5, ACCEPTED_5, ACCEPTED_5), 3),
    ("SEQ10", (CONNECT_311, REFUSED_311, "S d0 00"), 3),
    ("SEQ13", (CONNECT_5, "S e0 02 87 00"), 2),
    ("SEQ13", (CONNECT_311, ACCEPTED_311, "S e0 00"), 3),
    ("SEQ15", (CONNECT_311, ACCEPTED_311, DISCONNECT, PUBLISH), 4),
    ("AUT01", (CONNECT_5_METHOD, PUBLISH), 2),
    ("AUT02", (CONNECT_5, CHALLENGE), 2),
    ("AUT03", (CONNECT_5_METHOD, ACCEPTED_5_METHOD, CHALLENGE), 3),
    ("AUT04", (CONNECT_5_METHOD, CHALLENGE, "C f0 06 18 04 15 00 01 4e"), 3),
]
out_of_order = pytest.mark.parametrize(("rule", "steps", "step"), OUT_OF_ORDER)


@out_of_order
def test_a_packet_out_of_order_is_reported_at_its_frame(
    rule: str, steps: tuple[str, ...], step: int
) -> None:
    """The frame of the finding is that of the packet that is out of order."""
    assert failure(rule, connection(steps)).at.number == step + 1


@out_of_order
def test_missing_bytes_before_the_packet_prevent_a_verdict(
    rule: str, steps: tuple[str, ...], step: int
) -> None:
    """Not evaluated with a gap of its side before the packet, or with conflicting segments."""
    for unusable in (True, False):
        subject = connection(steps)
        at = subject.activity[step - 1]
        if unusable:
            subject.quality.gaps[at.side] = at.frame
        else:
            subject.quality.conflict = True
        assert isinstance(check(rule, subject), Unevaluated)


@out_of_order
def test_missing_bytes_after_the_packet_do_not_matter(
    rule: str, steps: tuple[str, ...], step: int
) -> None:
    """A later gap of the same side does not change the verdict."""
    subject = connection(steps, lasts=10)
    subject.quality.gaps[subject.activity[step - 1].side] = frame(90, 9 * SECOND)
    assert isinstance(failure(rule, subject), Failure)


@pytest.mark.parametrize(
    ("rule", "steps"),
    [
        (rule, steps)
        for rule, steps, _ in OUT_OF_ORDER
        if rule in ("SEQ01", "SEQ03", "AUT01", "AUT03")
    ],
)
def test_first_packets_need_the_beginning_and_both_directions(
    rule: str, steps: tuple[str, ...]
) -> None:
    """In mid-stream, or with one direction only, the first packet is unknown."""
    for name in ("syn_seen", "both_seen"):
        subject = connection(steps)
        setattr(subject.quality, name, False)
        assert isinstance(check(rule, subject), Unevaluated)


@pytest.mark.parametrize(
    ("rule", "steps"),
    [(rule, steps) for rule, steps, _ in OUT_OF_ORDER if rule in ("AUT01", "AUT03")],
)
def test_order_across_directions_needs_the_other_side_complete(
    rule: str, steps: tuple[str, ...]
) -> None:
    """A gap of the other side before the packet prevents a verdict, a later one does not."""
    subject = connection(steps, lasts=10)
    last = subject.activity[-1]
    subject.quality.gaps[last.side.other] = subject.activity[0].frame
    assert isinstance(check(rule, subject), Unevaluated)
    subject.quality.gaps[last.side.other] = frame(90, 9 * SECOND)
    assert failure(rule, subject)


def test_first_packet_of_unknown_version_cites_the_common_number() -> None:
    """Without CONNECT the version is unknown; 3.1.1 and 5.0 have the same statement id."""
    assert failure("SEQ01", connection((PUBLISH,))).statements == ("MQTT-3.1.0-1",)


@pytest.mark.parametrize("step", ["S 82 06 00 01 00 01 61 00", "S e0 00", "S f0 00"])
def test_a_packet_that_servers_never_send_is_not_too_early(step: str) -> None:
    """A packet that no server may send is reported by the rules about direction."""
    assert check("SEQ03", connection((CONNECT_311, step))) is None


def test_a_client_that_publishes_after_its_refusal_is_not_served() -> None:
    """Only packets of the server prove that it served a refused client."""
    assert check("SEQ10", connection((CONNECT_5, REFUSED_5, PUBLISH))) is None


def test_connack_codes_for_an_invalid_field_are_allowed() -> None:
    """3.1.1: codes 1, 2 and 4 may answer an invalid level, client id and credentials."""
    without_user = "C 10 10 00 04 4d 51 54 54 04 42 00 3c 00 01 61 00 01 70"
    assert check("SEQ05", connection((without_user, "S 20 02 00 04"))) is None
    assert check("SEQ05", connection((RESERVED_FLAG, "S 20 02 00 01"))) is None
    assert failure("SEQ05", connection((RESERVED_FLAG, "S 20 02 00 04")))
    assert failure("SEQ05", connection((RESERVED_FLAG, "S 20 02 00 02")))


def test_empty_id_without_a_connack() -> None:
    """The server's close without CONNACK fails; not the client's, nor an incomplete capture."""
    assert failure("SEQ07", connection((EMPTY_ID, "S FIN", "C FIN")))
    assert check("SEQ07", connection((EMPTY_ID, "C FIN", "S FIN"))) is None
    subject = connection((EMPTY_ID, "S FIN", "C FIN"))
    subject.quality.gaps[Side.SERVER] = frame(9, 0)
    assert isinstance(check("SEQ07", subject), Unevaluated)


def test_unknown_level_is_judged_by_the_versions_of_the_server() -> None:
    """3.1.1 requires code 1, 5.0 a close; without known versions of the server: not evaluated."""
    steps = (LEVEL_6, "S FIN", "C FIN")
    strict, lenient = frozenset({Version.V3_1_1}), frozenset({Version.V3_1_1, Version.V5_0})
    assert isinstance(check("SEQ06", connection(steps)), Unevaluated)
    assert failure("SEQ06", connection(steps, server_versions=strict))
    assert check("SEQ06", connection(steps, server_versions=lenient)) is None
    one_way = connection(steps, server_versions=strict)
    one_way.quality.both_seen = False
    assert isinstance(check("SEQ06", one_way), Unevaluated)
    for versions in (strict, lenient):
        left_open = connection((LEVEL_6, "S 20 02 00 01"), lasts=9, server_versions=versions)
        assert failure("SEQ06", left_open)
    given_up = connection((LEVEL_6, "C FIN"), server_versions=strict)
    assert check("SEQ06", given_up) is None


def test_an_unanswered_connect_must_have_arrived() -> None:
    """No finding without the server's TCP acknowledgement, with a defect, or after AUTH."""
    assert failure("SEQ11", connection((CONNECT_311,), lasts=31))
    lost = connection((CONNECT_311,), lasts=31, connect_delivered=False)
    assert isinstance(check("SEQ11", lost), Unevaluated)
    assert check("SEQ11", connection((RESERVED_FLAG,), lasts=31)) is None
    assert check("SEQ11", connection((CONNECT_5_METHOD, CHALLENGE), lasts=31)) is None
    assert check("SEQ11", connection((CONNECT_311, DISCONNECT), lasts=31)) is None
    assert isinstance(check("SEQ11", connection((CONNECT_311,), lasts=20)), Unevaluated)


def test_a_connection_without_data_is_reported_after_thirty_seconds() -> None:
    """30 seconds without data are reported; not if a byte was sent, or the capture ends early."""
    for size, lasts, expected in ((0, 31, Failure), (0, 20, Unevaluated), (5, 31, type(None))):
        subject = connection((), lasts=lasts, client_sent_bytes=size, server_sent_bytes=0)
        subject.connection_flags = ConnectionFlag.SILENT
        assert isinstance(check("SEQ12", subject), expected)


def test_a_wait_for_connack_is_reported_after_the_deadline_of_the_server() -> None:
    """A client that still waits after 35 seconds is reported."""
    assert isinstance(check("SEQ12", connection((CONNECT_311,), lasts=33)), Unevaluated)
    assert failure("SEQ12", connection((CONNECT_311,), lasts=36)).side is None


def test_refusal_is_reported_once() -> None:
    """SEQ09 and SEQ08 do not repeat what a more specific rule has reported."""
    subject = connection((CONNECT_311, "S 20 02 00 02"), lasts=10)
    subject.findings += (finding("SEQ08", Side.SERVER, 0),)
    assert check("SEQ09", subject) is None
    subject.findings = (finding("SEQ07", Side.SERVER, 0),)
    assert check("SEQ08", subject) is None


def test_disconnect_by_a_server_cites_its_reason_code() -> None:
    """5.0: a code of 0x80 and above adds 4.13.2-1; the sender is at fault."""
    found = failure("SEQ16", connection((CONNECT_5, ACCEPTED_5, "S e0 02 8b 00"), lasts=9))
    assert found.statements == ("MQTT-3.14.4-2", "MQTT-4.13.2-1")
    assert found.side is Side.SERVER
    found = failure("SEQ16", connection((CONNECT_5, ACCEPTED_5, DISCONNECT), lasts=9))
    assert found.statements == ("MQTT-3.14.4-2",)


def test_the_receiver_of_a_violation_must_close() -> None:
    """3.1.1: the receiver must close, whichever side it is; 5.0: only servers."""
    subject = connection((CONNECT_311, ACCEPTED_311, PUBLISH), lasts=10)
    subject.findings += (finding("ENC12", Side.SERVER, SECOND),)
    assert failure("SEQ17", subject).side is Side.CLIENT
    subject.version = Version.V5_0
    assert check("SEQ17", subject) is None


@pytest.mark.parametrize(
    "change",
    [
        {"severity": Severity.WARNING},
        {"confidence": Confidence.LIKELY},
        {"obligation": Obligation.SHOULD},
        {"rule": "SEC01"},
        {"rule": "SEQ05"},
        {"evidence": {"defect": "header-flags"}},
        {"packet": bytes((spec.CONNECT << 4, 0))},
    ],
)
def test_only_a_proven_violation_requires_a_close(change: dict[str, Any]) -> None:
    """Warnings, likely findings, cases of other rules and audit findings cause no SEQ17."""
    subject = connection((CONNECT_311, ACCEPTED_311, PUBLISH), lasts=10)
    values: dict[str, Any] = {"rule": "ENC12", "side": Side.CLIENT, "time_ns": 0}
    subject.findings += (finding(**values | change),)
    assert check("SEQ17", subject) is None


@pytest.mark.parametrize(
    ("rule", "violation", "evidence"),
    [("SEQ17", "ENC12", {}), ("ENC02", "ENC01", {"defect": "header-flags"})],
)
def test_a_reaction_is_required_only_in_a_complete_capture(
    rule: str, violation: str, evidence: dict[str, Any]
) -> None:
    """Reported after ten seconds; not with a gap, early end, close, DISCONNECT or refusal."""

    def subject(lasts: float, *more: str) -> Connection:
        made = connection((CONNECT_5, ACCEPTED_5, PUBLISH, *more), lasts=lasts)
        made.findings += (finding(violation, Side.CLIENT, SECOND // 500, evidence=evidence),)
        return made

    assert failure(rule, subject(10)).side is Side.SERVER
    assert isinstance(check(rule, subject(3)), Unevaluated)
    assert check(rule, subject(10, "+2", "C RST")) is None
    assert check(rule, subject(10, "S e0 02 82 00")) is None
    refused = subject(10)
    refused.connection_flags |= ConnectionFlag.REFUSED
    assert check(rule, refused) is None
    incomplete_reason = subject(10)
    incomplete_reason.quality.gaps[Side.SERVER] = frame(9, 9 * SECOND)
    assert isinstance(check(rule, incomplete_reason), Unevaluated)


def test_a_missing_close_is_reported_once() -> None:
    """If ENC02 has reported that a side did not close, SEQ17 does not repeat it."""
    subject = connection((CONNECT_311, ACCEPTED_311, PUBLISH), lasts=10)
    subject.findings += (
        finding("ENC12", Side.CLIENT, SECOND),
        finding("ENC02", Side.SERVER, SECOND, confidence=Confidence.LIKELY),
    )
    assert check("SEQ17", subject) is None


def test_an_auth_too_short_for_its_method_is_a_warning() -> None:
    """The shortest AUTH is a warning only: the standard contradicts itself about it."""
    steps = (CONNECT_5_METHOD, ACCEPTED_5_METHOD, "C f0 06 19 04 15 00 01 4d", "S f0 00")
    assert failure("AUT04", connection(steps)).severity is Severity.WARNING


def test_method_of_a_connect_that_cannot_be_read_is_unknown() -> None:
    """A CONNECT with unreadable properties may have had a method."""
    cut = "C 10 0e 00 04 4d 51 54 54 05 02 00 3c 7f 00 01 61"
    assert isinstance(check("AUT02", connection((cut, CHALLENGE))), Unevaluated)


def test_limits_of_the_server_apply_after_its_connack() -> None:
    """Before the CONNACK the client cannot know the server's Maximum Packet Size."""
    small = "S 20 0c 00 00 09 27 00 00 00 0a 15 00 01 4d"
    large = "C f0 0a {} 08 15 00 01 4d 1f 00 01 78"
    early = connection((CONNECT_5_METHOD, CHALLENGE, large.format("18"), small))
    late = connection((CONNECT_5_METHOD, small, large.format("19")))
    assert check("AUT07", early) is None
    assert failure("AUT07", late).statements == ("MQTT-3.15.2-2",)


def test_a_long_authentication_is_reported_where_it_becomes_too_long() -> None:
    """Reported at the packet that exceeds 60 seconds; not evaluated if bytes are missing."""
    steps = (CONNECT_5_METHOD, CHALLENGE, "+61", RESPONSE, ACCEPTED_5_METHOD)
    assert failure("AUT09", connection(steps)).at.number == 5
    incomplete_reason = connection(steps)
    incomplete_reason.quality.gaps[Side.SERVER] = frame(9, 0)
    assert isinstance(check("AUT09", incomplete_reason), Unevaluated)


def test_a_tolerated_connect_is_reported_with_the_finding_about_it() -> None:
    """SEQ05 reports the rule that the CONNECT violates, the answer, and what is required."""
    found = [
        [each.message for each in judge_steps(example.steps).findings if each.rule == "SEQ05"]
        for example in find("SEQ05").bad
    ]
    malformed = "a malformed CONNECT (CON03, reserved-connect-flag) is answered with"
    assert found[0] == [
        f"{malformed} return code 0 (accepted); the server must close without a CONNACK"
    ]
    assert found[2] == [
        "the CONNECT is malformed (CON03, reserved-connect-flag), and the connection is still open "
        "6.0 s later; the server must close it"
    ]
    assert found[4] == [f"{malformed} AUTH; the server must close, at most after a refusal"]
    assert found[5] == [
        f"{malformed} reason code 0 (Success); the server must close, at most after a refusal"
    ]
