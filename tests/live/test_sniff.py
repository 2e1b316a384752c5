"""`dissector.sniff`: records of a live capture in Python."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import dissector
from tests.live.harness import made_server, need_root

CONNECT = bytes.fromhex("100d00044d5154540402003c000161")


@contextlib.contextmanager
def repeated_handshakes(port: int) -> Iterator[None]:
    """Runs a client that connects repeatedly until the block ends."""
    over = threading.Event()

    def talk() -> None:
        while not over.wait(0.2):
            with socket.create_connection(("127.0.0.1", port), 5) as client:
                client.sendall(CONNECT)
                client.recv(10)

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(20)


def test_records_are_yielded_while_capturing(tmp_path: Path) -> None:
    """A finding and its handshake are yielded while capturing; leaving the loop ends it."""
    need_root()
    out = tmp_path / "out.pcapng"
    seen: list[object] = []
    with made_server(bytes.fromhex("20020100")) as port, repeated_handshakes(port):
        for record in dissector.sniff(
            "lo", ports=[port], capture_filter=f"tcp port {port}", duration=20, write=str(out)
        ):
            seen.append(record)
            if isinstance(record, dissector.Handshake):
                break
    finding, handshake = seen[-2:]
    assert isinstance(finding, dissector.Finding)
    assert isinstance(handshake, dissector.Handshake)
    assert finding.rule == "SES01"
    assert handshake.connect is not None
    assert handshake.connect.client_id == "a"
    assert "SES01" in [one.rule for one in dissector.analyze(out, ports=[port]).findings]


def test_it_ends_by_frames_and_by_time(tmp_path: Path) -> None:
    """`count` ends it after that many frames, `duration` after that many seconds."""
    need_root()
    out = tmp_path / "out.pcapng"
    with made_server(bytes.fromhex("20020000")) as port:
        only = f"tcp port {port}"
        with repeated_handshakes(port):
            records = list(
                dissector.sniff(
                    "lo", ports=[port], capture_filter=only, count=30, duration=20, write=str(out)
                )
            )
        assert any(isinstance(one, dissector.Handshake) for one in records)
        assert dissector.analyze(out, ports=[port]).capture.frames == 30
        assert list(dissector.sniff("lo", capture_filter=only, duration=0.3)) == []


def test_misuse_is_an_exception() -> None:
    """A missing interface and an invalid filter raise at the first record."""
    need_root()
    with pytest.raises(dissector.CaptureError, match="there is no interface no-such"):
        next(dissector.sniff("no-such"))
    with pytest.raises(dissector.OptionError, match="-f tcp prt 3"):
        next(dissector.sniff("lo", capture_filter="tcp prt 3"))
    with pytest.raises(dissector.OptionError, match="XYZ"):
        next(dissector.sniff("lo", select=["XYZ"]))
