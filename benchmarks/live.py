"""Measures how many frames per second a live capture handles before frames are dropped.

    sudo python benchmarks/live.py

On loopback in a network namespace of its own, thousands of connections publish (`connections.py`)
at increasing rates, with a `tcpdump -w` in parallel. The frames that the tool captured are compared
with those that the device carried. Besides `dissector live` it measures scapy's `sniff` with
`store=False` and a callback that counts, and pyshark's `LiveCapture`, read packet by packet. The
measurement of a tool ends when it has lost frames twice. Needs root, tcpdump, tshark (for pyshark)
and scapy.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_SPACE = f"dlbench{os.getpid()}"
_INSIDE = ("ip", "netns", "exec", _SPACE)
_SCAPY = """
import signal, sys
from scapy.sendrecv import AsyncSniffer
import scapy.layers.inet
count = 0
def seen(packet):
    global count
    count += 1
def ready():
    print("ready", file=sys.stderr, flush=True)
sniffer = AsyncSniffer(
    iface="lo", filter="tcp port 1883", store=False, prn=seen, started_callback=ready
)
signal.signal(signal.SIGINT, lambda *_: None)
sniffer.start()
signal.pause()
sniffer.stop()
print(count, flush=True)
"""
_PYSHARK = """
import signal, sys
import pyshark
count = 0
def stop(*_):
    raise KeyboardInterrupt
signal.signal(signal.SIGINT, stop)
capture = pyshark.LiveCapture(interface="lo", bpf_filter="tcp port 1883")
print("ready", file=sys.stderr, flush=True)
try:
    for packet in capture.sniff_continuously():
        count += 1
except (KeyboardInterrupt, EOFError):
    pass
print(count, flush=True)
import os
os._exit(0)
"""


def _tools(python: str) -> dict[str, list[str]]:
    live = [python, "-m", "dissector", "live", "-i", "lo", "-f", "tcp port 1883"]
    return {
        "dissector live": [*live, "--format", "jsonl"],
        "dissector live -w": [*live, "--format", "jsonl", "-w", "/dev/shm/" + _SPACE],
        "scapy sniff": [sys.executable, "-c", _SCAPY],
        "pyshark LiveCapture": [sys.executable, "-c", _PYSHARK],
    }


def _seen(output: str) -> int:
    """Returns the frames that a tool captured: from our summary, or the last line of others."""
    last = output.strip().splitlines()[-1]
    return int(json.loads(last)["capture"]["frames"]) if last.startswith("{") else int(last)


def _measure(command: list[str], rate: float, seconds: float) -> dict[str, float]:
    """Runs a tool and tcpdump during traffic at a rate; returns frame counts and CPU time."""
    report = tempfile.TemporaryFile("w+")  # noqa: SIM115 (a pipe would fill)
    tool = subprocess.Popen([*_INSIDE, *command], stdout=report, stderr=subprocess.PIPE, text=True)
    dump = subprocess.Popen(
        [*_INSIDE, "tcpdump", "-i", "lo", "-B", "32768", "-w", "/dev/null", "tcp port 1883"],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert tool.stderr is not None
    assert dump.stderr is not None
    for stream in (tool.stderr, dump.stderr):
        while (line := stream.readline()) and not re.search("ready|listening", line):
            pass
    time.sleep(5)  # pyshark's tshark starts after "ready" is printed
    done = subprocess.run(
        [*_INSIDE, sys.executable, str(_HERE / "connections.py"), "--rate", str(rate),
         "--seconds", str(seconds)],
        stdout=subprocess.PIPE, check=True, text=True,
    )  # fmt: skip
    made = json.loads(done.stdout)
    time.sleep(5)  # for buffered frames
    used = Path(f"/proc/{tool.pid}/stat").read_text().rpartition(")")[2].split()
    cpu = (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK")
    tool.send_signal(signal.SIGINT)
    dump.send_signal(signal.SIGINT)
    tool.communicate(timeout=120)
    report.seek(0)
    output = report.read()
    report.close()
    _, notes = dump.communicate(timeout=120)
    lost = re.search(r"(\d+) packets? dropped by kernel", notes)
    return {
        "frames a second": made["frames"] / made["seconds"],
        "frames": made["frames"],
        "seen": _seen(output),
        "cpu seconds": cpu,
        "tcpdump dropped": int(lost[1]) if lost else -1,
    }


def main() -> None:
    """Measures all tools and prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=5, help="duration of each rate")
    parser.add_argument("--rates", type=float, nargs="*", default=[2e3, 5e3, 1e4, 2e4, 4e4, 0],
                        help="publishes per second; 0: no limit")  # fmt: skip
    parser.add_argument("--python", default=sys.executable, help="a Python with the package")
    arguments = parser.parse_args()
    subprocess.run(["ip", "netns", "add", _SPACE], check=True)
    try:
        subprocess.run([*_INSIDE, "ip", "link", "set", "lo", "up"], check=True)
        print("| tool | frames a second | frames | seen | lost | cpu s | tcpdump dropped |")
        print("|---|---:|---:|---:|---:|---:|---:|")
        for name, command in _tools(arguments.python).items():
            failures = 0
            for rate in arguments.rates:
                found = _measure(command, rate, arguments.seconds)
                lost = found["frames"] - found["seen"]
                print(f"| {name} | {found['frames a second']:,.0f} | {found['frames']:,} | "
                      f"{found['seen']:,} | {lost:,} | {found['cpu seconds']:.1f} | "
                      f"{found['tcpdump dropped']:,} |", flush=True)  # fmt: skip
                failures += lost > 0
                if failures > 1:
                    break
    finally:
        subprocess.run(["ip", "netns", "del", _SPACE], check=False)
        Path("/dev/shm", _SPACE).unlink(missing_ok=True)


if __name__ == "__main__":
    main()
