"""The posture says only what was seen: what is right, on how many connections, and what is not."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator

import pytest

from dissector.audit.posture import DEVICE_MERITS, SERVER_MERITS, Merit
from dissector.audit.records import Audit, Device, Server
from dissector.audit.run import audit
from dissector.model import Side
from dissector.rules.base import Step, step_texts
from dissector.rules.examples import (
    ACCEPTED_311,
    GRACEFUL_CLOSE,
    REFUSED_311,
    SERVER_CLOSES,
    connack_5,
    connect,
    framed,
    http,
    websocket_answer,
    websocket_request,
)
from dissector.rules.registry import every_rule
from dissector.rules.tls.examples import (
    CLOSES,
    PORT,
    RC4,
    V1_0,
    alert,
    client_hello,
    key_exchange,
    server_flight,
    server_hello_13,
    session,
    session_13,
)
from samples.build import conversation, pcap
from tests.audit.test_grouping import HostConnection, devices
from tests.conftest import ROOT
from tests.judging import judge

CASES = ROOT / "tests" / "cases"
PASSWORD = "Zq7-unlikely-Pw"
AUTHENTICATES = "it sends credentials"
PUBLISHES = ("C 32 09 00 03 61 2f 62 00 01 68 69", "S 40 02 00 01") * 3


def audited(*steps: Step, port: int = 1883, ignore: tuple[str, ...] = ()) -> Audit:
    """Audits a conversation."""
    frames = conversation(step_texts(steps), server_port=port)
    return audit(io.BytesIO(pcap(frames)), key=b"posture", ignore=ignore)


def rules_of(found: Audit) -> set[str]:
    """Returns the rules with findings."""
    return {finding.rule for finding in found.report.findings}


def right(found: Audit) -> dict[str, tuple[int, int]]:
    """Returns what is right on the only device: text to count and total."""
    (device,) = found.devices
    return {point.text: (point.count, point.total) for point in device.posture.right}


def topics(found: Audit) -> set[str]:
    """Returns the topics of all that is right, on any party."""
    parties: list[Device | Server] = [*found.devices, *found.servers]
    return {point.topic for party in parties for point in party.posture.right}


# -- log-in ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["tcp", "ws"])
@pytest.mark.parametrize(
    ("version", "user", "password"),
    [
        *[(version, "", None) for version in ("3.1", "3.1.1", "5.0")],
        *[(version, "", b"") for version in ("3.1", "3.1.1", "5.0")],
        ("5.0", None, b""),
    ],
)
def test_empty_credentials_are_anonymous(
    transport: str, version: str, user: str | None, password: bytes | None
) -> None:
    """Credentials of length 0 are no log-in: in the inventory, for the rules and in the praise."""
    hello = connect("lamp", user, password, version=version)
    answer = connack_5() if version == "5.0" else ACCEPTED_311
    steps = step_texts((hello, answer))
    if transport == "ws":
        upgrade = (websocket_request("mqtt"), websocket_answer("mqtt"))
        found = audited(*upgrade, *map(framed, steps), *CLOSES)
    else:
        found = audited(*steps, *GRACEFUL_CLOSE)
    (device,), (server,) = found.devices, found.servers
    assert device.authentication == server.accepts == {"none": 1}
    assert device.usernames == device.credentials == ()
    assert (found.overview.anonymous, found.overview.authenticated) == (1, 0)
    assert {"SEC03", "SEC36"} <= rules_of(found)
    assert rules_of(found).isdisjoint({"SEC01", "SEC08"})
    assert topics(found).isdisjoint({"authentication", "credentials"})


@pytest.mark.parametrize(
    "request_lines",
    [
        ("GET /mqtt?token=abc HTTP/1.1",),
        ("GET /mqtt HTTP/1.1", "Authorization: Basic YTpi"),
        ("GET /mqtt HTTP/1.1", "Cookie: session=1"),
    ],
)
def test_a_log_in_outside_of_mqtt_is_possible(request_lines: tuple[str, ...]) -> None:
    """Where a WebSocket request may hold the log-in, the client is not said to have none."""
    upgrade = http(
        "C", *request_lines, "Host: hub.example", "Upgrade: websocket", "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: mqtt",
    )  # fmt: skip
    packets = map(framed, step_texts((connect("lamp"), ACCEPTED_311)))
    found = audited(upgrade, websocket_answer("mqtt"), *packets, *CLOSES)
    (device,), (server,) = found.devices, found.servers
    assert device.authentication == server.accepts == {"none in MQTT, unknown outside": 1}
    assert (found.overview.anonymous, found.overview.authenticated) == (0, 0)
    assert rules_of(found).isdisjoint({"SEC03", "SEC36"})
    assert topics(found).isdisjoint({"authentication", "credentials"})


def test_a_connect_that_cannot_be_read_may_log_in() -> None:
    """A CONNECT that is malformed before its user name does not show that there is none."""
    found = audit(ROOT / "samples" / "made" / "con11-client-id-missing.pcap")
    (device,) = found.devices
    assert device.authentication == {"unknown, CONNECT not readable": 1}
    assert (found.overview.anonymous, found.overview.authenticated) == (0, 0)
    assert rules_of(found).isdisjoint({"SEC03", "SEC36"})


def test_a_user_name_with_an_empty_password_is_not_a_password() -> None:
    """A user name with an empty password logs in by user name only (SEC08), without praise."""
    found = audited(connect("lamp", "anna", b""), ACCEPTED_311, *GRACEFUL_CLOSE)
    assert found.devices[0].authentication == {"user name only": 1}
    assert {"SEC01", "SEC08"} <= rules_of(found)
    assert topics(found).isdisjoint({"authentication", "credentials"})


@pytest.mark.parametrize("name", ["empty-credentials", "plain-connect-to-tls-port"])
def test_a_device_without_log_in_and_encryption_has_a_finding(name: str) -> None:
    """A device that neither logs in nor encrypts is itself at fault, not only its server."""
    (device,) = audit(CASES / f"{name}.pcap").devices
    assert "SEC36" in {problem.rule for problem in device.posture.wrong}
    assert {point.topic for point in device.posture.right}.isdisjoint(
        {"encryption", "authentication", "credentials"}
    )


def test_a_refused_connection_without_credentials_counts() -> None:
    """A connection without credentials counts although the server refused it."""
    known = HostConnection("10.0.0.7", "a", 0, 5, user="u")
    wrong = HostConnection("10.0.0.7", "a", 6, 7, user="v", accepted=False)
    anonymous = HostConnection("10.0.0.7", "a", 8, 9, accepted=False)
    (one,), (two,), (three,) = devices(known), devices(known, wrong), devices(known, anonymous)
    assert [
        {point.text: (point.count, point.total) for point in device.posture.right}.get(
            AUTHENTICATES
        )
        for device in (one, two, three)
    ] == [(1, 1), (1, 2), None]


# -- encryption -----------------------------------------------------------------------------------

FAILED = {
    "only a ClientHello": (client_hello(), *CLOSES),
    "refused by an alert": (client_hello(), alert("S", 40), *CLOSES),
    "reset": (client_hello(), "S RST"),
    "certificate refused": (client_hello(), server_flight(), alert("C", 48), *CLOSES),
    "client certificate refused": (
        client_hello(), server_flight(), key_exchange("good"), alert("S", 42), *CLOSES,
    ),
    "no data after the hellos of 1.3": (client_hello(), server_hello_13(), *CLOSES),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILED)
@pytest.mark.parametrize("port", [PORT, 1883])
def test_tls_that_was_not_established_is_not_encrypted(name: str, port: int) -> None:
    """TLS without data after the handshake is neither encrypted, nor in clear, nor praised."""
    found = audited(*FAILED[name], port=port)
    overview = found.overview
    assert (overview.connections, overview.clear, overview.encrypted) == (1, 0, 0)
    assert any("not seen to be established" in text for text in overview.not_seen)
    (device,), (server,) = found.devices, found.servers
    assert device.transports == server.transports == {}
    assert device.authentication == server.accepts == {}
    assert not topics(found)


@pytest.mark.parametrize("steps", [session(), session_13()], ids=["1.2", "1.3"])
def test_what_lets_clients_in_is_unknown_inside_tls(steps: tuple[Step, ...]) -> None:
    """Established TLS is encrypted; how clients log in is unknown, not "none" or "nobody"."""
    found = audited(*steps, port=PORT)
    assert (found.overview.clear, found.overview.encrypted) == (0, 1)
    assert right(found)["its connections are encrypted"] == (1, 1)
    (server,) = found.servers
    assert server.accepts == {"unknown, inside TLS": 1}
    assert found.devices[0].authentication == {"unknown, inside TLS": 1}


def test_failed_tls_does_not_count_as_encrypted_beside_established_tls() -> None:
    """Of an established and a failed connection of one device, one is encrypted."""
    failed = FAILED["certificate refused"]
    found = audited(*session(), "NEW", *failed, port=PORT)
    assert right(found)["its connections are encrypted"] == (1, 2)
    assert found.devices[0].transports == {"tls": 1}
    (point,) = (item for item in found.overview.right if "encrypted" in item.text)
    assert (point.count, point.total) == (1, 2)


@pytest.mark.parametrize("suite", [RC4, 0xC006, 0xC018], ids=["RC4", "NULL", "anon"])
def test_broken_suites_are_not_praised_on_any_device(suite: int) -> None:
    """A suite that does not protect is no praise, also on devices after the one with the finding.

    TLS03 reports a suite once for each server.
    """
    steps = step_texts(session(suite=suite))
    two = [
        frame
        for host in (7, 8)
        for frame in conversation(steps, client_ip=bytes((10, 0, 0, host)), server_port=PORT)
    ]
    found = audit(io.BytesIO(pcap(two)))
    assert "TLS03" in rules_of(found)
    assert not [point for point in found.overview.right if "encrypted" in point.text]
    assert "its accepted connections are encrypted" not in {
        point.text for server in found.servers for point in server.posture.right
    }


def test_old_tls_versions_are_not_praised_as_current() -> None:
    """TLS 1.0 is encrypted, but no current version."""
    found = audited(*session(version=V1_0), port=PORT)
    assert "its connections are encrypted" in right(found)
    assert "its TLS versions are current" not in right(found)


def test_silent_connections_are_neither_in_clear_nor_encrypted() -> None:
    """A connection without data counts, but neither as in clear nor as encrypted."""
    overview = audited("+40", *CLOSES).overview
    assert (overview.connections, overview.clear, overview.encrypted) == (1, 0, 0)


# -- connections without their beginning ----------------------------------------------------------


def test_clear_traffic_in_mid_stream_counts_as_clear() -> None:
    """Without its CONNECT, traffic in clear is in clear, and its server serves without TLS."""
    found = audit(CASES / "midstream-in-clear.pcap")
    assert (found.overview.connections, found.overview.clear) == (1, 1)
    (server,) = found.servers
    assert "SEC02" in {problem.rule for problem in server.posture.wrong}
    assert server.accepts == {"unknown, no CONNECT seen": 1}
    assert server.transports == {"tcp": 1}
    assert not topics(found)


@pytest.mark.parametrize("version", ["3.1", "3.1.1", "5.0"])
@pytest.mark.parametrize("accepted", [True, False])
def test_every_late_start_in_clear_counts_as_clear(version: str, accepted: bool) -> None:
    """However late the capture starts, MQTT in clear is in clear; SEC02 needs a served client."""
    if accepted:
        answer = connack_5() if version == "5.0" else ACCEPTED_311
        steps: tuple[Step, ...] = (connect("a", version=version), answer, *PUBLISHES)
        steps = (*steps, *GRACEFUL_CLOSE)
    else:
        answer = connack_5(code=0x87) if version == "5.0" else REFUSED_311
        steps = (connect("a", version=version), answer, *SERVER_CLOSES)
    frames = conversation(step_texts(steps))
    served = 0
    for start in range(len(frames) - 3):
        found = audit(io.BytesIO(pcap(frames[start:])))
        overview = found.overview
        if not found.report.capture.mqtt_connections:
            continue
        assert (overview.connections, overview.clear) == (1, 1), f"from frame {start + 1}"
        assert accepted or "SEC02" not in rules_of(found), f"from frame {start + 1}"
        seen = judge(frames[start:]).handshakes
        if accepted and seen and seen[0].connack is not None:  # also without its CONNECT
            assert "SEC02" in rules_of(found), f"from frame {start + 1}"
        served += "SEC02" in rules_of(found)
    assert served > 4 if accepted else not served


# -- what is right --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ignored", "text"),
    [("SEC05", "its password is not obviously weak"), ("SEC16", "its keep alive is reasonable")],
)
def test_what_was_not_checked_is_not_praised(ignored: str, text: str) -> None:
    """Praise that rests on a rule's silence needs that rule to be checked."""
    steps = (connect("a", "anna", PASSWORD), ACCEPTED_311, *GRACEFUL_CLOSE)
    assert text in right(audited(*steps))
    found = audited(*steps, ignore=(ignored,))
    assert text not in right(found)
    assert any(ignored in sentence for sentence in found.devices[0].posture.unseen)


@functools.cache
def collected() -> tuple[tuple[str, Audit], ...]:
    """Audits all samples, cases and bad examples of rules, each by its name."""
    paths = [*sorted((ROOT / "samples").rglob("*.pcap*")), *sorted(CASES.glob("*.pcap*"))]
    found = [(path.name, audit(path, key=b"all")) for path in paths]
    for rule in every_rule():
        for example in rule.bad:
            frames = conversation(example.steps, server_port=example.port)
            data = io.BytesIO(pcap(frames))
            found.append((f"{rule.id} {example.title}", audit(data, key=b"all")))
    return tuple(found)


def parties() -> Iterator[tuple[str, Audit, Device | Server, tuple[Merit, ...]]]:
    """Returns all parties of `collected`, each with the merits that it may have."""
    for name, found in collected():
        for device in found.devices:
            yield name, found, device, DEVICE_MERITS
        for server in found.servers:
            yield name, found, server, SERVER_MERITS


def test_no_praise_coexists_with_a_finding_that_contradicts_it() -> None:
    """What is right about a party is contradicted by no finding on it or on its connections."""
    for name, found, party, merits in parties():
        known = {merit.text: merit.rests_on | merit.contradicted_by for merit in merits}
        own = {found.report.findings[number].rule for number in party.findings}
        if isinstance(party, Device):
            streams = set(party.streams)
            own |= {item.rule for item in found.report.findings if item.stream in streams}
        for point in party.posture.right:
            assert own.isdisjoint(known[point.text]), f"{name}: {party.name}: {point.text}"


def test_every_merit_is_seen_somewhere_and_names_existing_rules() -> None:
    """Each merit is right on some party, so that the test before this one tests it."""
    seen = {point.text for _, _, party, _ in parties() for point in party.posture.right}
    merits = (*DEVICE_MERITS, *SERVER_MERITS)
    assert seen == {merit.text for merit in merits}
    named = {rule for merit in merits for rule in merit.rests_on | merit.contradicted_by}
    assert named <= {rule.id for rule in every_rule()}


def test_praise_counts_connections() -> None:
    """Each point is right on some of the connections, at most all of the party's."""
    for name, _, party, _ in parties():
        for point in party.posture.right:
            assert 0 < point.count <= point.total == party.connections, name
    for name, found in collected():
        overview = found.overview
        assert overview.clear + overview.encrypted <= overview.connections, name
        assert overview.anonymous + overview.authenticated <= overview.connections, name
        for point in overview.right:
            assert 0 < point.count <= point.total == overview.connections, name
            if point.text == "its connections are encrypted":
                assert point.count <= overview.encrypted, name


@pytest.mark.parametrize(
    ("rule", "side", "text"),
    [
        ("SEC01", Side.CLIENT, "its connections are encrypted"),
        ("SEC02", Side.SERVER, "its accepted connections are encrypted"),
        ("SEC03", Side.SERVER, "it accepted no client without credentials"),
        ("SEC04", Side.CLIENT, "its password is not obviously weak"),
        ("SEC05", Side.CLIENT, "its password is not obviously weak"),
        ("SEC06", Side.CLIENT, "its password is not obviously weak"),
        ("SEC07", Side.CLIENT, "no other device was seen with its credentials"),
        ("SEC08", Side.CLIENT, AUTHENTICATES),
        ("SEC12", Side.CLIENT, "no other device was seen with its client id"),
        ("SEC15", Side.CLIENT, "its keep alive is reasonable"),
        ("SEC16", Side.CLIENT, "its keep alive is reasonable"),
        ("SEC20", Side.CLIENT, "its MQTT version is an OASIS standard"),
        ("SEC36", Side.CLIENT, AUTHENTICATES),
        ("SEQ10", Side.SERVER, "it refuses clients that are not authorized"),
        ("TLS01", Side.SERVER, "its TLS versions are current"),
        ("TLS14", Side.SERVER, "it requests client certificates"),
    ],
)
def test_a_finding_takes_the_praise_away(rule: str, side: Side, text: str) -> None:
    """On the bad examples of a rule, its party is not praised for the opposite."""
    shown = [found for name, found in collected() if name.startswith(f"{rule} ")]
    assert shown
    for found in shown:
        at_fault = found.devices if side is Side.CLIENT else found.servers
        for party in at_fault:
            if rule in {problem.rule for problem in party.posture.wrong}:
                assert text not in {point.text for point in party.posture.right}


def test_suppressed_findings_are_not_turned_into_praise() -> None:
    """A weak password whose finding is suppressed is not praised as not weak."""
    from dissector.audit.run import Collector, run
    from dissector.capture.rings import groups
    from dissector.options import Options

    steps = step_texts((connect("a", "anna", "123456"), ACCEPTED_311, *GRACEFUL_CLOSE))
    capture = io.BytesIO(pcap(conversation(steps)))
    sink = Collector()
    options = Options(known=lambda finding: finding.rule == "SEC05")
    found = sink.audit(run(groups([capture]), options, sink))
    assert "SEC05" not in rules_of(found)
    assert "its password is not obviously weak" not in right(found)
