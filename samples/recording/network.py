"""Names and addresses in, a small network out: a switch, hosts with an address and a MAC each.

Every host is a network namespace with one veth pair to the switch, which is a namespace with a
bridge; tcpdump listens on that bridge, so each frame is captured once. Nothing has a way out.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tcpdump import listening

PREFIX = f"house{os.getpid()}"


def run(*command: str) -> str:
    """Run a command that has to succeed; give what it says."""
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout


@dataclass
class NetworkHost:
    """One machine on the switch."""

    name: str
    mac: str
    address: str
    space: str
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def command(self, *command: str) -> list[str]:
        """Give the command that runs in this host."""
        return ["ip", "netns", "exec", self.space, *command]

    def run(self, *command: str) -> str:
        """Run a command in this host that has to succeed; give what it says."""
        return run(*self.command(*command))

    def start(self, log: Path, *command: str) -> subprocess.Popen[bytes]:
        """Start a program that runs until the network goes, or until it ends."""
        with log.open("ab") as output:
            process = subprocess.Popen(
                self.command(*command), stdout=output, stderr=subprocess.STDOUT
            )
        self.running.append(process)
        return process

    def listens(self, port: int, seconds: float = 10) -> None:
        """Return when something listens on a port of this host."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if f":{port} " in self.run("ss", "-Hltn"):
                return
            time.sleep(0.05)
        raise TimeoutError(f"nothing listens on port {port} of {self.name}")


class Network:
    """A switch with hosts, all of them namespaces; `close` takes everything away again."""

    def __init__(self, names: dict[str, str]) -> None:
        """Make the switch; `names` are what every host has in its hosts file."""
        self.names = names
        self.hosts: list[NetworkHost] = []
        self.switch = f"{PREFIX}-switch"
        run("ip", "netns", "add", self.switch)
        self._in_switch("ip", "link", "add", "br0", "type", "bridge")
        self._in_switch("ip", "link", "set", "br0", "up")

    def _in_switch(self, *command: str) -> None:
        run("ip", "netns", "exec", self.switch, *command)

    def _made(self, name: str, mac: str, address: str) -> NetworkHost:
        """Make a host without any cable."""
        made = NetworkHost(name, mac, address, f"{PREFIX}-{name}")
        run("ip", "netns", "add", made.space)
        self.hosts.append(made)
        folder = Path("/etc/netns") / made.space
        folder.mkdir(parents=True)
        lines = ["127.0.0.1 localhost", *(f"{ip} {host}" for host, ip in self.names.items())]
        (folder / "hosts").write_text("\n".join(lines) + "\n", encoding="utf-8")
        made.run("ip", "link", "set", "lo", "up")
        return made

    def host(self, name: str, mac: str, address: str) -> NetworkHost:
        """Plug a host into the switch."""
        port = f"p{len(self.hosts)}"
        made = self._made(name, mac, address)
        self._in_switch(
            *("ip", "link", "add", port, "type", "veth"),
            *("peer", "name", "eth0", "netns", made.space),
        )
        self._in_switch("ip", "link", "set", port, "master", "br0", "up")
        made.run("ip", "link", "set", "eth0", "address", mac, "up")
        made.run("ip", "addr", "add", f"{address}/24", "dev", "eth0")
        return made

    def behind(self, router: NetworkHost, name: str, mac: str, address: str) -> NetworkHost:
        """Plug a host in behind another, which routes: its frames come with the router's MAC."""
        inner, gateway = f"in{len(self.hosts)}", address.rpartition(".")[0] + ".1"
        made = self._made(name, mac, address)
        router.run(
            *("ip", "link", "add", inner, "type", "veth"),
            *("peer", "name", "eth0", "netns", made.space),
        )
        router.run("ip", "link", "set", inner, "up")
        router.run("ip", "addr", "add", gateway, "peer", address, "dev", inner)
        router.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        made.run("ip", "link", "set", "eth0", "address", mac, "up")
        made.run("ip", "addr", "add", address, "peer", gateway, "dev", "eth0")
        made.run("ip", "route", "add", "default", "via", gateway)
        return made

    def reachable(self, router: NetworkHost, address: str) -> None:
        """Tell every host on the switch that an address is behind a router."""
        for host in self.hosts:
            if host.address.startswith(router.address.rpartition(".")[0]) and host is not router:
                host.run("ip", "route", "replace", address, "via", router.address)

    def hide(self, router: NetworkHost) -> None:
        """Have a router give its own address to what is behind it."""
        router.run("nft", "flush", "ruleset")
        router.run("nft", "add", "table", "ip", "nat")
        hook = "{ type nat hook postrouting priority 100 ; }"
        router.run("nft", "add", "chain", "ip", "nat", "post", hook)
        router.run("nft", "add", "rule", "ip", "nat", "post", "oifname", "eth0", "masquerade")

    @contextmanager
    def capturing(self, target: Path) -> Iterator[None]:
        """Write all TCP frames that cross the switch to `target`."""
        inside = ("ip", "netns", "exec", self.switch)
        with listening(target, "br0", "-Z", "root", "tcp", before=inside):
            yield

    def close(self) -> None:
        """Stop what runs and remove the namespaces."""
        for host in reversed(self.hosts):
            for process in host.running:
                process.terminate()
            for process in host.running:
                try:
                    process.wait(timeout=5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            subprocess.run(["ip", "netns", "del", host.space], check=False)
            folder = Path("/etc/netns") / host.space
            (folder / "hosts").unlink(missing_ok=True)
            folder.rmdir()
        subprocess.run(["ip", "netns", "del", self.switch], check=False)
