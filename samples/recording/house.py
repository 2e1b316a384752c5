"""Defines the hosts of the simulated household, and `House`, the network that they run in."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certificates import Authority
from network import Network, NetworkHost

HERE = Path(__file__).parent
Step = Callable[["House", NetworkHost], None]


def nothing(house: "House", host: NetworkHost) -> None:
    """Does nothing."""


@dataclass(frozen=True)
class Machine:
    """One host of the household; `make` describes its software."""

    name: str
    mac: str
    address: str
    make: str


@dataclass(frozen=True)
class Router(Machine):
    """Routes between the switch and other hosts; with `nat`, they all appear with its address."""

    nat: bool = False


@dataclass(frozen=True)
class HouseServer(Machine):
    """A server; `listeners` maps each port to exactly the rules that must report it.

    `right` are topics that its posture must report as right.
    """

    listeners: dict[int, tuple[str, ...]]
    start: Step = nothing
    right: tuple[str, ...] = ()


@dataclass(frozen=True)
class HouseDevice(Machine):
    """A device; `faults` are exactly the rules that must report it.

    `right` are topics that its posture must report as right. `behind` names the router between it
    and the switch. A client id may be a pattern, if the library generates it. `tls`: it sends
    nothing in clear, and `inside` are the client ids that decryption shows. A device that is part
    of a server has the server's name and no `act` of its own.
    """

    faults: tuple[str, ...] = ()
    right: tuple[str, ...] = ()
    kind: str = "device"
    client_ids: tuple[str, ...] = ()
    tls: bool = False
    inside: tuple[str, ...] = ()
    behind: str | None = None
    act: Step = nothing


class House:
    """The network during the recording; `accounts` maps user names to passwords."""

    def __init__(
        self, folder: Path, machines: tuple[Machine, ...], names: dict[str, str],
        accounts: dict[str, str],
    ) -> None:  # fmt: skip
        """Creates all hosts; no program runs yet."""
        self.folder = folder
        self.authority = Authority(folder)
        self.keys = folder / "keys"
        self.network = Network(names)
        self.hosts: dict[str, NetworkHost] = {}
        self.users = self._users(accounts)
        try:
            for machine in machines:
                self._add_host(machine, machines)
        except BaseException:
            self.network.close()
            raise

    def _add_host(self, machine: Machine, machines: tuple[Machine, ...]) -> None:
        addresses = (machine.name, machine.mac, machine.address)
        if machine.name in self.hosts:
            return
        if not isinstance(machine, HouseDevice) or machine.behind is None:
            self.hosts[machine.name] = self.network.host(*addresses)
            return
        router = self.hosts[machine.behind]
        self.hosts[machine.name] = self.network.behind(router, *addresses)
        for other in machines:
            if isinstance(other, Router) and other.name == machine.behind:
                if other.nat:
                    self.network.enable_nat(router)
                else:
                    self.network.add_route(router, machine.address)

    def _users(self, accounts: dict[str, str]) -> Path:
        """Writes the file with the accounts of all servers."""
        path = self.folder / "users"
        path.touch()
        for name, password in accounts.items():
            command = ["mosquitto_passwd", "-b", str(path), name, password]
            subprocess.run(command, check=True, capture_output=True)
        return path

    def log(self, name: str) -> Path:
        """Returns the path of the log of a host's programs."""
        return self.folder / f"{name}.log"

    def mosquitto(self, host: NetworkHost, configuration: str, port: int) -> None:
        """Starts a Mosquitto in a host and waits until it listens on `port`."""
        path = self.folder / f"{host.name}.conf"
        lines = ["persistence false", "sys_interval 0", "user root", "per_listener_settings true"]
        path.write_text("\n".join(lines) + "\n" + configuration, encoding="utf-8")
        host.start(self.log(host.name), "mosquitto", "-v", "-c", str(path))
        host.wait_listening(port)

    def client(
        self, machine: NetworkHost, library: str, *logins: tuple[str | None, ...], **options: Any
    ) -> None:
        """Starts a client program; each login is a client id, a user name and a password."""
        settings = {"topic": f"house/{machine.name}", "version": "3.1.1", "seconds": 4}
        text = json.dumps(settings | {"logins": logins} | options)
        if library == "mqttjs":
            command = ["node", str(HERE / "clients/household_client.mjs"), text]
        else:
            command = [sys.executable, str(HERE / "clients/household_client.py"), library, text]
        machine.start(self.log(machine.name), *command)

    def publish(self, host: NetworkHost, *options: str) -> None:
        """Runs mosquitto_pub to its end."""
        command = ("mosquitto_pub", "-t", f"house/{host.name}", "-m", "21.5", *options)
        host.start(self.log(host.name), *command).wait(timeout=20)
