"""TLS connections in JSON and in the table for people."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import dissector
from dissector.report.json_document import JsonDocument, document
from dissector.report.json_lines import JsonLines
from dissector.report.reporter import Reporter, write_report
from dissector.report.style import Style
from dissector.report.text_report import TextReport
from dissector.rules.registry import find
from samples.build import conversation, pcap
from tests.cli.running import dissector as run
from tests.report.schema import check_document, check_line
from tests.tls_peers import NAME, Peers, steps


def written(path: Path, reporter: Reporter, stream: io.BytesIO) -> bytes:
    write_report(dissector.analyze(path), reporter)
    return stream.getvalue()


def test_document(encrypted: Path) -> None:
    """A document lists every connection, fits the schema, and equals the one built in Python."""
    stream = io.BytesIO()
    text = written(encrypted, JsonDocument(stream, key=b"k"), stream)
    made = json.loads(text)
    check_document(made)
    assert made == json.loads(json.dumps(document(dissector.analyze(encrypted), key=b"k")))
    assert made["summary"]["encrypted"] == 4
    first, resumed, newer, refused = made["tlsHandshakes"]
    assert first["clientHello"]["serverName"] == NAME
    assert first["serverHello"]["version"] == "TLS 1.2"
    assert first["certificates"][0]["names"] == [NAME, "10.0.0.2"]
    assert first["clientCertificates"][0]["subject"] == "CN=device-7"
    assert (first["resumed"], resumed["resumed"], newer["resumed"]) == (False, True, False)
    assert newer["certificateRequested"] is None
    assert [alert["description"] for alert in refused["alerts"]] == ["unknown_ca"]
    assert first["close"]["by"] == "client"


def test_lines(encrypted: Path) -> None:
    """Lines contain the same objects with their type."""
    stream = io.BytesIO()
    lines = [
        json.loads(line) for line in written(encrypted, JsonLines(stream), stream).splitlines()
    ]
    for line in lines:
        check_line(line)
    found: list[Any] = [line for line in lines if line.pop("type") == "tlsHandshake"]
    assert found == json.loads(json.dumps(document(dissector.analyze(encrypted))["tlsHandshakes"]))


def test_table_of_several_files(encrypted: Path, tmp_path: Path) -> None:
    """Frame numbers are per file, so rows name the file; both tables use the same numbers."""
    plain = tmp_path / f"{'a-plain-name-' * 3}.pcap"
    plain.write_bytes(pcap(conversation(find("SES01").bad[0].steps)))
    other = tmp_path / f"{'a-long-name-' * 3}.pcap"
    other.write_bytes(encrypted.read_bytes())
    text = run("analyze", str(plain), str(other)).out
    handshakes, connections = text.split("TLS connections\n")
    assert handshakes.splitlines()[3].split()[1] == "f1"
    assert connections.splitlines()[2].split()[1] == "f2"
    assert f"\nf1 is the file {plain.name}\n" in handshakes
    assert f"\nf2 is the file {other.name}\n" in connections


def test_table(encrypted: Path) -> None:
    """The table has a row for each connection, and the counts name the encrypted ones."""
    stream = io.BytesIO()
    text = written(encrypted, TextReport(stream, Style()), stream).decode()
    assert "4 connections are encrypted" in text
    rows = [line.split() for line in text.splitlines() if NAME in line]
    assert [row[2] for row in rows] == ["1.2", "1.2", "1.3", "1.2"]
    assert [row[-1] for row in rows] == ["established", "resumed", "established", "unknown_ca"]
    assert max(map(len, text.split("Read ")[0].splitlines())) <= 80


def test_ports_by_option(tmp_path: Path) -> None:
    """-d tcp.port==N,tls lists TLS on that port; for other values the error gives an example."""
    with Peers("1.3") as peers:
        frames = conversation(steps(peers.talk()), server_port=4430)
    path = tmp_path / "odd.pcap"
    path.write_bytes(pcap(frames))
    assert json.loads(run("--format", "json", str(path)).out)["tlsHandshakes"] == []
    found = run("--format", "json", "-d", "tcp.port==4430,tls", str(path))
    assert len(json.loads(found.out)["tlsHandshakes"]) == 1
    refused = run("-d", "tcp.port==4430,ssh", str(path))
    assert refused.code == 2
    assert "-d tcp.port==8443,tls" in refused.err
