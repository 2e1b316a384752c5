"""PROXY protocol headers before MQTT: the real client is reported, and the MQTT is read."""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissector.net import proxy
from dissector.rules.examples import ACCEPTED_311, CONNECT_311, GRACEFUL_CLOSE
from samples.build import conversation, pcap
from tests.cli.running import dissector

TEXT = b"PROXY TCP4 192.0.2.7 10.0.0.2 51000 1883\r\n"
SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def binary(family: int = 0x11, command: int = 0x21, tail: bytes = b"") -> bytes:
    """Build a version 2 header for 192.0.2.7:51000."""
    ends = ipaddress.ip_address("192.0.2.7").packed + ipaddress.ip_address("10.0.0.2").packed
    body = ends + (51000).to_bytes(2, "big") + (1883).to_bytes(2, "big") + tail
    return SIGNATURE + bytes((command, family)) + len(body).to_bytes(2, "big") + body


def step(data: bytes) -> str:
    """Build a step in which the client sends these bytes."""
    return f"C {data.hex(' ')}"


def analysed(folder: Path, *steps: str) -> dict[str, Any]:
    """Analyze a conversation with the command line tool."""
    path = folder / "proxied.pcap"
    path.write_bytes(pcap(conversation(steps)))
    document: dict[str, Any] = json.loads(dissector("--format", "json", str(path)).out)
    return document


@pytest.mark.parametrize(
    "header", [TEXT, binary(), binary(tail=bytes.fromhex("0400020000"))], ids=["1", "2", "2, TLV"]
)
def test_the_client_behind_the_proxy_is_named(header: bytes, tmp_path: Path) -> None:
    """The handshake is found behind the header, with its fields and the client's own address."""
    document = analysed(tmp_path, step(header), CONNECT_311, ACCEPTED_311, *GRACEFUL_CLOSE)
    (handshake,) = document["handshakes"]
    assert handshake["outcome"] == "accepted"
    assert (handshake["proxied"]["ip"], handshake["proxied"]["port"]) == ("192.0.2.7", 51000)
    assert document["findings"] == []


def test_header_and_connect_in_one_segment(tmp_path: Path) -> None:
    """A header and the CONNECT behind it may share a segment."""
    joined = f"C {TEXT.hex(' ')} {CONNECT_311.removeprefix('C ')}"
    (handshake,) = analysed(tmp_path, joined, ACCEPTED_311, *GRACEFUL_CLOSE)["handshakes"]
    assert handshake["proxied"]["ip"] == "192.0.2.7"


def test_a_header_byte_by_byte(tmp_path: Path) -> None:
    """A header with one byte per segment is the same header."""
    steps = [step(TEXT[at : at + 1]) for at in range(len(TEXT))]
    (handshake,) = analysed(tmp_path, *steps, CONNECT_311, ACCEPTED_311, *GRACEFUL_CLOSE)[
        "handshakes"
    ]
    assert handshake["proxied"]["ip"] == "192.0.2.7"


@given(data=st.binary(max_size=120), start=st.sampled_from([b"PROXY ", SIGNATURE]))
def test_any_bytes_are_a_header_unfinished_or_malformed(data: bytes, start: bytes) -> None:
    """Any bytes give a header, None or MalformedProxyHeaderError."""
    try:
        found = proxy.read(start + data)
    except proxy.MalformedProxyHeaderError:
        return
    assert found is None or 0 < found[0] <= len(start + data)
