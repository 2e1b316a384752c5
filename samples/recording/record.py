"""Records `samples/recorded/*.pcap` and writes their manifest.

usage: record.py [--list] [--log] [NAME...]

Records real servers and clients on the loopback interface; without names, all captures. README.md
beside this file lists what has to be installed. Each capture is checked with tshark before it
replaces the existing one; a capture that fails the check is discarded.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import manifest
import server_programs
import tls_files
from loopback import capturing, wait_quiet
from recording_session import RecordingSession, Scenario
from scenarios import SCENARIOS

RECORDED = Path(__file__).parent.parent / "recorded"


def column(capture: Path, port: int, field: str, display_filter: str) -> list[str]:
    """Returns the values of a tshark field, one for each occurrence."""
    command = ["tshark", "-n", "-r", str(capture), "-d", f"tcp.port=={port},mqtt"]
    command += ["-o", "tcp.reassemble_out_of_order:TRUE"]
    command += ["-Y", display_filter, "-T", "fields", "-E", "aggregator=,", "-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [value for line in done.stdout.splitlines() for value in line.split(",") if value]


def unwrapped(capture: Path, keys: Path | None, wrong: list[str]) -> tuple[int, set[int]]:
    """Counts CONNECT packets and collects codes where tshark cannot: in WebSocket, behind a proxy.

    `tests/connections/test_websocket.py` then compares every field with what the scripts sent. TLS
    is decrypted with the keys; what cannot be decrypted is `wrong`, except refused connections.
    """
    sys.path.insert(0, str(RECORDED.parent.parent))
    import dissector

    report = dissector.analyze(capture, keylog=None if keys is None else str(keys))
    if any(record.established and not record.decrypted for record in report.tls_handshakes):
        wrong.append("the keys of a connection are missing")
    codes = {item.connack.return_code for item in report.handshakes if item.connack is not None}
    return report.capture.control_packets.get("CONNECT", 0), {code or 0 for code in codes}


def check(capture: Path, keys: Path | None, scenario: Scenario) -> tuple[list[int], int]:
    """Returns the CONNACK codes and the number of frames; raises `ValueError` for defects."""
    port = scenario.port
    frames = len(column(capture, port, "frame.number", "frame"))
    wrong: list[str] = []
    if scenario.wrapped:
        connects, codes = unwrapped(capture, keys, wrong)
    else:
        connects = column(capture, port, "mqtt.msgtype", "mqtt.msgtype == 1").count("1")
        codes = set()
        for field in ("mqtt.conack.val", "mqtt.connack.reason_code"):
            codes |= {int(code, 0) for code in column(capture, port, field, field)}
    if connects < scenario.connects:
        wrong.append(f"{connects} CONNECT packets instead of {scenario.connects}")
    if codes != scenario.codes:
        wrong.append(f"codes {sorted(codes)} instead of {sorted(scenario.codes)}")
    if column(capture, port, "frame.number", "tcp.analysis.lost_segment"):
        wrong.append("segments are missing")
    opened = set(column(capture, port, "tcp.stream", "tcp.flags.syn == 1 && tcp.flags.ack == 0"))
    ended = set(column(capture, port, "tcp.stream", "tcp.flags.fin == 1 || tcp.flags.reset == 1"))
    if opened != ended or set(column(capture, port, "tcp.stream", "tcp")) != opened:
        wrong.append("a connection was not captured completely")
    if wrong:
        raise ValueError("; ".join(wrong))
    return sorted(codes), frames


def record(scenario: Scenario, folder: Path) -> tuple[list[int], int]:
    """Records one capture, puts it in place, and returns the result of `check`."""
    fresh = folder / "fresh.pcap"
    session = RecordingSession(
        folder,
        scenario.host,
        scenario.port,
        scenario.all_versions[0],
        scenario.transport,
        scenario.tls,
    )
    if scenario.tls:
        tls_files.make(folder)
    serve = server_programs.SERVER_PROGRAMS[scenario.server]
    with (
        capturing(fresh, scenario.port),
        serve(folder, scenario.host, scenario.port, **scenario.options),
    ):
        scenario.steps(session)
        if not wait_quiet(scenario.port):
            # A server that leaks a socket closes it when it ends, still during the capture.
            print(f"{scenario.name}: the server left a connection open", file=sys.stderr)
    found = check(fresh, session.keys if scenario.tls else None, scenario)
    target = RECORDED / scenario.file
    if scenario.pcapng:
        inside = ["--inject-secrets", f"tls,{session.keys}"] if scenario.tls else []
        subprocess.run(["editcap", "-F", "pcapng", *inside, str(fresh), str(target)], check=True)
    else:
        target.write_bytes(fresh.read_bytes())
    if scenario.keys:
        (RECORDED / scenario.keys).write_bytes(session.keys.read_bytes())
    return found


def main() -> int:
    """Records the captures that the command line names."""
    parser = argparse.ArgumentParser(description="Records samples/recorded/ again.")
    parser.add_argument("name", nargs="*", help="captures to record; all if none is given")
    parser.add_argument("--list", action="store_true", help="only print the names")
    parser.add_argument("--log", action="store_true", help="print output of servers and clients")
    options = parser.parse_args()
    names = [scenario.name for scenario in SCENARIOS]
    if options.list:
        print("\n".join(names))
        return 0
    if unknown := set(options.name) - set(names):
        parser.error(f"no such capture: {', '.join(sorted(unknown))}")

    RECORDED.mkdir(exist_ok=True)
    entries = manifest.read(RECORDED / "manifest.toml")
    failed = 0
    for scenario in SCENARIOS:
        if options.name and scenario.name not in options.name:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            try:
                codes, frames = record(scenario, folder)
            except Exception as problem:  # the other captures are still recorded
                failed += 1
                print(f"{scenario.name}: FAILED: {problem}", file=sys.stderr)
            else:
                fresh = manifest.entry(scenario, codes, frames)
                fresh["rules"] = entries.get(scenario.file, {}).get("rules", [])
                entries[scenario.file] = fresh
                print(f"{scenario.name}: {frames} frames, codes {codes}")
            if options.log:
                for log in sorted(folder.glob("*.log")):
                    print(f"--- {log.name}\n{log.read_text('utf-8', 'replace')}")
        manifest.write(RECORDED / "manifest.toml", entries, SCENARIOS)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
