"""TLS connections in a live capture: reported at their end, with the same record as in a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import dissector
from dissector.report.clock import rfc3339
from samples.build import conversation, pcap
from tests.cli.running import dissector as run
from tests.report.schema import check_line
from tests.tls_peers import NAME, Peers, steps

PORT = 4430


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture of a connection to a port that is TLS only with an option."""
    with Peers("1.2") as peers:
        wire = steps(peers.talk())
    path = tmp_path_factory.mktemp("live") / "tls.pcap"
    path.write_bytes(pcap(conversation(wire, server_port=PORT)))
    return path


def test_lines_are_those_of_the_file(capture: Path) -> None:
    """A TLS connection is one record, equal to that of `analyze` except for the file name."""
    option = ("-d", f"tcp.port=={PORT},tls", "--format", "jsonl")
    of_file = run("analyze", *option, str(capture)).out.replace(str(capture), "-")
    of_live = run("live", "-", *option, stdin=capture.read_bytes()).out
    found = [
        [line for line in map(json.loads, text.splitlines()) if line["type"] == "tlsHandshake"]
        for text in (of_file, of_live)
    ]
    assert len(found[0]) == 1
    assert found[0] == found[1]
    check_line(found[1][0])


def test_the_text_has_a_line(capture: Path) -> None:
    """The line has outcome, version, server name, endpoints, and the certificate's expiry."""
    ran = run("live", "-", "-d", f"tcp.port=={PORT},tls", stdin=capture.read_bytes())
    shown = dissector.analyze(capture, tls_ports=[PORT]).tls_handshakes[0].chain[0]
    assert shown is not None
    (line,) = [line for line in ran.out.splitlines() if NAME in line]
    assert f'established TLS 1.2 "{NAME}" 10.0.0.1:' in line
    assert f"> 10.0.0.2:{PORT} TLS_ECDHE_" in line
    assert f"certificate until {rfc3339(shown.not_after_ns, 6)[:10]}" in line
    assert line.endswith("(stream 0)")
    assert "1 connection is encrypted" in ran.out
