"""A handshake is invalid exactly where a rule says that its CONNECT or CONNACK is malformed."""

from __future__ import annotations

import io
import random

import pytest

import dissector
from dissector.model import Outcome, Severity, Side, Version
from dissector.mqtt import spec
from dissector.rules.base import DefectRule
from dissector.rules.examples import ACCEPTED_5, ACCEPTED_311, REFUSED_5, REFUSED_311, SERVER_CLOSES
from dissector.rules.registry import all_rules
from samples.build import conversation, pcap
from tests.conftest import ROOT

MADE = sorted((ROOT / "samples" / "made").glob("*.pcap")) + sorted(
    (ROOT / "tests" / "cases").glob("*.pcap")
)
RECORDED = sorted((ROOT / "samples" / "recorded").glob("*malformed*.pcap"))
DEFECT_RULES = {rule.id: rule for rule in all_rules() if isinstance(rule, DefectRule)}
MUTATIONS, AT_ONCE = 5000, 250  # per version; conversations of one capture

CONNECTS = {
    Version.V3_1: "10 1f 00 06 4d 51 49 73 64 70 03 ce 00 3c 00 01 61 00 01 74 00 01 6d 00 01 75 "
    "00 02 70 77 00 00",
    Version.V3_1_1: "10 1a 00 04 4d 51 54 54 04 ec 00 3c 00 02 63 31 00 01 77 00 01 78 00 01 75 "
    "00 01 70",
    Version.V5_0: "10 27 00 04 4d 51 54 54 05 06 00 3c 0c 11 00 00 0e 10 21 00 0a 15 00 01 4d "
    "00 02 63 31 05 18 00 00 00 05 00 01 77 00 01 78",
}
CONNACKS = {
    Version.V3_1: "20 02 00 00",
    Version.V3_1_1: "20 02 00 00",
    Version.V5_0: "20 0d 00 00 0a 15 00 01 4d 21 00 0a 13 00 3c",
}


def mutated(rng: random.Random, digits: str) -> bytes:
    """Changes, inserts or removes up to three bytes; the Remaining Length mostly still fits."""
    data = bytearray.fromhex(digits)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(data))
        kind = rng.randrange(4)
        if kind == 0 and len(data) > 4:
            del data[at]
        elif kind == 1:
            data.insert(at, rng.randrange(256))
        else:
            data[at] = rng.choice([0, 1, 2, 0x2B, 0x80, 0xFF, rng.randrange(256)])
    if rng.random() < 0.9:
        data[1] = len(data) - 2
    return bytes(data)


def check(report: dissector.Report) -> int:
    """Compares outcomes and findings; returns how many handshakes are invalid."""
    invalid = 0
    for handshake in report.handshakes:
        findings = [item for item in report.findings if item.handshake == handshake.id]
        said = []
        for item in findings:
            rule = DEFECT_RULES.get(item.rule)
            if rule is None or not rule.says_malformed(item):
                continue
            packet = handshake.began if item.side is Side.CLIENT else handshake.connack
            kind = spec.CONNECT if item.side is Side.CLIENT else spec.CONNACK
            if packet is None or packet.frame is None or item.packet is None:
                continue
            if item.packet[0] >> 4 == kind and item.frame == packet.frame.number:
                said.append(item)
        if handshake.outcome is Outcome.INVALID:
            invalid += 1
            assert said, handshake
            assert any(item.severity is not Severity.INFO for item in said)
        elif handshake.outcome is Outcome.ACCEPTED:
            assert all(item.side is Side.CLIENT for item in said), handshake
        elif handshake.outcome in (Outcome.REFUSED, Outcome.UNANSWERED):
            assert not said, handshake
    return invalid


@pytest.mark.parametrize("path", [*MADE, *RECORDED], ids=lambda path: path.name)
def test_outcome_and_findings_agree(path: object) -> None:
    """In samples, cases and recorded captures `invalid` comes with a finding, and the reverse."""
    check(dissector.analyze(path))  # type: ignore[arg-type]


@pytest.mark.parametrize("part", range(MUTATIONS // AT_ONCE))
@pytest.mark.parametrize("version", list(Version))
def test_outcome_and_findings_agree_on_mutations(version: Version, part: int) -> None:
    """Mutated CONNECTs and CONNACKs are invalid exactly where a rule says that they are."""
    rng = random.Random(part)
    five = version is Version.V5_0
    answers = (ACCEPTED_5, REFUSED_5) if five else (ACCEPTED_311, REFUSED_311)
    frames = []
    for number in range(AT_ONCE):
        if number % 2:
            connack = mutated(rng, CONNACKS[version]).hex(" ")
            steps: tuple[str, ...] = ("C " + CONNECTS[version], f"S {connack}", *SERVER_CLOSES)
        else:
            connect = mutated(rng, CONNECTS[version]).hex(" ")
            answer = rng.choice([(), (answers[0],), (answers[1],)])
            steps = (f"C {connect}", *answer, *SERVER_CLOSES)
        frames += conversation(steps, client_port=20000 + number)
    frames.sort(key=lambda frame: frame.time_ns)
    assert check(dissector.analyze(io.BytesIO(pcap(frames)))) > 0
