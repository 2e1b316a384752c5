"""Reading records and handshake messages of a TLS direction, however it is segmented."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissector.net import tls, tls_messages
from dissector.net.first_bytes import RECORD_LIMIT, TLS_HEADER
from dissector.net.tls import TlsEvent, TlsReader
from tests.chunking import places, ways
from tests.tls_peers import NAME, Peers


def sent_by(version: str, side: str) -> bytes:
    """Return all bytes that a side sends on a real connection."""
    with Peers(version, alpn=["mqtt"]) as peers:
        wire = peers.talk()
    return b"".join(data for who, data in wire if who == side)


@pytest.fixture(scope="module", params=["1.2 C", "1.2 S", "1.3 C", "1.3 S"])
def direction(request: pytest.FixtureRequest) -> bytes:
    """Bytes that one side of a real connection sends."""
    return sent_by(*request.param.split())


def read(reader: TlsReader, chunks: list[bytes]) -> list[TlsEvent]:
    """Return all events of a direction; messages after ChangeCipherSpec are encrypted."""
    events = []
    for chunk in chunks:
        for event in reader.feed(chunk, 0, len(chunk)):
            events.append(event)
            if event.kind == tls.CHANGE_CIPHER_SPEC:
                reader.encrypted = True
    return events


@given(st.data())
def test_any_cut_gives_the_same(direction: bytes, data: st.DataObject) -> None:
    """Records and messages are the same whole, byte by byte, and cut anywhere."""
    cuts = data.draw(places)
    found = [read(TlsReader(), chunks) for chunks in ways(direction, cuts)]
    assert found[0] == found[1] == found[2]
    assert found[0][0].kind == tls.HANDSHAKE
    assert tls.BROKEN not in [event.kind for event in found[0]]


@given(st.binary(max_size=300), places)
def test_any_bytes_are_read(data: bytes, cuts: list[int]) -> None:
    """No bytes raise, and no more than a record is buffered."""
    for chunks in ways(data, cuts):
        reader = TlsReader()
        read(reader, chunks)
        assert len(reader._held) <= TLS_HEADER + RECORD_LIMIT


@given(st.data())
def test_any_damage_is_read(direction: bytes, data: st.DataObject) -> None:
    """A real direction with bytes changed or left out raises nothing, nor do the parsers."""
    at = data.draw(st.integers(0, len(direction) - 1))
    until = data.draw(st.integers(at, len(direction)))
    damaged = direction[:at] + data.draw(st.binary(max_size=3)) + direction[until:]
    for event in read(TlsReader(), [damaged]):
        for parse in (
            tls_messages.client_hello,
            tls_messages.server_hello,
            tls_messages.certificates,
        ):
            parse(event.body)
        tls_messages.psk_text(event.body, 0x008C)


def test_what_a_client_offers() -> None:
    """The ClientHello of a real client has versions, server name, ALPN and suites."""
    first = read(TlsReader(), [sent_by("1.3", "C")])[0]
    hello = tls_messages.client_hello(first.body)
    assert hello is not None
    assert hello.versions == (0x0304,)
    assert hello.server_name == NAME
    assert hello.alpn == ("mqtt",)
    assert 0x1301 in hello.suites
    assert not hello.pre_shared_key


def test_grease_is_left_out() -> None:
    """GREASE values are in no list."""
    body = (
        bytes.fromhex("0303") + bytes(32) + b"\0"
        + bytes.fromhex("0004 0a0a 1301 0100")
        + bytes.fromhex("0017 8a8a 0000 002b 0005 04 5a5a 0304 000a 0006 0004 1a1a 001d")
    )  # fmt: skip
    hello = tls_messages.client_hello(body)
    assert hello is not None
    assert (hello.suites, hello.extensions, hello.versions, hello.groups) == (
        (0x1301,), (43, 10), (0x0304,), (29,),
    )  # fmt: skip


def test_lengths_that_do_not_fit() -> None:
    """A truncated hello gives None, unless it is cut before its optional extensions."""
    body = read(TlsReader(), [sent_by("1.2", "C")])[0].body
    whole = [at for at in range(len(body)) if tls_messages.client_hello(body[:at]) is not None]
    assert len(whole) == 1, "only a hello without extensions is complete"


def test_a_gap_hides_messages() -> None:
    """After a gap no handshake message is read, but alerts and application data are."""
    data = sent_by("1.2", "S")
    first = TLS_HEADER + int.from_bytes(data[3:5], "big")
    reader = TlsReader()
    reader.gap()
    rest = read(reader, [data[first:]])
    assert all(
        event.type < 0 and not (event.kind == tls.HANDSHAKE and event.body) for event in rest
    )
    assert tls.APPLICATION_DATA in [event.kind for event in rest]


def test_a_hello_resumes_reading() -> None:
    """A capture that begins mid-stream with a complete hello is read from there on."""
    reader = TlsReader()
    reader.gap()
    assert read(reader, [sent_by("1.2", "S")])[0].type == tls_messages.SERVER_HELLO


def test_suites_have_their_names() -> None:
    """A suite has IANA's name, an unknown one its number; so do versions and alerts."""
    from dissector.net.tls_names import alert_name, suite_name, version_name

    assert suite_name(0x1302) == "TLS_AES_256_GCM_SHA384"
    assert suite_name(0x0005) == "TLS_RSA_WITH_RC4_128_SHA"
    assert suite_name(0xFFFE) == "0xFFFE"
    assert (version_name(0x0303), version_name(0x0305)) == ("TLS 1.2", "0x0305")
    assert (alert_name(48), alert_name(200)) == ("unknown_ca", "200")
