"""Protocol detection on any port and with any segmentation: MQTT is found, and nothing else."""

from __future__ import annotations

import io
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import dissector
from dissector.connections.detection import (
    MORE,
    NO,
    YES,
    looks_like_connect,
    malformed_packets,
    other_protocol,
    plausible_chain,
    unfinished_connect,
)
from dissector.engines.native import NativeEngine, PacketSink
from dissector.model import Outcome
from dissector.rules.examples import (
    ACCEPTED_311,
    CONNECT_5,
    CONNECT_31,
    CONNECT_311,
    GRACEFUL_CLOSE,
    SERVER_CLOSES,
)
from samples.build import conversation, pcap
from tests.chunking import places, ways
from tests.cli.running import dissector as command
from tests.judging import judge, judge_steps, rules_of
from tests.net import wire
from tests.net.recording import TcpConversation

PORTS = (1883, 8883, 1884)  # MQTT, MQTT over TLS, one given by `-d`


def tls(kind: int, version: int, body: bytes) -> bytes:
    """Returns a TLS record."""
    return bytes((kind, 3, version)) + len(body).to_bytes(2, "big") + body


HELLO = tls(0x16, 1, b"\1\0\0\x41\3\3" + bytes(range(32)) + b"\0\0\2\x13\1\1\0\0\x16" + bytes(22))
UPGRADE = (
    b"GET /mqtt HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Version: 13\r\n\r\n"
)

# Bytes of the client, bytes of the server, and how the connection is counted
OTHERS: dict[str, tuple[bytes, bytes, str]] = {
    "TLS": (HELLO, tls(0x16, 3, b"\2\0\0\x30" + bytes(48)), "tls"),
    "TLS in mid-stream": (tls(0x17, 3, bytes(range(200))), tls(0x17, 3, bytes(90)), "tls"),
    "TLS alert": (tls(0x15, 3, b"\2\x28"), b"", "tls"),
    "HTTP GET": (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\nhello", "http"),
    "HTTP POST": (b"POST /" + b"x" * 90 + b" HTTP/1.1\r\n\r\n{}", b"HTTP/1.1 204 \r\n\r\n", "http"),
    "HTTP PUT": (b"PUT /" + b"y" * 90 + b" HTTP/1.1\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n", "http"),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\0\0\x06\4\0\0\0\0\0\0\3\0\0\0d", "other"),
    "WebSocket": (UPGRADE, b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "websocket"),
    "SSH": (b"SSH-2.0-Client\r\n", b"SSH-2.0-Server\r\n", "ssh"),
    "CoAP": (b"\x60\xe1\x22\x48\0\x22\x49\4", b"\x40\xe1\x22\x48\0\x03\x45\1abc", "other"),
    "CoAP with a body": (b"\x50\x01\x11a\xb3uri\xff", b"\x30\x45\x11a\xffhi", "other"),
    "AMQP": (b"AMQP\0\0\x09\x01", b"\1\0\0\0\0\0\5\0\x0a\0\x0a\0\xce", "other"),
    "SMTP": (b"EHLO a\r\n", b"220 mail.example ESMTP\r\n", "other"),
    "FTP": (b"USER a\r\nPASS b\r\n", b"220 (ftp) ready\r\n331 password\r\n", "other"),
    "POP3": (b"USER a\r\n", b"+OK ready\r\n", "other"),
    "IRC": (b"PASS x\r\nNICK a\r\nUSER a 0 * :b" + b"c" * 80, b":host 001 a :hi\r\n", "other"),
    "Redis": (b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n", "other"),
    "Redis, inline": (b"PING " + b"z" * 90 + b"\r\n", b"$90\r\n", "other"),
    "memcached": (b"get a\r\n", b"END\r\n", "other"),
    "MySQL": (
        b"\x20\0\0\1\x85\xa2\x1e\0\0\0\0\x40\x08" + bytes(23),
        b"\xc0\0\0\0\x0a8.0.36\0" + bytes(180),
        "other",
    ),
    "PostgreSQL": (b"\0\0\0\x08\4\xd2\x16\x2f", b"N", "other"),
    "PostgreSQL, plain": (
        b"\0\0\0\x29\0\3\0\0user\0postgres\0database\0test\0\0",
        b"R\0\0\0\x08\0\0\0\0S\0\0\0\x15client\0UTF8\0",
        "other",
    ),
    "LDAP": (b"0\x0c\2\1\1\x60\7\2\1\3\4\0\x80\0", b"0\x0c\2\1\1\x61\7\x0a\1\0\4\0\4\0", "other"),
    "LDAP, long": (
        b"0\x84\0\0\0\x40\2\1\2\x63\x84\0\0\0\x37\4\0" + bytes(60),
        b"0\x84\0\0\0\x10\2\1\2\x65\x84\0\0\0\7\x0a\1\0\4\0\4\0",
        "other",
    ),
    "MongoDB": (b"\xc0\0\0\0\1" + bytes(7) + b"\xdd\7" + bytes(178), b"\xe0" + bytes(60), "other"),
    "DNS": (b"\0\x1d\x12\x34\1\0\0\1\0\0\0\0\0\0\7example\3com\0\0\1\0\1", b"\0\x2d\x12", "other"),
    "Modbus": (b"\0\1\0\0\0\6\1\3\0\0\0\x0a", b"\0\1\0\0\0\x17\1\3\x14" + bytes(20), "other"),
    "OPC UA": (b"HELF\x38\0\0\0" + bytes(48), b"ACKF\x1c\0\0\0" + bytes(20), "other"),
    "Kafka": (b"\0\0\0\x23\0\x12\0\3\0\0\0\1\0\6client" + bytes(17), b"\0\0\1\0", "other"),
    "NATS": (b"CONNECT {}\r\nPING\r\n", b"INFO {}\r\n", "other"),
    "STOMP": (b"CONNECT\nhost:a\n\n\0", b"CONNECTED\nversion:1.2\n\n\0", "other"),
    "XMPP": (b"<?xml version='1.0'?><stream:stream>", b"<stream:features/>", "other"),
    "RTSP": (b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", b"RTSP/1.0 200 OK\r\n\r\n", "http"),
    "SIP": (b"INVITE sip:a@b SIP/2.0\r\n\r\n", b"SIP/2.0 100 Trying\r\n\r\n", "other"),
    "PROXY, then SMTP": (b"PROXY TCP4 10.0.0.9 10.0.0.2 40000 25\r\nEHLO a\r\n", b"", "other"),
    "PROXY, malformed": (b"PROXY TCP4 10.0.0.9 MQTT\r\n", b"", "other"),
    "SOCKS": (b"\5\1\0", b"\5\0", "other"),
    "SMB": (b"\0\0\0\x45\xffSMB\x72" + bytes(60), b"\0\0\0\x55\xffSMB\x72" + bytes(76), "other"),
    "BitTorrent": (b"\x13BitTorrent protocol" + bytes(48), b"\x13BitTorrent protocol", "other"),
    "ZeroMQ": (b"\xff\0\0\0\0\0\0\0\1\x7f\3", b"\xff\0\0\0\0\0\0\0\1\x7f", "other"),
    "a text": (b"p" + b"=" * 99 + b"\n", b"@" + b"A" * 100 + b"\n", "other"),
}  # fmt: skip


EMPTY = (b"\xc0\0", b"\xd0\0", b"\xe0\0")  # PINGREQ, PINGRESP, DISCONNECT


def segments(side: str, parts: Iterable[bytes]) -> list[str]:
    """Returns steps that send these segments."""
    return [f"{side} {part.hex()}" for part in parts if part]


def analyse(steps: Sequence[str], port: int) -> dissector.Report:
    """Returns the report on a conversation, with port 1884 as an MQTT port."""
    frames = conversation(steps, server_port=port)
    return dissector.analyze(io.BytesIO(pcap(frames)), ports=(1884,))


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize("name", OTHERS)
def test_other_protocols_are_not_mqtt(name: str, port: int) -> None:
    """No other protocol is detected as MQTT, on any port, also byte by byte or server first."""
    client, server, kind = OTHERS[name]
    for ours, theirs, expected in (
        ([client], [server], kind),
        ([client[at : at + 1] for at in range(len(client))], [server], None),
    ):
        asked, answered = segments("C", ours), segments("S", theirs)
        for steps in (asked + answered, answered + asked):
            report = analyse((*steps, *SERVER_CLOSES), port)
            assert report.capture.mqtt_connections == 0
            assert report.findings == []
            assert report.handshakes == []
            counted = {k: n for k, n in report.capture.other_traffic.items() if k[:4] != "port"}
            assert sum(counted.values()) == 1
            if expected is not None and steps == asked + answered:
                assert counted == {expected: 1}


@pytest.mark.parametrize("name", OTHERS)
def test_other_protocols_are_not_mqtt_when_truncated(name: str) -> None:
    """Wherever the first segment ends, it is not a CONNECT or a chain of packets.

    Two bytes may be one: a length of 192 as in MySQL and MongoDB begins like a PINGREQ.
    """
    for data in OTHERS[name][:2]:
        for stop in range(1, len(data) + 1):
            assert looks_like_connect(data[:stop], True) != YES
            assert data[:stop] in (*EMPTY, b"\0\0") or (
                malformed_packets(data[:stop], 0, stop, True) != YES
            )
            assert data[:stop] in EMPTY or not plausible_chain(data[:stop], 0, stop)


@pytest.mark.parametrize("name", OTHERS)
def test_other_protocols_in_mid_stream(name: str) -> None:
    """Without a SYN it is not MQTT, either, and there is no finding."""
    client, server, _ = OTHERS[name]
    frames = conversation([*segments("C", [client, client]), *segments("S", [server, server])])
    report = judge(frames[3:])
    assert report.capture.mqtt_connections == 0
    assert report.findings == []


def may_be_mqtt(client: bytes) -> bool:
    """Whether the bytes of a client cannot be distinguished from MQTT, also from malformed MQTT."""
    return (
        any(looks_like_connect(client[:size], True) == YES for size in range(len(client) + 1))
        or unfinished_connect(client)
        or malformed_packets(client, 0, len(client), True) == YES
    )


@given(st.binary(min_size=1, max_size=3000), st.binary(max_size=3000), places)
def test_any_bytes_on_an_mqtt_port(client: bytes, server: bytes, cuts: list[int]) -> None:
    """Bytes that do not begin with a chain of plausible packets are not MQTT, however segmented.

    Bytes that do (a PINGREQ has two bytes) cannot be distinguished from MQTT, so an error is
    correct. `test_random_bytes_are_rarely_mqtt` checks how rare that is.
    """
    assume(not may_be_mqtt(client[:60]))
    for parts in ways(client[:60], cuts):
        assume(not any(plausible_chain(part, 0, len(part)) for part in parts[:1]))
        report = judge_steps([*segments("C", parts), *segments("S", [server[:60]])])
        assert report.findings == []
        assert report.capture.mqtt_connections == 0


def test_random_bytes_are_rarely_mqtt() -> None:
    """Fewer than one in a thousand random first segments could be MQTT."""
    rng = random.Random(1883)
    taken = 0
    for _ in range(20_000):
        data = rng.randbytes(rng.randint(1, 64))
        if may_be_mqtt(data) or plausible_chain(data, 0, len(data)):
            taken += 1
    assert taken < 20


@given(st.binary(min_size=1, max_size=64))
def test_any_answer_to_a_connect(server: bytes) -> None:
    """If the answer to a CONNECT does not begin like MQTT, there is no finding on the server."""
    report = judge_steps([CONNECT_311, *segments("S", [server])])
    if (
        server[0] >> 4 not in (0, 2, 14, 15)
        and malformed_packets(server, 0, len(server), True) != YES
    ):
        assert report.findings == []
        assert report.handshakes[0].connack is None


ENDS = {"closed": SERVER_CLOSES, "open": ("+40",)}


@pytest.mark.parametrize(
    ("name", "end"),
    [(name, end) for name, (_, server, _) in OTHERS.items() if server for end in ENDS],
)
@pytest.mark.parametrize("connect", [CONNECT_311, CONNECT_5], ids=["3.1.1", "5.0"])
def test_a_server_of_another_protocol(name: str, end: str, connect: str) -> None:
    """A server that answers a CONNECT in another protocol gives no finding."""
    report = judge_steps([connect, *segments("S", [OTHERS[name][1]]), *ENDS[end]])
    (handshake,) = report.handshakes
    assert handshake.connack is None
    assert handshake.outcome in (Outcome.INCOMPLETE, Outcome.UNANSWERED)
    assert report.findings == []


@pytest.mark.parametrize("port", [1, 443, 1883, 8883, 40001, 65535])
@pytest.mark.parametrize("connect", [CONNECT_31, CONNECT_311, CONNECT_5])
def test_a_connect_is_found_on_any_port(port: int, connect: str) -> None:
    """A handshake is recognised by its content, with any segmentation."""
    data = bytes.fromhex(connect[2:])
    answer = ACCEPTED_311 if connect != CONNECT_5 else "S 20 03 00 00 00"
    for parts in ways(data, [1, 9]):
        report = judge_steps([*segments("C", parts), answer, *GRACEFUL_CLOSE], port)
        (handshake,) = report.handshakes
        assert handshake.outcome is Outcome.ACCEPTED
        assert handshake.server.port == port
        assert report.findings == []


@pytest.mark.parametrize(
    ("steps", "where"),
    [
        (("C 30 05 00 01 61 68 69",), "PUBLISH"),
        (("S 32 07 00 01 61 00 01 68 69", "C 40 02 00 01"), "PUBLISH with QoS 1"),
        (("C c0 00", "S d0 00"), "PINGREQ"),
        (("C 82 08 00 01 00 03 61 2f 62 00",), "SUBSCRIBE"),
        (("C 82 09 00 01 00 00 03 61 2f 62 00",), "SUBSCRIBE, 5.0"),
        (("S 40 02 00 07",), "PUBACK"),
        (("S 40 03 00 07 10",), "PUBACK, 5.0, with a reason"),
        (("S 40 09 00 07 80 05 1f 00 02 6e 6f",), "PUBACK, 5.0, with properties"),
        (("S b0 04 00 01 00 11",), "UNSUBACK, 5.0"),
        (("C e0 00",), "DISCONNECT"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_mid_stream_on_known_ports_only(steps: tuple[str, ...], where: str) -> None:
    """On 1883 and the ports of `-d` MQTT is recognised without CONNECT, on others it is not."""
    for port, known in ((1883, True), (1884, True), (5000, False)):
        frames = conversation([CONNECT_311, ACCEPTED_311, *steps], server_port=port)
        data = io.BytesIO(pcap(frames[7:]))
        report = dissector.analyze(data, ports=(1884,))
        assert report.capture.mqtt_connections == known, where
        assert report.findings == []


def test_topics_beyond_ascii_are_plausible() -> None:
    """Topics are UTF-8, also in mid-stream, whether interpreted or compiled."""
    topic = "käse/温度".encode()
    packet = bytes((0x30, len(topic) + 4, 0, len(topic))) + topic + b"21"
    assert plausible_chain(packet, 0, len(packet))
    for bad in (b"\xff", b"\x80", b"\x1b", b"\x7f"):
        broken = packet[:4] + bad + packet[5:]
        assert not plausible_chain(broken, 0, len(broken))


def test_a_connect_is_detected_by_few_bytes() -> None:
    """It is YES with the protocol name, NO as soon as a byte contradicts, MORE before that."""
    data = bytes.fromhex(CONNECT_311[2:])
    assert [looks_like_connect(data[:size], False) for size in range(9)] == [MORE] * 8 + [YES]
    for at in (0, 4, 7):
        wrong = data[:at] + b"\x71" + data[at + 1 :]
        assert looks_like_connect(wrong, False) == NO
    assert looks_like_connect(b"\x10\xff\xff\xff\xff\xff", True) == NO
    assert looks_like_connect(data.replace(b"MQTT", b"mqtt"), False) == YES


def test_a_wrong_protocol_name_on_a_known_port() -> None:
    """A wrong protocol name is a finding on an MQTT port, and another protocol on other ports."""
    steps = ("C 10 0d 00 04 41 42 43 44 04 02 00 3c 00 01 61", *SERVER_CLOSES)
    assert "CON01" in rules_of(judge_steps(steps))
    assert judge_steps(steps, 5000).capture.mqtt_connections == 0


def engine(port: int) -> NativeEngine:
    """Returns an engine with one MQTT port."""
    return NativeEngine(["-"], PacketSink(), frozenset({port}))


@pytest.mark.parametrize("port", [1883, 5000])
@pytest.mark.parametrize("side", [0, 1])
def test_other_traffic_is_ignored_without_buffering(port: int, side: int) -> None:
    """Nothing is buffered of a connection that is not MQTT, however much it carries."""
    talk = TcpConversation(server_port=port).open()
    for number in range(40):
        talk.send(side, bytes((0x17, 3, 3, 5)) + bytes(1396) if number else b"\x17\3\3\5" * 300)
    held = engine(1883)
    batch = wire.batch(talk.frames)
    held.streams.feed(batch, 0, batch.count)
    assert held.streams.connections == {}
    assert held.streams.flows.states() == ["unwanted"]
    assert held.streams.buffered == 0
    assert held.context.mqtt_connections == 0
    assert held.context.other == {"tls": 1}


def test_the_first_segment_is_enough() -> None:
    """A connection of another protocol is ignored after its first segment."""
    talk = TcpConversation(server_port=1883).open().send(0, b"SSH-2.0-a\r\n")
    held = engine(1883)
    batch = wire.batch(talk.frames)
    held.streams.feed(batch, 0, batch.count)
    assert held.streams.connections == {}
    assert held.streams.flows.states() == ["unwanted"]


@pytest.mark.parametrize(
    ("data", "kind"),
    [(HELLO, "tls"), (UPGRADE, "websocket"), (b"SSH-2.0-a\r\n", "ssh"), (b"GET / ", "http")],
)
def test_other_protocols_are_named(data: bytes, kind: str) -> None:
    """TLS, WebSocket, HTTP and SSH are distinguished by their first bytes."""
    assert other_protocol(data) == kind
    assert other_protocol(b"") == other_protocol(b"\0") == "other"


def without_mqtt() -> bytes:
    """Returns a capture of TLS to 8883 twice, a WebSocket upgrade to 9001, and SSH to 22."""
    frames = [
        frame
        for client_port, port, data in (
            (40000, 8883, HELLO),
            (40001, 8883, HELLO),
            (40002, 9001, UPGRADE),
            (40003, 22, b"SSH-2.0-a\r\n"),
        )
        for frame in conversation(
            [*segments("C", [data]), *SERVER_CLOSES], server_port=port, client_port=client_port
        )
    ]
    return pcap(frames)


def test_other_traffic_is_counted() -> None:
    """Other connections are counted by kind, and by the busiest ports."""
    report = dissector.analyze(io.BytesIO(without_mqtt()))
    assert report.capture.other_traffic == {
        "ssh": 1, "tls": 2, "websocket": 1, "port 8883": 2, "port 22": 1, "port 9001": 1,
    }  # fmt: skip


def test_the_command_reports_missing_mqtt(tmp_path: Path) -> None:
    """Without MQTT, standard error reports what was captured; `--require-mqtt` exits with 2."""
    path = tmp_path / "other.pcap"
    path.write_bytes(without_mqtt())
    ran = command("--format", "concise", str(path))
    assert (ran.code, ran.out) == (0, "")
    assert "1 ssh (port 22), 2 tls (port 8883), 1 websocket (port 9001)." in ran.err
    for words in ("NO MQTT", "--keylog FILE", "-d tcp.port==8883,tls", "The WebSocket"):
        assert words in ran.err
    assert command("--require-mqtt", str(path)).code == 2


def test_the_port_to_try_is_named(tmp_path: Path) -> None:
    """Without MQTT, the busiest port of unknown traffic is named; each connection counts once."""
    frames = []
    for at, (port, data) in enumerate(
        [(5000, b"\x99\x98\x97\x96\x95\x94\x93\x92")] * 2
        + [(22, b"SSH-2.0-a\r\n")] * 3
        + [(7000, b"")]
    ):
        steps = [*segments("C", [data]), *SERVER_CLOSES] if data else ["C FIN", "S FIN"]
        frames += conversation(steps, server_port=port, client_port=40000 + at)
    path = tmp_path / "other.pcap"
    path.write_bytes(pcap(frames))
    ran = command("--format", "concise", str(path))
    assert "2 other (port 5000), 3 ssh (port 22), 1 with too little data to tell." in ran.err
    assert "-d tcp.port==5000,mqtt" in ran.err


def test_mqtt_sn_and_quic_are_named(tmp_path: Path) -> None:
    """Without MQTT, datagrams of MQTT-SN and QUIC are mentioned."""
    sn = wire.udp(50000, 1884, b"\x0c\4\4\1\0\x3csensor")
    quic = wire.udp(50000, 14567, b"\xc3\0\0\0\1\x08" + bytes(1200))
    path = tmp_path / "udp.pcap"
    path.write_bytes(
        wire.pcap([wire.ethernet(wire.ipv4(each, protocol=17)) for each in (sn, quic)])
    )
    ran = command("--format", "concise", str(path))
    assert "1 UDP datagram of MQTT-SN" in ran.err
    assert "1 UDP datagram of QUIC" in ran.err
