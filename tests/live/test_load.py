"""Much at once: nothing is dropped, or as much as is said; and nobody is blamed for it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

from tests.conftest import ROOT
from tests.live.harness import LiveProcess, Place, following

PORT = 1883


def load(place: Place, live: LiveProcess, *, asleep: bool) -> tuple[int, dict[str, int]]:
    """Make much traffic; give how many clients there were and how many frames."""
    clients = 300
    command = [
        *place.server, sys.executable, str(ROOT / "benchmarks" / "connections.py"),
        "--port", str(PORT), "--connections", str(clients), "--seconds", "1.5", "--rate", "6000",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE) as making:
        assert making.stdout is not None
        if asleep:
            time.sleep(0.3)
            live.process.send_signal(signal.SIGSTOP)
            time.sleep(1.0)
            live.process.send_signal(signal.SIGCONT)
        said = making.stdout.read()
        assert making.wait(60) == 0
    return clients, json.loads(said)


def test_much_at_once_is_seen_whole(spaces: Place) -> None:
    """Hundreds of clients that publish: every frame is seen, every handshake told."""
    with following("-i", "lo", "--format", "jsonl", place=spaces) as live:
        clients, made = load(spaces, live, asleep=False)
        live.wait_for("handshake", clients)
        assert live.stop() == 0
    capture = live.of("summary")[0]["capture"]
    assert capture["frames"] + capture["dropped"] == made["frames"]
    assert not live.of("finding")
    if not capture["dropped"]:
        assert len(live.of("handshake")) == clients
        assert capture["controlPackets"]["PUBLISH"] == made["publishes"]
        assert not live.of("captureWarning")


def test_what_was_dropped_makes_no_finding(spaces: Place) -> None:
    """Frames are dropped in the middle of everything: the number is exact, and nobody is blamed."""
    with following("-i", "lo", "--buffer", "2", "--format", "jsonl", place=spaces) as live:
        _, made = load(spaces, live, asleep=True)
        live.wait_for("captureWarning")
        assert live.stop() == 0
    capture = live.of("summary")[0]["capture"]
    assert capture["dropped"] > 0
    assert capture["frames"] + capture["dropped"] == made["frames"]
    assert not live.of("finding")
