"""Records of TLS connections without keys, from the traffic of real TLS peers."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest

import dissector
from dissector.analysis import Report
from dissector.connections.detection import hello_without_mqtt
from dissector.connections.tls_handshake import TlsHandshake
from dissector.model import Side
from samples.build import Frame, conversation, pcap
from tests.tls_peers import NAME, TALK, Peers, device, server, steps

Wire = Sequence[tuple[str, bytes]]


def analyzed(frames: Sequence[Frame], **options: Sequence[int]) -> Report:
    """Returns the report on frames."""
    return dissector.analyze(io.BytesIO(pcap(frames)), **options)  # type: ignore[arg-type]


def played(wire: Wire, port: int = 8883) -> TlsHandshake:
    """Returns the record of the only connection."""
    report = analyzed(conversation(steps(wire), server_port=port))
    assert report.summary.encrypted == 1
    assert report.capture.other_traffic["tls"] == 1
    return report.tls_handshakes[0]


def test_tls_1_2_is_visible() -> None:
    """In TLS 1.2 name, version, suite, certificates and certificate requests are visible."""
    with Peers("1.2", alpn=["mqtt"]) as peers:
        record = played(peers.talk())
    assert record.server_name == NAME
    assert record.version == 0x0303
    assert record.suite == "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
    assert record.alpn == "mqtt"
    assert record.certificates[0] == server().der
    assert record.certificate_requested is False
    assert record.client_certificates is None
    assert record.resumed is False
    assert record.established
    assert record.because == "port"
    assert (record.client.port, record.server.port) == (40000, 8883)
    assert record.close is not None and record.close.by is Side.CLIENT
    assert record.quality.incomplete_reason() is None


def test_tls_1_3_is_mostly_encrypted() -> None:
    """In TLS 1.3 only the hellos are visible, and that both sides send data."""
    with Peers("1.3", alpn=["mqtt"]) as peers:
        record = played(peers.talk())
    assert record.version == 0x0304
    assert record.hides_certificates and record.certificates == ()
    assert record.certificate_requested is None
    assert record.resumed is False
    assert record.established
    assert record.alerts == []


def test_only_a_complete_hello_without_mqtt_is_ignored_at_once() -> None:
    """A truncated ClientHello, and any that contains "mqtt", is left to the watcher."""
    with Peers("1.3", alpn=["http/1.1"]) as peers:
        named = peers.talk()[0][1]  # the server's name contains "mqtt"
    hello = named.replace(b"mqtt", b"shop")
    assert hello_without_mqtt(hello)
    assert hello_without_mqtt(hello + b"more")
    assert not any(hello_without_mqtt(hello[:stop]) for stop in range(len(hello)))
    assert not hello_without_mqtt(named)
    assert not hello_without_mqtt(hello.replace(b"http/1.1", b"MQTT/1.1"))


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_resumption(version: str) -> None:
    """A resumed session is distinguished from a new one."""
    with Peers(version) as peers:
        assert played(peers.talk()).resumed is False
        record = played(peers.talk(resume=True))
    assert record.resumed is True
    assert record.certificate_requested is None
    assert record.established
    assert record.client_hello is not None
    assert record.client_hello.ticket or record.client_hello.pre_shared_key


def test_client_certificate() -> None:
    """Up to TLS 1.2 the client's certificate and the server's request for it are recorded."""
    with Peers("1.2", client=device()) as peers:
        record = played(peers.talk())
    assert record.certificate_requested is True
    assert record.client_certificates is not None
    assert record.client_certificates[0] == device().der
    assert record.certificates[0] == server().der


def test_no_client_certificate() -> None:
    """A client without the requested certificate has an empty list, not None."""
    with Peers("1.2", asks=True) as peers:
        record = played(peers.talk())
    assert record.certificate_requested is True
    assert record.client_certificates == ()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_refusal(version: str) -> None:
    """A client that does not trust the server sends an alert, which is recorded."""
    with Peers(version, trusted=False) as peers:
        record = played(peers.talk())
    assert [(alert.side, alert.level, alert.description) for alert in record.alerts] == [
        (Side.CLIENT, 2, 48)
    ]
    assert not record.established


def test_found_by_alpn() -> None:
    """On any port a connection is tracked if the client offers an MQTT protocol by ALPN."""
    for name, found in (("mqtt", True), ("x-amzn-mqtt-ca", True), ("http/1.1", False)):
        with Peers("1.3", alpn=[name]) as peers:
            frames = conversation(steps(peers.talk()), server_port=443)
        report = analyzed(frames)
        assert [record.because for record in report.tls_handshakes] == ["alpn"] * found
        assert report.capture.other_traffic["tls"] == 1
        assert len(analyzed(frames, tls_ports=[443]).tls_handshakes) == 1


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_byte_by_byte(version: str) -> None:
    """Segments of one byte give the same record."""
    with Peers(version, alpn=["mqtt"], asks=True) as peers:
        wire = peers.talk()
    whole = played(wire, 443)
    bytewise = [(side, data[at : at + 1]) for side, data in wire for at in range(len(data))]
    cut = played(bytewise, 443)
    for name in ("client_hello", "server_hello", "certificates", "resumed", "established",
                 "certificate_requested", "client_bytes", "server_bytes"):  # fmt: skip
        assert getattr(cut, name) == getattr(whole, name), name
    assert cut.server_hello_frame is not None
    assert cut.client_hello_frame is not None
    assert cut.client_hello_frame.number == 3 + 2 * len(wire[0][1]) - 1


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_each_frame_lost(version: str) -> None:
    """With any one frame missing, fields are equal to those of the whole, or missing."""
    with Peers(version, alpn=["mqtt"]) as peers:
        frames = conversation(steps(peers.talk()), server_port=8883)
    whole = analyzed(frames).tls_handshakes[0]
    for index in range(len(frames)):
        for seen in (frames[:index] + frames[index + 1 :], frames[:index], frames[index:]):
            for record in analyzed(seen).tls_handshakes:
                for name in ("certificates", "server_hello", "client_hello", "client", "server",
                             "certificate_requested", "psk_identity", "alpn"):  # fmt: skip
                    reported = getattr(record, name)
                    assert reported in (getattr(whole, name), None, ()), (index, name)
                assert record.resumed in (whole.resumed, None), index
                if not frames[index].payload:
                    continue
                if len(seen) == len(frames) - 1:
                    assert record.quality.incomplete_reason() or frames[index] is frames[-1], index


def test_mid_stream() -> None:
    """A TLS connection in mid-stream is recorded without hellos."""
    with Peers("1.2") as peers:
        frames = conversation(steps(peers.talk((*TALK, *TALK[:2]))), server_port=8883)
    record = analyzed(frames[12:]).tls_handshakes[0]
    assert record.client_hello is None
    assert record.server_hello is None
    assert record.established
    assert record.quality.incomplete_reason() == "the capture starts in mid-stream"
    assert record.server.port == 8883


def test_other_bytes_on_the_port() -> None:
    """Bytes that are not TLS on a TLS port make no record."""
    for first in ("15", "1603", "16030100ff", "160301000501ffffff00", "17"):
        frames = conversation([f"C {first}", f"C {b'GET / HTTP'.hex()}", "S 00"], server_port=8883)
        report = analyzed(frames)
        assert [record.server_hello for record in report.tls_handshakes] in ([], [None])


def test_behind_a_proxy() -> None:
    """A PROXY protocol header before the ClientHello is read and recorded."""
    with Peers("1.3") as peers:
        wire = peers.talk()
    header = b"PROXY TCP4 192.0.2.7 10.0.0.2 4711 8883\r\n"
    record = played([("C", header + wire[0][1]), *wire[1:]])
    assert record.encapsulation is not None and record.encapsulation.proxied is not None
    assert record.encapsulation.proxied.ip == "192.0.2.7"
    assert record.server_name == NAME


def test_one_stream_only() -> None:
    """A connection that is not selected is not reported."""
    from dissector.analysis import run
    from dissector.capture.rings import groups
    from dissector.options import Options

    with Peers("1.3") as peers:
        frames = conversation(steps(peers.talk()), server_port=8883)

    class TlsSink:
        """Collects TLS connections."""

        def __init__(self) -> None:
            self.found: list[TlsHandshake] = []
            self.tls_handshake = self.found.append
            self.precision = self.handshake = self.finding = self.warning = lambda record: None

    for options, count in (
        (Options(), 1),
        (Options(streams=frozenset({0})), 1),
        (Options(streams=frozenset({1})), 0),
        (Options(clients=frozenset({"a"})), 0),
    ):
        sink = TlsSink()
        outcome = run(groups([io.BytesIO(pcap(frames))]), options, sink)
        assert len(sink.found) == outcome.summary.encrypted == count
