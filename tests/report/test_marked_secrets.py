"""Secrets in every field that can hold one appear in no output and no extract.

Each secret is a text of its own, so a failure names the field.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dissector.cli.options import AUDIT_FORMATS, FORMATS, LIVE_FORMATS
from dissector.net.first_bytes import PROXY_BINARY
from tests.cli.running import dissector
from tests.conftest import ROOT
from tests.extract.extracting import block, extracted, written
from tests.report.test_no_secrets import holds
from tests.transport.connection_builder import (
    C,
    CapturedFrame,
    ConnectionBuilder,
    S,
    Wrapping,
    ether,
    four,
)

CONNACK = bytes.fromhex("20020000")
CONNACK_5 = bytes.fromhex("2003000000")
SECRETS = [f"Zq{number:03}Hush" for number in range(200)]
USERNAME, WILL, PROPERTY = "Pub1User", "Pub2Will", "Pub3Prop"


class Marks:
    """Hands out secrets, each once."""

    def __init__(self) -> None:
        self.used = 0

    def __call__(self) -> bytes:
        """Returns the next secret."""
        self.used += 1
        return SECRETS[self.used - 1].encode()


def packet(kind: int, body: bytes) -> bytes:
    assert len(body) < 128
    return bytes((kind, len(body))) + body


def connect(mark: Marks) -> bytes:
    """A CONNECT of 3.1.1 with user name, password and will."""
    body = b"\0\4MQTT\4\xc6\0\x3c" + block(b"c1") + block(b"will/topic") + block(WILL.encode())
    return packet(0x10, body + block(USERNAME.encode()) + block(mark()))


def connect_5(mark: Marks, *, unknown: bool = False) -> bytes:
    """A CONNECT of 5.0 with authentication data and a user property, perhaps unknown property."""
    name = b"\x26" + block(b"name") + block(PROPERTY.encode())
    properties = b"\x15" + block(b"METHOD") + b"\x16" + block(mark()) + name
    if unknown:
        properties += b"\x7f" + block(mark())
    body = b"\0\4MQTT\5\xc2\0\x3c" + bytes((len(properties),)) + properties + block(b"c5")
    return packet(0x10, body + block(USERNAME.encode()) + block(mark()))


def auth(mark: Marks) -> bytes:
    """An AUTH packet with authentication data."""
    properties = b"\x15" + block(b"METHOD") + b"\x16" + block(mark())
    return packet(0xF0, b"\x18" + bytes((len(properties),)) + properties)


def accepted_5(mark: Marks) -> bytes:
    """A CONNACK of 5.0 with authentication data."""
    properties = b"\x15" + block(b"METHOD") + b"\x16" + block(mark())
    return packet(0x20, b"\0\0" + bytes((len(properties),)) + properties)


def frame(data: bytes, *, masked: bool) -> bytes:
    """A binary WebSocket frame; the mask of zeros leaves the bytes readable."""
    assert len(data) < 126
    return bytes((0x82, 0x80 * masked | len(data))) + bytes(4 * masked) + data


def request(mark: Marks, *, subprotocol: bytes = b"mqtt") -> bytes:
    """An upgrade with a secret in each part of the target and each header."""
    target = b"/mqtt/" + mark() + b";p=" + mark() + b"?q=" + mark()
    lines = [b"GET " + target + b" HTTP/1.1", b"Host: mqtt.example", b"Upgrade: websocket"]
    lines += [b"Connection: Upgrade, " + mark(), b"Sec-WebSocket-Version: 13"]
    lines += [b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    lines += [b"Sec-WebSocket-Protocol: " + subprotocol + b", " + mark()]
    lines += [b"Sec-WebSocket-Extensions: x-" + mark() + b"; y=" + mark()]
    for name in (
        b"Authorization", b"Cookie", b"User-Agent", b"Origin", b"Referer", b"X-Api-Key",
        b"X-Forwarded-For", b"Forwarded", b"Via", b"Proxy-Authorization", b"X-Amz-Security-Token",
    ):  # fmt: skip
        lines.append(name + b": " + mark())
    lines += [b"Cookie: a=b,", b" " + mark(), b"X-" + mark() + b": 1"]
    return b"\r\n".join((*lines, b"", b""))


def answer(mark: Marks, subprotocol: bytes = b"mqtt") -> bytes:
    """The answer to an upgrade with a secret in the reason phrase and each header."""
    lines = [b"HTTP/1.1 101 " + mark(), b"Upgrade: websocket", b"Connection: Upgrade"]
    lines += [b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]
    lines += [b"Sec-WebSocket-Protocol: " + subprotocol, b"Set-Cookie: s=" + mark()]
    return b"\r\n".join((*lines, b"Server: " + mark(), b"", b""))


def refusal(mark: Marks) -> bytes:
    """An answer 401 with a secret in a header, the chunked body and the trailer."""
    body = mark()
    lines = [b"HTTP/1.1 401 Unauthorized", b"WWW-Authenticate: Basic realm=" + mark()]
    lines += [b"Transfer-Encoding: chunked", b"", b"%x" % len(body), body, b"0", b"X-T: " + mark()]
    return b"\r\n".join((*lines, b"", b""))


def tlv(kind: int, value: bytes) -> bytes:
    return bytes((kind,)) + len(value).to_bytes(2, "big") + value


def proxy_2(mark: Marks) -> bytes:
    """A PROXY protocol header of version 2 with a secret in each TLV."""
    inner = b"\1\0\0\0\0" + tlv(0x21, mark()) + tlv(0x22, mark())
    body = bytes((192, 0, 2, 7, 10, 0, 0, 2, 0xC3, 0x50, 7, 0x5B))
    for kind in (0x01, 0x02, 0x04, 0x05, 0x30, 0xEA):
        body += tlv(kind, mark())
    body += tlv(0x20, inner)
    return PROXY_BINARY + b"\x21\x11" + len(body).to_bytes(2, "big") + body


def conversations(mark: Marks) -> Iterator[list[CapturedFrame]]:
    """Connections that hold a secret wherever one can be."""
    port = iter(range(40_000, 50_000))

    def talk(*sent: tuple[int, bytes], **more: object) -> list[CapturedFrame]:
        made = ConnectionBuilder(next(port), **more).open()  # type: ignore[arg-type]
        for side, data in sent:
            made.send_acked(side, data)
        return made.close().frames

    yield talk((C, connect(mark)), (S, CONNACK))
    yield talk((C, connect(mark)), (S, bytes.fromhex("20020100")))
    yield talk((C, connect_5(mark)), (S, auth(mark)), (C, auth(mark)), (S, accepted_5(mark)))
    yield talk((C, connect_5(mark, unknown=True)), (S, CONNACK_5))
    socket = (C, frame(connect(mark), masked=True)), (S, frame(CONNACK, masked=False))
    yield talk((C, request(mark)), (S, answer(mark)), *socket, server_port=8083)
    token = mark()
    yield talk(
        (C, request(mark, subprotocol=token)), (S, answer(mark, token)), *socket, server_port=8083
    )
    yield talk((C, request(mark)), (S, refusal(mark)), server_port=8083)
    yield talk((C, b"PROXY UNKNOWN " + mark() + b"\r\n" + connect(mark)), (S, CONNACK))
    yield talk((C, proxy_2(mark) + connect(mark)), (S, CONNACK))
    option = mark()
    yield talk(
        (C, connect(mark)), (S, CONNACK), options=bytes((254, 2 + len(option))) + option + b"\1\1"
    )
    padding = mark()
    padded = Wrapping(1, lambda segment, side: [ether(four(segment, side), side) + padding])
    yield talk((C, connect(mark)), (S, CONNACK), wrapping=padded)
    false = b"\x16\3\1\0" + bytes((len(SECRETS[0]),)) + mark()
    yield talk((C, connect(mark)), (S, CONNACK + false), (C, false))
    yield talk(
        (C, false), (S, b"\x17\3\3\0" + bytes((len(SECRETS[0]),)) + mark()), server_port=8883
    )


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture of all these conversations."""
    frames = [frame for talk in conversations(Marks()) for frame in talk]
    return written(tmp_path_factory.mktemp("marked") / "a.pcap", frames)


def shown(data: bytes) -> set[str]:
    """Returns the secrets that an output holds, in any encoding."""
    return {secret for secret in SECRETS if holds(data, secret.encode())}


COMMANDS: dict[str, Callable[[Path], bytes]] = {}
for _words in [
    *[("analyze", "--all", "--format", form) for form in FORMATS],
    *[("audit", "--all", "--format", form) for form in AUDIT_FORMATS],
    ("analyze", "--statistics"), ("analyze", "--format", "json", "--pseudonymize"),
    ("show", "-V", "-x"),
]:  # fmt: skip

    def _output(path: Path, words: tuple[str, ...] = _words) -> bytes:
        ran = dissector(*words, str(path))
        assert ran.code < 2, ran.err
        return (ran.out + ran.err).encode()

    COMMANDS[" ".join(_words)] = _output
for _form in LIVE_FORMATS:

    def _lines(path: Path, form: str = _form) -> bytes:
        ran = dissector("live", "-", "--format", form, stdin=path.read_bytes())
        assert ran.code < 2, ran.err
        return (ran.out + ran.err).encode()

    COMMANDS[f"live {_form}"] = _lines


@functools.cache
def output(name: str, path: Path) -> bytes:
    """Returns the output of a command."""
    return COMMANDS[name](path)


@pytest.mark.parametrize("name", COMMANDS)
def test_no_output_has_a_secret(capture: Path, name: str) -> None:
    """No command writes a secret in any format, neither to its output nor to standard error."""
    assert not shown(output(name, capture))


def test_no_extract_has_a_secret(capture: Path) -> None:
    """An extract of all connections holds no secret; with --keep-secrets it holds them all."""
    assert not shown(extracted(capture, flagged=False)[0])
    assert not shown(extracted(capture, flagged=True, audit=True)[0])
    mark = Marks()
    list(conversations(mark))
    kept = extracted(capture, flagged=False, keep_secrets=True)[0]
    assert shown(kept) <= set(SECRETS[: mark.used])
    assert shown(capture.read_bytes()) == set(SECRETS[: mark.used])


def test_secrets_are_shown_on_request(capture: Path) -> None:
    """With --show-secrets JSON has the password, authentication data, query and headers."""
    out = dissector("--format", "json", "--show-secrets", str(capture)).out
    assert len(shown(out.encode())) > 10


def documented() -> dict[str, set[str]]:
    """Returns the outputs in which docs/reports.md says that each text appears."""
    found: dict[str, set[str]] = {USERNAME: set(), WILL: set(), PROPERTY: set()}
    page = (ROOT / "docs" / "reports.md").read_text()
    rows = page.partition("| output | user name |")[2].partition("\n\n")[0].splitlines()[2:]
    for row in rows:
        where, *cells = (cell.strip() for cell in row.strip("|").split("|"))
        command, _, forms = where.partition(" ")
        for text, cell in zip(found, cells, strict=True):
            if cell == "yes":
                found[text] |= {
                    f"{command.strip('`')} {form}".strip() for form in forms.split(", ")
                }
    return found


@pytest.mark.parametrize("text", [USERNAME, WILL, PROPERTY])
def test_other_personal_texts_appear_only_where_documented(capture: Path, text: str) -> None:
    """User names, will payloads and user properties appear exactly where the docs say so."""
    found = {
        name.replace(" --all --format", "").replace(" -V -x", "")
        for name in COMMANDS
        if holds(output(name, capture), text.encode())
    }
    assert found == documented()[text]
