"""Live captures of real servers and clients."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from samples.build import conversation
from tests.conftest import need_tool
from tests.live.harness import (
    LiveProcess,
    Place,
    following,
    free_port,
    in_time,
    made_server,
    mosquitto,
    namespaces,
    port_options,
    publish,
    seconds,
)
from tests.report.schema import check_line

CONNECT = bytes.fromhex("100d00044d5154540402003c000161")  # "a", clean session
VERSIONS = {"31": "3.1", "311": "3.1.1", "5": "5.0"}
WILL = ("--will-topic", "gone", "--will-payload", "bye", "--will-qos", "1", "--will-retain")


def test_every_handshake_is_reported_once_with_its_fields(place: Place, tmp_path: Path) -> None:
    """Clients of 3.1, 3.1.1 and 5.0 over IPv4 and IPv6 are reported with all their fields."""
    live, wanted = in_time(lambda: _follow_publishers(place, tmp_path))
    assert not live.of("finding")
    records = live.of("handshake")
    assert sorted(record["connect"]["clientId"] for record in records) == sorted(wanted)
    for line in live.records:
        check_line(line)
    for record in records:
        connect = record["connect"]
        known = wanted[connect["clientId"]]
        assert (record["version"], record["server"]["ip"]) == (known["version"], known["host"])
        assert {key: connect[key] for key in known if key not in ("version", "host")} == {
            key: value for key, value in known.items() if key not in ("version", "host")
        }
        assert (connect["password"] is None) is (known["username"] is None)
        assert connect["cleanSession"] is True
        assert (record["outcome"], record["connack"]["returnCode"]) == ("accepted", 0)
        assert record["connack"]["sessionPresent"] is (
            None if record["version"] == "3.1" else False
        )
    summary = live.of("summary")[0]
    assert (summary["accepted"], summary["capture"]["dropped"]) == (len(wanted), 0)


def _follow_publishers(
    place: Place, directory: Path
) -> tuple[LiveProcess, dict[str, dict[str, Any]]]:
    """Runs Mosquitto's clients; returns the capture and the expected fields by client id."""
    port = free_port()
    wanted: dict[str, dict[str, Any]] = {}
    with (
        mosquitto(place, port, directory),
        following(
            "-i", place.interface, *port_options(port), "--format", "jsonl", place=place
        ) as live,
    ):
        for name, version in VERSIONS.items():
            for host in (place.v4, place.v6):
                for extra in ((), ("-u", "user", "-P", "a secret", "-k", "17", *WILL)):
                    client_id = f"c{name}{'v6' if ':' in host else 'v4'}{len(extra)}"
                    publish(place, host, port, client_id, "-V", name, *extra)
                    full = bool(extra)
                    wanted[client_id] = {
                        "version": version,
                        "host": host,
                        "keepAlive": 17 if full else 60,
                        "username": "user" if full else None,
                        "lastWillTopic": "gone" if full else None,
                        "lastWillQos": 1 if full else 0,
                        "lastWillMessage": "bye" if full else None,
                        "lastWillRetain": full,
                    }
        live.wait_for("handshake", len(wanted))
        assert live.stop() == 0
    return live, wanted


@pytest.mark.parametrize("means", ["dumpcap", "scapy"])
def test_other_means_of_capturing(spaces: Place, tmp_path: Path, means: str) -> None:
    """Dumpcap and scapy capture the same as the packet socket."""
    with (
        mosquitto(spaces, 1883, tmp_path),
        following(
            "-i", spaces.interface, "--means", means, "--format", "jsonl", place=spaces
        ) as live,
    ):
        assert means in live.stderr
        publish(spaces, spaces.v4, 1883, "one", "-V", "5")
        publish(spaces, spaces.v6, 1883, "two", "-V", "311")
        live.wait_for("handshake", 2)
        assert live.stop() == 0
    assert [record["connect"]["clientId"] for record in live.of("handshake")] == ["one", "two"]
    assert live.of("summary")[0]["capture"].get("dropped") == (0 if means == "dumpcap" else None)


def test_all_interfaces_and_several(spaces: Place, tmp_path: Path) -> None:
    """`any`, or two named interfaces, capture loopback and veth, each frame once."""
    inner = spaces._replace(client=spaces.server, v4="127.0.0.1", v6="::1")
    for names in (("-i", "any"), ("-i", "lo", "-i", spaces.interface)):
        with (
            mosquitto(spaces, 1883, tmp_path),
            following(*names, "--format", "jsonl", place=spaces) as live,
        ):
            publish(spaces, spaces.v4, 1883, "wire")
            publish(inner, "127.0.0.1", 1883, "inside")
            publish(inner, "::1", 1883, "inside6")
            live.wait_for("handshake", 3)
            assert live.stop() == 0
        found = [record["connect"]["clientId"] for record in live.of("handshake")]
        assert sorted(found) == ["inside", "inside6", "wire"]  # no order between two sockets
        counts = live.of("summary")[0]["capture"]
        assert counts["controlPackets"]["CONNECT"] == 3
        assert not live.of("captureWarning")


@pytest.mark.parametrize(
    ("connect", "connack", "version"),
    [
        (CONNECT, bytes.fromhex("20020100"), "3.1.1"),
        (bytes.fromhex("100e00044d5154540502003c00000161"), bytes.fromhex("2003010000"), "5.0"),
    ],
    ids=["3.1.1", "5.0"],
)
def test_a_wrong_answer_is_flagged_while_the_connection_is_open(
    connect: bytes, connack: bytes, version: str
) -> None:
    """Session Present after a clean session is reported while the connection is still open."""
    with (
        made_server(connack) as port,
        following("-i", "lo", *port_options(port), "--format", "jsonl") as live,
        socket.create_connection(("127.0.0.1", port), 5) as client,
    ):
        client.sendall(connect)
        (finding,) = live.wait_for("finding")
        (handshake,) = live.wait_for("handshake")
        client.setblocking(False)
        assert client.recv(10) == connack
        with pytest.raises(BlockingIOError):
            client.recv(10)  # still open
        assert (finding["rule"], finding["clientId"]) == ("SES01", "a")
        assert (finding["version"], finding["side"]) == (version, "server")
        assert handshake["connack"]["sessionPresent"] is True
        assert handshake["close"] is None
        assert live.stop() == 1
    assert len(live.of("finding")) == len(live.of("handshake")) == 1


def test_a_finding_is_reported_when_its_deadline_passes() -> None:
    """A refused connection that stays open is reported once, without any further frame."""
    with (
        made_server(bytes.fromhex("20020005")) as port,
        following("-i", "lo", *port_options(port), "--format", "jsonl") as live,
        socket.create_connection(("127.0.0.1", port), 5) as client,
    ):
        client.sendall(CONNECT)
        live.wait_for("handshake")
        (finding,) = live.wait_for("finding")
        reported_at = live.arrived[live.records.index(finding)]
        assert finding["rule"] == "SEQ09"
        assert -0.1 < reported_at - seconds(finding["time"]) < 3
        client.close()
        assert live.stop() in (0, 1)
    assert len(live.of("finding")) == 1


_INJECT = """
import socket, sys
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind((sys.argv[1], 0))
for line in sys.stdin:
    wire.send(bytes.fromhex(line))
"""


def inject(place: Place, frames: list[bytes]) -> None:
    """Sends raw frames from the client's interface."""
    subprocess.run(
        [*place.client, sys.executable, "-c", _INJECT, place.peer],
        input="\n".join(frame.hex() for frame in frames).encode(), check=True, timeout=20,
    )  # fmt: skip


def test_vlan_tags_pass_the_default_filter_and_are_kept(
    spaces: Place, tmp_path: Path, tshark: str
) -> None:
    """Frames with one and two VLAN tags are captured, and written with their tags."""
    out = tmp_path / "vlan.pcapng"
    tags = {40001: "81000007", 40002: "88a8000881000009"}
    with following(
        "-i", spaces.interface, "--format", "jsonl", "-w", str(out), place=spaces
    ) as live:  # fmt: skip
        for port, tag in tags.items():
            steps = ("C " + CONNECT.hex(" "), "S 20 02 00 00", "C e0 00", "C FIN", "S FIN")
            inject(
                spaces,
                [
                    frame.data[:12] + bytes.fromhex(tag) + frame.data[12:]
                    for frame in conversation(steps, client_port=port)
                ],
            )
        live.wait_for("handshake", 2)
        assert live.stop() == 0
    assert [one["client"]["port"] for one in live.of("handshake")] == list(tags)
    done = subprocess.run(
        [tshark, "-r", str(out), "-Y", "mqtt.msgtype==1", "-T", "fields", "-e", "tcp.srcport",
         "-e", "vlan.id", "-e", "ieee8021ad.id"],
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.decode().split("\n")[:2] == ["40001\t7\t", "40002\t9\t8"]


def test_a_pipe_is_analyzed_while_it_is_written(tmp_path: Path) -> None:
    """Handshakes in a pipe from tcpdump are reported in time if tcpdump writes immediately."""
    need_tool("tcpdump")
    live, names = in_time(lambda: _follow_a_pipe(tmp_path))
    assert [record["connect"]["clientId"] for record in live.of("handshake")] == names
    assert live.of("summary")[0]["accepted"] == len(names)


def _follow_a_pipe(directory: Path) -> tuple[LiveProcess, list[str]]:
    """Runs clients while tcpdump captures; returns the capture and their client ids."""
    names = ["one", "two", "three"]
    with namespaces() as place, mosquitto(place, 1883, directory):
        dump = subprocess.Popen(
            [*place.server, "tcpdump", "-i", "veths", "-U", "--immediate-mode", "-w", "-",
             "tcp port 1883"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            with following("-", "--format", "jsonl", stdin=dump.stdout) as live:
                assert dump.stderr is not None
                assert b"listening" in dump.stderr.readline()
                for name in names:
                    publish(place, place.v4, 1883, name)
                live.wait_for("handshake", len(names))
                assert dump.poll() is None
                dump.terminate()
                assert live.wait() == 0
        finally:
            dump.kill()
            dump.communicate()
    return live, names
