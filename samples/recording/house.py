"""Parties in, a house in which they run out: what the steps of servers and devices may do."""

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
    """Do nothing."""


@dataclass(frozen=True)
class Machine:
    """What is plugged in somewhere; `make` says what it is."""

    name: str
    mac: str
    address: str
    make: str


@dataclass(frozen=True)
class Router(Machine):
    """Stands between the switch and others; with `hides`, they all have its address."""

    hides: bool = False


@dataclass(frozen=True)
class HouseServer(Machine):
    """`listeners` has, for each port, the rules that must speak of it and no others."""

    listeners: dict[int, tuple[str, ...]]
    start: Step = nothing
    right: tuple[str, ...] = ()


@dataclass(frozen=True)
class HouseDevice(Machine):
    """`faults` are the rules that must speak of it and no others.

    `right` are topics of what its posture must call right. `behind` names the router between it and
    the switch. A client id may be a pattern, where the library makes it up. `tls`: it says nothing
    in clear, and `inside` are the client ids that its keys show. One that is part of a server has
    that one's name and `act` nothing.
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
    """The network while it is recorded; `accounts` are user names and passwords."""

    def __init__(
        self, folder: Path, machines: tuple[Machine, ...], names: dict[str, str],
        accounts: dict[str, str],
    ) -> None:  # fmt: skip
        """Plug everything in; nothing runs yet."""
        self.folder = folder
        self.authority = Authority(folder)
        self.keys = folder / "keys"
        self.network = Network(names)
        self.hosts: dict[str, NetworkHost] = {}
        self.users = self._users(accounts)
        try:
            for machine in machines:
                self._plug(machine, machines)
        except BaseException:
            self.network.close()
            raise

    def _plug(self, machine: Machine, machines: tuple[Machine, ...]) -> None:
        place = (machine.name, machine.mac, machine.address)
        if machine.name in self.hosts:
            return
        if not isinstance(machine, HouseDevice) or machine.behind is None:
            self.hosts[machine.name] = self.network.host(*place)
            return
        router = self.hosts[machine.behind]
        self.hosts[machine.name] = self.network.behind(router, *place)
        for other in machines:
            if isinstance(other, Router) and other.name == machine.behind:
                if other.hides:
                    self.network.hide(router)
                else:
                    self.network.reachable(router, machine.address)

    def _users(self, accounts: dict[str, str]) -> Path:
        """Make the file with the accounts of all servers."""
        path = self.folder / "users"
        path.touch()
        for name, password in accounts.items():
            command = ["mosquitto_passwd", "-b", str(path), name, password]
            subprocess.run(command, check=True, capture_output=True)
        return path

    def log(self, name: str) -> Path:
        """Give where a party's programs say what they do."""
        return self.folder / f"{name}.log"

    def mosquitto(self, host: NetworkHost, configuration: str, port: int) -> None:
        """Start a Mosquitto in a host."""
        path = self.folder / f"{host.name}.conf"
        lines = ["persistence false", "sys_interval 0", "user root", "per_listener_settings true"]
        path.write_text("\n".join(lines) + "\n" + configuration, encoding="utf-8")
        host.start(self.log(host.name), "mosquitto", "-v", "-c", str(path))
        host.listens(port)

    def client(
        self, machine: NetworkHost, library: str, *logins: tuple[str | None, ...], **what: Any
    ) -> None:
        """Start a client program; each login is a client id, a user name and a password."""
        settings = {"topic": f"house/{machine.name}", "version": "3.1.1", "seconds": 4}
        text = json.dumps(settings | {"logins": logins} | what)
        if library == "mqttjs":
            command = ["node", str(HERE / "clients/household_client.mjs"), text]
        else:
            command = [sys.executable, str(HERE / "clients/household_client.py"), library, text]
        machine.start(self.log(machine.name), *command)

    def publish(self, host: NetworkHost, *options: str) -> None:
        """Run mosquitto_pub to its end."""
        command = ("mosquitto_pub", "-t", f"house/{host.name}", "-m", "21.5", *options)
        host.start(self.log(host.name), *command).wait(timeout=20)
