"""Nothing in, `samples/household/` out: a made-up house's traffic, and what is wrong in it.

usage: household.py [--log]

Real servers and clients on a small network of namespaces (`network.py`). `household_parties.py` is
the list of them all with the faults that were planted; it is written beside the capture as
`household.toml`, which the tests hold an audit against. `household.keys` holds the keys of those
TLS connections whose clients give them away.
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
"""Seconds from the start of one party to that of the next."""


def record(folder: Path, capture: Path) -> None:
    """Start the servers, then the devices one after the other, and wait for their ends."""
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
    """Give the number of frames; raise `ValueError` where a connection is not there whole."""

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
        raise ValueError("a connection was not captured whole")
    return len(streams("tcp"))


def manifest(frames: int) -> str:
    """Say who is in the house, and what is wrong with whom."""
    secrets = sorted({*ACCOUNTS.values(), *GUESSES.values()})
    lines = [
        "# Written by samples/recording/household.py: who is there, the faults that were planted,",
        "# and the topics of what is right.",
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
            hidden = router is not None and router.hides
            address = router.address if router is not None and hidden else party.address
            lines += ["", "[[device]]", *_lines(party, mac, address)]
            lines.append(f"kind = {json.dumps(party.kind)}")
            lines.append(f"client_ids = {json.dumps(party.client_ids)}")
            lines.append(f"tls = {json.dumps(party.tls)}")
            lines.append(f"inside = {json.dumps(party.inside)}")
            lines.append(f"faults = {json.dumps(party.faults)}")
            lines.append(f"right = {json.dumps(party.right)}")
    return "\n".join(lines) + "\n"


def _lines(party: Machine, mac: str, address: str) -> list[str]:
    """Say what every party has; MAC and address as the switch sees them."""
    values = {"name": party.name, "make": party.make, "mac": mac, "address": address}
    return [f"{key} = {json.dumps(value)}" for key, value in values.items()]


def main() -> int:
    """Record, check that the capture is whole, and put it in place."""
    parser = argparse.ArgumentParser(description="Record samples/household/ anew.")
    parser.add_argument("--log", action="store_true", help="print what servers and clients said")
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
