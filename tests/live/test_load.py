"""Live captures under load: drops are counted exactly and cause no findings."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

from tests.cli.running import started
from tests.conftest import ROOT
from tests.live.harness import LiveProcess, Place, following

PORT = 1883


def load(place: Place, live: LiveProcess, *, stopped: bool) -> tuple[int, dict[str, int]]:
    """Generates traffic; returns the number of clients, and counts of frames and publishes."""
    clients = 300
    command = [
        *place.server, sys.executable, str(ROOT / "benchmarks" / "connections.py"),
        "--port", str(PORT), "--connections", str(clients), "--seconds", "1.5", "--rate", "6000",
    ]  # fmt: skip
    with started(command, stdout=subprocess.PIPE) as generator:
        assert generator.stdout is not None
        if stopped:
            time.sleep(0.3)
            live.process.send_signal(signal.SIGSTOP)
            time.sleep(1.0)
            live.process.send_signal(signal.SIGCONT)
        counts = generator.stdout.read()
        assert generator.wait(60) == 0
    return clients, json.loads(counts)


def test_load_is_captured_completely(spaces: Place) -> None:
    """With hundreds of publishing clients every frame is counted and every handshake reported."""
    with following("-i", "lo", "--format", "jsonl", place=spaces) as live:
        clients, made = load(spaces, live, stopped=False)
        live.wait_for("handshake", clients)
        assert live.stop() == 0
    capture = live.of("summary")[0]["capture"]
    assert capture["frames"] + capture["dropped"] == made["frames"]
    assert not live.of("finding")
    if not capture["dropped"]:
        assert len(live.of("handshake")) == clients
        assert capture["controlPackets"]["PUBLISH"] == made["publishes"]
        assert not live.of("captureWarning")


def test_drops_cause_no_findings(spaces: Place) -> None:
    """When frames are dropped under load, their number is exact and there is no finding."""
    with following("-i", "lo", "--buffer", "2", "--format", "jsonl", place=spaces) as live:
        _, made = load(spaces, live, stopped=True)
        live.wait_for("captureWarning")
        assert live.stop() == 0
    capture = live.of("summary")[0]["capture"]
    assert capture["dropped"] > 0
    assert capture["frames"] + capture["dropped"] == made["frames"]
    assert not live.of("finding")
