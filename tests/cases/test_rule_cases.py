"""Captures rebuilt from public bug reports: the rules give what the standards say."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

import dissector
from dissector.audit.run import audit
from dissector.capture.rings import groups
from dissector.connections.deadlines import Deadlines
from dissector.model import Confidence, Finding, Obligation, Outcome, Severity, Side, Version
from dissector.options import Options
from dissector.rules.examples import (
    ACCEPTED_5,
    ACCEPTED_311,
    CLIENT_CLOSES,
    GRACEFUL_CLOSE,
    REFUSED_5,
    REFUSED_311,
    SERVER_CLOSES,
    WEBSOCKET,
    framed,
)
from samples.build import conversation, pcap
from tests.judging import judge_steps

HERE = Path(__file__).parent
E, W, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
C, S = Side.CLIENT, Side.SERVER
Found = tuple[str, Side, Severity, Confidence, tuple[str, ...]]

# by capture: the outcome, and all findings above info
CASES: dict[str, tuple[Outcome, list[Found]]] = {
    "v31-header-qos1-closed": (Outcome.UNANSWERED, []),
    "connect-header-flags-f-accepted": (
        Outcome.ACCEPTED,
        [
            ("ENC01", C, E, Confidence.PROVEN, ("MQTT-2.2.2-1",)),
            ("ENC02", S, E, Confidence.PROVEN, ("MQTT-2.2.2-2",)),
        ],
    ),
    "v5_connack_flags_21": (
        Outcome.INVALID,
        [("ENC01", S, E, Confidence.PROVEN, ("MQTT-2.1.3-1",))],
    ),
    "v5_auth_server_then_publish": (
        Outcome.ACCEPTED,
        [("SEQ03", S, E, Confidence.PROVEN, ("MQTT-3.2.0-1",))],
    ),
    "v4_willtopic_latin1_json": (
        Outcome.INVALID,
        [("CON12", C, E, Confidence.PROVEN, ("MQTT-1.5.3-1", "MQTT-3.1.3-10"))],
    ),
    "v5_cid_nul": (
        Outcome.INVALID,
        [("CON12", C, E, Confidence.PROVEN, ("MQTT-1.5.4-2", "MQTT-3.1.3-4"))],
    ),
    "v5_size_over_max_plain": (
        Outcome.ACCEPTED,
        [("SEQ21", S, E, Confidence.PROVEN, ("MQTT-3.1.2-24",))],
    ),
    "v5_will_response_topic_wild": (
        Outcome.INVALID,
        [("CON18", C, E, Confidence.PROVEN, ())],
    ),
    "t_v311_refused_close_8s": (
        Outcome.REFUSED,
        [("SEQ09", S, W, Confidence.LIKELY, ("MQTT-3.2.2-5",))],
    ),
}


def shown(finding: Finding) -> Found:
    """Returns what a case says about a finding."""
    return (
        finding.rule, finding.side, finding.severity, finding.confidence, finding.statements,
    )  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    """The capture has exactly the outcome and the findings above info of its description."""
    outcome, findings = CASES[name]
    report = dissector.analyze(HERE / f"{name}.pcap")
    assert [handshake.outcome for handshake in report.handshakes] == [outcome]
    assert [shown(item) for item in report.findings if item.severity is not INFO] == findings


def test_a_deadline_of_ours_keeps_the_verb_of_the_statement() -> None:
    """A close that only came late is a warning, and the obligation is still MUST."""
    (finding,) = dissector.analyze(HERE / "t_v311_refused_close_8s.pcap").findings
    assert finding.obligation is Obligation.MUST


def test_a_length_of_five_bytes_is_an_error_in_every_version() -> None:
    """A CONNECT whose length cannot be read is reported, though its version is unknown."""
    report = dissector.analyze(HERE / "v5_connect_remlen_5.pcap")
    assert [(item.rule, item.side, item.version) for item in report.findings] == [
        ("ENC03", C, None)
    ]


def test_a_tls_alert_in_answer_blames_the_client() -> None:
    """A CONNECT in clear that a server answers with a TLS alert is the client's fault."""
    report = audit(HERE / "plain-connect-to-tls-port.pcap")
    (finding,) = [item for item in report.report.findings if item.rule == "TLS12"]
    assert finding.side is C
    assert "protocol_version" in finding.message


# --- families

NAMES = {Version.V3_1: ("4d 51 49 73 64 70", 3), Version.V3_1_1: ("4d 51 54 54", 4),
         Version.V5_0: ("4d 51 54 54", 5)}  # fmt: skip
PLAIN, WRAPPED = "tcp", "websocket"


def connect_step(version: Version, first: int = 0x10, client_id: bytes = b"a") -> str:
    """Returns a CONNECT of a version with any first byte."""
    name, level = NAMES[version]
    raw = bytes.fromhex(name)
    body = len(raw).to_bytes(2, "big") + raw + bytes((level, 2, 0, 60))
    body += b"\0" if version is Version.V5_0 else b""
    body += len(client_id).to_bytes(2, "big") + client_id
    return "C " + (bytes((first, len(body))) + body).hex(" ")


def carried(transport: str, steps: tuple[str, ...]) -> tuple[str, ...]:
    """Wraps the MQTT packets of a conversation in WebSocket frames, if asked to."""
    if transport == PLAIN:
        return steps
    wrapped = [
        step if step.startswith("+") or step.split()[1] in ("FIN", "RST") else framed(step)
        for step in steps
    ]
    return (*WEBSOCKET, *wrapped)


@pytest.mark.parametrize("transport", [PLAIN, WRAPPED])
@pytest.mark.parametrize("flags", range(1, 16))
@pytest.mark.parametrize("version", list(Version))
def test_header_flags_of_connect(version: Version, flags: int, transport: str) -> None:
    """From 3.1.1 on wrong header flags are an error, and accepting them one of the server."""
    first = 0x10 | flags
    accepted = ACCEPTED_5 if version is Version.V5_0 else ACCEPTED_311
    closed = judge_steps(carried(transport, (connect_step(version, first), *SERVER_CLOSES)))
    kept = judge_steps(carried(transport, (connect_step(version, first), accepted, *CLIENT_CLOSES)))
    if version is Version.V3_1:
        assert not closed.findings
        assert not kept.findings
        assert [item.outcome for item in closed.handshakes] == [Outcome.UNANSWERED]
        return
    assert [(item.rule, item.severity) for item in closed.findings] == [("ENC01", E)]
    assert [item.outcome for item in closed.handshakes] == [Outcome.INVALID]
    rules = [(item.rule, item.side, item.severity, item.confidence) for item in kept.findings]
    assert rules == [
        ("ENC01", C, E, Confidence.PROVEN),
        ("ENC02", S, E, Confidence.PROVEN),
    ]


@pytest.mark.parametrize("seconds", [6, 8, 40])
@pytest.mark.parametrize("version", [Version.V3_1_1, Version.V5_0])
def test_a_late_close_after_a_refusal(version: Version, seconds: int) -> None:
    """Whatever the delay, a close that the standard does not time is a warning and likely."""
    refused = REFUSED_5 if version is Version.V5_0 else REFUSED_311
    report = judge_steps((connect_step(version), refused, f"+{seconds}", *SERVER_CLOSES))
    found = [(item.rule, item.severity, item.confidence) for item in report.findings]
    assert found == [("SEQ09", W, Confidence.LIKELY)]


@pytest.mark.parametrize("version", [Version.V3_1_1, Version.V5_0])
def test_deadlines_are_those_of_the_options(version: Version) -> None:
    """A longer deadline in the options makes a late close a close in time."""
    refused = REFUSED_5 if version is Version.V5_0 else REFUSED_311
    frames = conversation((connect_step(version), refused, "+8", *SERVER_CLOSES))
    for seconds, rules in ((5, ["SEQ09"]), (10, [])):
        found: list[str] = []

        class RuleIds:
            """Collects the ids of findings."""

            def finding(self, record: Finding) -> None:
                """Adds the rule's id."""
                found.append(record.rule)  # noqa: B023

            def precision(self, record: object) -> None:
                """Ignores it."""

            handshake = warning = tls_handshake = precision

        options = Options(deadlines=Deadlines(close_seconds=seconds))
        dissector.analysis.run(groups([io.BytesIO(pcap(frames))]), options, RuleIds())
        assert found == rules


@pytest.mark.parametrize("version", [Version.V3_1_1, Version.V5_0])
@pytest.mark.parametrize(
    ("client_id", "answer", "pedantic", "reported"),
    [
        (b"a-b", "accepted", False, False),
        (b"a-b", "accepted", True, True),
        (b"a-b", "rejected", False, True),
        (b"a-b", "refused", False, False),
        (b"ab", "rejected", True, False),
    ],
)
def test_client_ids_that_are_not_portable(
    version: Version, client_id: bytes, answer: str, pedantic: bool, reported: bool
) -> None:
    """CON14 is off from 3.1.1 on, unless it is asked for or the server rejects the id."""
    codes = {"accepted": 0, "rejected": 0x85, "refused": 0x87}
    if version is Version.V3_1_1:
        codes = {"accepted": 0, "rejected": 2, "refused": 5}
    code = f"{codes[answer]:02x}"
    connack = f"S 20 03 00 {code} 00" if version is Version.V5_0 else f"S 20 02 00 {code}"
    frames = conversation((connect_step(version, 0x10, client_id), connack, *CLIENT_CLOSES))
    report = dissector.analyze(io.BytesIO(pcap(frames)), pedantic=pedantic)
    assert [item.rule for item in report.findings] == (["CON14"] if reported else [])
    named = dissector.analyze(io.BytesIO(pcap(frames)), select=["CON14"])
    assert [item.rule for item in named.findings] == (["CON14"] if b"-" in client_id else [])


@pytest.mark.parametrize("bad", ["ff", "00", "c0 80", "ed a0 80"])
@pytest.mark.parametrize("field", ["client id", "will topic", "user name"])
@pytest.mark.parametrize("version", [Version.V3_1_1, Version.V5_0])
def test_text_of_connect_cites_the_statement_about_text(
    version: Version, field: str, bad: str
) -> None:
    """Text that is not UTF-8 cites 1.5.3-1 or 1.5.4-1, text with U+0000 1.5.3-2 or 1.5.4-2."""
    value = bytes.fromhex(bad)
    block = len(value).to_bytes(2, "big") + value
    flags = {"client id": 2, "will topic": 6, "user name": 0x82}[field]
    payload = block if field == "client id" else b"\0\1a"
    if field == "will topic":
        payload += (b"\0" if version is Version.V5_0 else b"") + block + b"\0\1m"
    elif field == "user name":
        payload += block
    name, level = NAMES[version]
    head = b"\0\4" + bytes.fromhex(name) + bytes((level, flags, 0, 60))
    body = head + (b"\0" if version is Version.V5_0 else b"") + payload
    step = "C " + (bytes((0x10, len(body))) + body).hex(" ")
    report = judge_steps((step, *SERVER_CLOSES))
    section = "1.5.4" if version is Version.V5_0 else "1.5.3"
    (finding,) = report.findings
    assert f"MQTT-{section}-{2 if bad == '00' else 1}" in finding.statements
    assert [item.outcome for item in report.handshakes] == [Outcome.INVALID]


def test_graceful_close_is_lawful() -> None:
    """The close that these conversations end with is no finding."""
    for version in Version:
        accepted = ACCEPTED_5 if version is Version.V5_0 else ACCEPTED_311
        assert not judge_steps((connect_step(version), accepted, *GRACEFUL_CLOSE)).findings
