"""Tests rules about order, deadlines and reactions on captures of short conversations."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest

import dissector
from dissector.model import Confidence, Finding, Obligation, Severity, Side
from dissector.rules.examples import (
    ACCEPTED_5,
    ACCEPTED_5_METHOD,
    ACCEPTED_311,
    CLIENT_CLOSES,
    CONNECT_5,
    CONNECT_5_METHOD,
    CONNECT_311,
    DISCONNECT,
    REFUSED_5,
    REFUSED_311,
)
from dissector.rules.registry import all_rules, find
from samples.build import Frame, conversation, pcap
from tests.judging import judge, judge_steps, rules_of

SECOND = 1_000_000_000
PUBLISH = "C 30 05 00 01 61 68 69"
FROM_SERVER = "S 30 05 00 01 61 68 69"
CHALLENGE = "S f0 06 18 04 15 00 01 4d"
RESPONSE = "C f0 06 18 04 15 00 01 4d"
RESERVED_FLAG = "C 10 0d 00 04 4d 51 54 54 04 03 00 3c 00 01 61"
EMPTY_ID = "C 10 0c 00 04 4d 51 54 54 04 00 00 3c 00 00"
LEVEL_6 = "C 10 0d 00 04 4d 51 54 54 06 02 00 3c 00 01 61"
PINGS = {"C": "C c0 00", "S": "S d0 00"}
SUBSCRIBE_BY_SERVER = "S 82 06 00 01 00 01 61 00"
PINGRESP_BY_CLIENT = "C d0 00"
PINGREQ_WITH_FLAGS = "C c1 00"


def verdict(rule: str, steps: Sequence[str]) -> str:
    """Returns what the capture of a conversation has for a rule."""
    return verdict_on(rule, conversation(steps))


def verdict_on(rule: str, frames: Sequence[Frame]) -> str:
    """Returns what a capture has for a rule: "found", "not evaluated" or "nothing"."""
    report = judge(frames)
    if rule in rules_of(report):
        return "found"
    return "not evaluated" if rule in {item.rule for item in report.not_evaluated} else "nothing"


def finding(rule: str, steps: Sequence[str]) -> Finding:
    """Returns the only finding of a rule in a conversation."""
    (found,) = [item for item in judge_steps(steps).findings if item.rule == rule]
    return found


def without(steps: Sequence[str], lost: int) -> list[Frame]:
    """Returns the capture of a conversation without the data of a step, counted from 1.

    Only steps with data count.
    """
    frames = conversation(steps)
    number = data_frames(frames)[lost - 1]
    return [*frames[: number - 1], *frames[number:]]


def data_frames(frames: Sequence[Frame]) -> list[int]:
    """Returns the numbers of the frames with data."""
    return [number for number, frame in enumerate(frames, 1) if frame.payload]


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
    found = finding(rule, (*steps, "+10"))
    frames = conversation(steps)
    assert found.time_ns == frames[found.frame - 1].time_ns + 5 * SECOND
    assert found.confidence is Confidence.LIKELY
    assert "10.0 s" in found.message


@open_for_ten_seconds
@pytest.mark.parametrize("close", ["C FIN", "S FIN", "C RST", "S RST"])
def test_a_close_in_time_by_either_side_is_not_reported(
    rule: str, steps: tuple[str, ...], close: str
) -> None:
    """A close by either side within five seconds, by FIN or RST, is not reported."""
    assert verdict(rule, (*steps, "+4", close)) == "nothing"


@open_for_ten_seconds
def test_a_close_too_late_is_reported(rule: str, steps: tuple[str, ...]) -> None:
    """A close after the deadline is still reported."""
    assert verdict(rule, (*steps, "+7", "S FIN")) == "found"


@open_for_ten_seconds
def test_a_missing_close_needs_a_complete_capture(rule: str, steps: tuple[str, ...]) -> None:
    """Not evaluated with a gap, one direction, a start in mid-stream, or an early end."""
    assert verdict(rule, (*steps, "+4")) == "not evaluated"
    frames = conversation((*steps, "+10"))
    # AUT05 is not asked about a connection without its SYN
    late = "nothing" if rule == "AUT05" else "not evaluated"
    assert verdict_on(rule, frames[3:]) == late
    assert verdict_on(rule, [one for one in frames if one.side == "C"]) != "found"
    for side in "CS":
        later = (*steps, "+1", PINGS[side], "+9")
        lost = without(later, len(steps) + 1)
        assert verdict_on(rule, lost) == "not evaluated", side


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
    assert finding(rule, steps).frame == data_frames(conversation(steps))[step - 1]


@out_of_order
def test_missing_bytes_before_the_packet_prevent_a_verdict(
    rule: str, steps: tuple[str, ...], step: int
) -> None:
    """Not evaluated with a gap of its side before the packet."""
    earlier = (*steps[: step - 1], PINGS[steps[step - 1][0]], *steps[step - 1 :])
    assert verdict_on(rule, without(earlier, step)) == "not evaluated"


@out_of_order
def test_missing_bytes_after_the_packet_do_not_matter(
    rule: str, steps: tuple[str, ...], step: int
) -> None:
    """A gap of the same side after a later packet does not change the verdict."""
    ping = PINGS[steps[step - 1][0]]
    assert verdict_on(rule, without((*steps, ping, ping, ping), len(steps) + 2)) == "found"


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
    frames = conversation(steps)
    assert verdict_on(rule, frames[3:]) == "not evaluated"
    for side in "CS":
        assert verdict_on(rule, [one for one in frames if one.side == side]) != "found"


@pytest.mark.parametrize(
    ("rule", "steps"),
    [(rule, steps) for rule, steps, _ in OUT_OF_ORDER if rule in ("AUT01", "AUT03")],
)
def test_order_across_directions_needs_the_other_side_complete(
    rule: str, steps: tuple[str, ...]
) -> None:
    """A gap of the other side before the packet prevents a verdict, a later one does not."""
    other = PINGS["S" if steps[-1][0] == "C" else "C"]
    before = (*steps[:-1], other, steps[-1])
    assert verdict_on(rule, without(before, len(steps))) == "not evaluated"
    later = (*steps, other, other, other)
    assert verdict_on(rule, without(later, len(steps) + 2)) == "found"


def test_first_packet_of_unknown_version_cites_the_common_number() -> None:
    """Without CONNECT the version is unknown; 3.1.1 and 5.0 have the same statement id."""
    assert finding("SEQ01", (PUBLISH,)).statements == ("MQTT-3.1.0-1",)


@pytest.mark.parametrize("step", [SUBSCRIBE_BY_SERVER, "S e0 00", "S f0 00"])
def test_a_packet_that_servers_never_send_is_not_too_early(step: str) -> None:
    """A packet that no server may send is reported by the rules about direction."""
    assert verdict("SEQ03", (CONNECT_311, step)) != "found"


def test_a_client_that_publishes_after_its_refusal_is_not_served() -> None:
    """Only packets of the server prove that it served a refused client."""
    assert verdict("SEQ10", (CONNECT_5, REFUSED_5, PUBLISH, *CLIENT_CLOSES)) == "nothing"


def test_connack_codes_for_an_invalid_field_are_allowed() -> None:
    """3.1.1: codes 1, 2 and 4 may answer an invalid level, client id and credentials."""
    without_user = "C 10 10 00 04 4d 51 54 54 04 42 00 3c 00 01 61 00 01 70"
    for connect, code, expected in (
        (without_user, 4, "nothing"),
        (RESERVED_FLAG, 1, "nothing"),
        (RESERVED_FLAG, 4, "found"),
        (RESERVED_FLAG, 2, "found"),
    ):
        steps = (connect, f"S 20 02 00 {code:02x}", "S FIN", "C FIN")
        assert verdict("SEQ05", steps) == expected, steps


def test_empty_id_without_a_connack() -> None:
    """The server's close without CONNACK fails; not the client's, nor an incomplete capture."""
    assert verdict("SEQ07", (EMPTY_ID, "S FIN", "C FIN")) == "found"
    assert verdict("SEQ07", (EMPTY_ID, "C FIN", "S FIN")) == "nothing"
    assert verdict_on("SEQ07", without((EMPTY_ID, "S 20 02 00 02", "S FIN"), 2)) == "not evaluated"


def test_unknown_level_is_judged_by_the_versions_of_the_server() -> None:
    """3.1.1 requires code 1, 5.0 a close; without known versions of the server: not evaluated."""
    strict = (CONNECT_311, ACCEPTED_311, *CLIENT_CLOSES, "NEW")
    lenient = (*strict, CONNECT_5, ACCEPTED_5, *CLIENT_CLOSES, "NEW")
    closed = (LEVEL_6, "S FIN", "C FIN")
    assert verdict("SEQ06", closed) == "not evaluated"
    assert verdict("SEQ06", (*strict, *closed)) == "found"
    assert verdict("SEQ06", (*lenient, *closed)) == "nothing"
    for before in (strict, lenient):
        assert verdict("SEQ06", (*before, LEVEL_6, "S 20 02 00 01", "+9")) == "found"
    assert verdict("SEQ06", (*strict, LEVEL_6, "C FIN")) == "nothing"


def test_an_unanswered_connect_must_have_arrived() -> None:
    """No finding without the server's TCP acknowledgement, with a defect, or after AUTH."""
    assert verdict("SEQ11", (CONNECT_311, "+31")) == "found"
    frames = conversation((CONNECT_311, "+31"))
    unacknowledged = frames[:4] + frames[5:6]
    assert verdict_on("SEQ11", unacknowledged) == "not evaluated"
    assert verdict("SEQ11", (RESERVED_FLAG, "+31")) == "nothing"
    assert verdict("SEQ11", (CONNECT_5_METHOD, CHALLENGE, "+31")) == "nothing"
    assert verdict("SEQ11", (CONNECT_311, DISCONNECT, "+31")) == "nothing"
    assert verdict("SEQ11", (CONNECT_311, "+20")) == "not evaluated"


def test_a_connection_without_data_is_reported_after_thirty_seconds() -> None:
    """30 seconds without data are reported; not if the capture ends early."""
    assert verdict("SEQ12", ("+31",)) == "found"
    assert verdict("SEQ12", ("+20",)) == "not evaluated"


def test_a_wait_for_connack_is_reported_after_the_deadline_of_the_server() -> None:
    """A client that still waits after 35 seconds is reported."""
    assert verdict("SEQ12", (CONNECT_311, "+33")) == "not evaluated"
    assert finding("SEQ12", (CONNECT_311, "+36")).side is Side.CLIENT


def test_refusal_is_reported_once() -> None:
    """SEQ09 and SEQ08 do not repeat what a more specific rule has reported."""
    refused = rules_of(judge_steps((CONNECT_311, "S 20 02 00 02", "+10")))
    assert "SEQ08" in refused
    assert "SEQ09" not in refused
    empty = rules_of(judge_steps((EMPTY_ID, "S 20 02 00 02", "+10")))
    assert "SEQ07" in empty
    assert not empty & {"SEQ08", "SEQ09"}


def test_disconnect_by_a_server_cites_its_reason_code() -> None:
    """5.0: a code of 0x80 and above adds 4.13.2-1; the sender is at fault."""
    found = finding("SEQ16", (CONNECT_5, ACCEPTED_5, "S e0 02 8b 00", "+9"))
    assert found.statements == ("MQTT-3.14.4-2", "MQTT-4.13.2-1")
    assert found.side is Side.SERVER
    found = finding("SEQ16", (CONNECT_5, ACCEPTED_5, DISCONNECT, "+9"))
    assert found.statements == ("MQTT-3.14.4-2",)


def test_the_receiver_of_a_violation_must_close() -> None:
    """3.1.1: the receiver must close, whichever side it is; 5.0: only servers."""
    steps = (CONNECT_311, ACCEPTED_311, SUBSCRIBE_BY_SERVER, "+10")
    assert finding("SEQ17", steps).side is Side.CLIENT
    steps = (CONNECT_5, ACCEPTED_5, "S 82 07 00 01 00 00 01 61 00", "+10")
    found = rules_of(judge_steps(steps))
    assert "ENC12" in found
    assert "SEQ17" not in found


def test_only_a_proven_violation_requires_a_close() -> None:
    """SEQ17 follows a proven error of the other side against a MUST, and repeats no other rule.

    In the bad examples of all rules, left open for ten seconds, warnings, likely findings and
    advice cause no SEQ17; nor does what has a rule of its own about the missing close.
    """
    captures = []
    for rule in all_rules():
        for example in rule.bad:
            steps = list(example.steps)
            while steps and (steps[-1].endswith(("FIN", "RST")) or steps[-1][0] == "+"):
                steps.pop()
            captures.append(conversation((*steps, "+10"), server_port=example.port))
    files = [io.BytesIO(pcap(frames)) for frames in captures]
    of: list[list[Finding]] = [[] for _ in captures]
    for found in dissector.analyze(*files, separate=True).findings:
        of[found.capture].append(found)
    required = 0
    for findings in of:
        for found in findings:
            if found.rule != "SEQ17":
                continue
            required += 1
            assert [
                cause
                for cause in findings
                if (cause.severity, cause.confidence) == (Severity.ERROR, Confidence.PROVEN)
                and cause.obligation is Obligation.MUST
                and cause.side is not found.side
                and cause.time_ns <= found.time_ns
            ]
            assert not {item.rule for item in findings} & {"ENC02", "SEQ05", "SEQ06", "SEQ08"}
    assert required > 10


@pytest.mark.parametrize(
    ("rule", "violation"), [("SEQ17", PINGRESP_BY_CLIENT), ("ENC02", PINGREQ_WITH_FLAGS)]
)
def test_a_reaction_is_required_only_in_a_complete_capture(rule: str, violation: str) -> None:
    """Reported after ten seconds; not with a gap, early end, close, DISCONNECT or refusal."""
    steps = (CONNECT_5, ACCEPTED_5, violation)
    assert finding(rule, (*steps, "+10")).side is Side.SERVER
    assert verdict(rule, (*steps, "+3")) == "not evaluated"
    assert verdict(rule, (*steps, "+2", "C RST")) == "nothing"
    assert verdict(rule, (*steps, "S e0 02 82 00", "+10")) == "nothing"
    assert verdict(rule, (CONNECT_5, REFUSED_5, violation, "+10")) == "nothing"
    assert verdict_on(rule, without((*steps, "+1", "S d0 00", "+9"), 4)) == "not evaluated"


def test_a_missing_close_is_reported_once() -> None:
    """If ENC02 has reported that a side did not close, SEQ17 does not repeat it."""
    found = rules_of(judge_steps((CONNECT_311, ACCEPTED_311, PINGREQ_WITH_FLAGS, "+10")))
    assert "ENC02" in found
    assert "SEQ17" not in found


def test_an_auth_too_short_for_its_method_is_a_warning() -> None:
    """The shortest AUTH is a warning only: the standard contradicts itself about it."""
    steps = (CONNECT_5_METHOD, ACCEPTED_5_METHOD, "C f0 06 19 04 15 00 01 4d", "S f0 00")
    assert finding("AUT04", steps).severity is Severity.WARNING


def test_method_of_a_connect_that_cannot_be_read_is_unknown() -> None:
    """A CONNECT with unreadable properties may have had a method."""
    cut = "C 10 0e 00 04 4d 51 54 54 05 02 00 3c 7f 00 01 61"
    assert verdict("AUT02", (cut, CHALLENGE)) == "not evaluated"


def test_limits_of_the_server_apply_after_its_connack() -> None:
    """Before the CONNACK the client cannot know the server's Maximum Packet Size."""
    small = "S 20 0c 00 00 09 27 00 00 00 0a 15 00 01 4d"
    large = "C f0 0a {} 08 15 00 01 4d 1f 00 01 78"
    early = (CONNECT_5_METHOD, CHALLENGE, large.format("18"), small)
    late = (CONNECT_5_METHOD, small, large.format("19"))
    assert verdict("AUT07", early) == "nothing"
    assert finding("AUT07", late).statements == ("MQTT-3.15.2-2",)


def test_a_long_authentication_is_reported_where_it_becomes_too_long() -> None:
    """Reported at the packet that exceeds 60 seconds; not evaluated if bytes are missing."""
    steps = (CONNECT_5_METHOD, CHALLENGE, "+61", RESPONSE, ACCEPTED_5_METHOD)
    assert finding("AUT09", steps).frame == data_frames(conversation(steps))[2]
    assert verdict_on("AUT09", without(steps, 2)) == "not evaluated"


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
