"""Records `samples/household/`: the traffic of a simulated household, and a list of its faults.

usage: household.py [--log]

Real servers and clients run on a small network of namespaces (`network.py`).
`household_parties.py` lists all of them with the planted faults; the list is written beside the
capture as `household.toml`, which the tests compare an audit with. `household.keys` holds the keys
of the TLS connections whose clients write a key log.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from house import House, HouseDevice, HouseServer, Machine, Router
from household_parties import ACCOUNTS, GUESSES, NAMES, PARTIES

TARGET = Path(__file__).parent.parent / "household"
BETWEEN = 0.3
"""Seconds from the start of one device to that of the next."""


def record(folder: Path, capture: Path) -> None:
    """Starts the servers, then the devices one after the other, and waits until they end."""
    house = House(folder, PARTIES, NAMES, ACCOUNTS)
    servers = [party for party in PARTIES if isinstance(party, HouseServer)]
    devices = [party for party in PARTIES if isinstance(party, HouseDevice)]
    own = {party.name for party in servers}
    try:
        with house.network.capturing(capture):
            for server in servers:
                server.start(house, house.hosts[server.name])
            for device in devices:
                device.act(house, house.hosts[device.name])
                time.sleep(BETWEEN)
            for device in devices:
                if device.name not in own:
                    for process in house.hosts[device.name].running:
                        process.wait(timeout=60)
            time.sleep(1)
            for server in reversed(servers):  # the bridge before the hub
                for process in house.hosts[server.name].running:
                    process.terminate()
                    process.wait(timeout=5)
    finally:
        house.network.close()


def checked(capture: Path) -> int:
    """Returns the number of frames; raises `ValueError` if a connection is incomplete."""

    def streams(display_filter: str) -> list[str]:
        command = ["tshark", "-n", "-r", str(capture), "-Y", display_filter, "-T", "fields"]
        done = subprocess.run(
            [*command, "-e", "tcp.stream"], check=True, capture_output=True, text=True
        )
        return done.stdout.split()

    if streams("tcp.analysis.lost_segment"):
        raise ValueError("segments are missing")
    opened = set(streams("tcp.flags.syn == 1 && tcp.flags.ack == 0"))
    if opened != set(streams("tcp.flags.fin == 1 || tcp.flags.reset == 1")):
        raise ValueError("a connection was not captured completely")
    return len(streams("tcp"))


def manifest(frames: int) -> str:
    """Returns the text of `household.toml`: the servers and devices, and their faults."""
    secrets = sorted({*ACCOUNTS.values(), *GUESSES.values()})
    lines = [
        "# Written by samples/recording/household.py: servers and devices, the planted faults, and",
        "# the topics that an audit must report as right.",
        f"frames = {frames}",
        f"secrets = {json.dumps(secrets)}",
    ]
    routers = {party.name: party for party in PARTIES if isinstance(party, Router)}
    for party in PARTIES:
        if isinstance(party, HouseServer):
            for port, faults in party.listeners.items():
                lines += ["", "[[server]]", *_lines(party, party.mac, party.address)]
                lines += [f"port = {port}", f"faults = {json.dumps(faults)}"]
                lines.append(f"right = {json.dumps(party.right)}")
    for party in PARTIES:
        if isinstance(party, HouseDevice):
            router = routers.get(party.behind or "")
            mac = party.mac if router is None else router.mac
            translated = router is not None and router.nat
            address = router.address if router is not None and translated else party.address
            lines += ["", "[[device]]", *_lines(party, mac, address)]
            lines.append(f"kind = {json.dumps(party.kind)}")
            lines.append(f"client_ids = {json.dumps(party.client_ids)}")
            lines.append(f"tls = {json.dumps(party.tls)}")
            lines.append(f"inside = {json.dumps(party.inside)}")
            lines.append(f"faults = {json.dumps(party.faults)}")
            lines.append(f"right = {json.dumps(party.right)}")
    return "\n".join(lines) + "\n"


def _lines(party: Machine, mac: str, address: str) -> list[str]:
    """Returns the lines that all entries have; MAC and address as seen on the switch."""
    values = {"name": party.name, "make": party.make, "mac": mac, "address": address}
    return [f"{key} = {json.dumps(value)}" for key, value in values.items()]


def main() -> int:
    """Records, checks that the capture is complete, and puts it in place."""
    parser = argparse.ArgumentParser(description="Records samples/household/ again.")
    parser.add_argument("--log", action="store_true", help="print output of servers and clients")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        capture = folder / "household.pcap"
        try:
            record(folder, capture)
        finally:
            if options.log:
                for log in sorted(folder.glob("*.log")):
                    print(f"--- {log.name}\n{log.read_text('utf-8', 'replace')}")
        frames = checked(capture)
        TARGET.mkdir(exist_ok=True)
        (TARGET / "household.pcap").write_bytes(capture.read_bytes())
        (TARGET / "household.keys").write_bytes((folder / "keys").read_bytes())
        (TARGET / "household.toml").write_text(manifest(frames), encoding="utf-8")
        print(f"household: {frames} frames")
    return 0


if __name__ == "__main__":
    sys.exit(main())
