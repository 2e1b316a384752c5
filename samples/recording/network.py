"""Builds a small isolated network of namespaces: a switch, and hosts with IP and MAC address.

Every host is a network namespace with one veth pair to the switch, which is a namespace with a
bridge; tcpdump captures on that bridge, so each frame is captured once. There is no route out.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tcpdump import run_tcpdump

PREFIX = f"house{os.getpid()}"


def run(*command: str) -> str:
    """Runs a command that has to succeed; returns its output."""
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout


@dataclass
class NetworkHost:
    """One host: its addresses, its namespace, and the programs that run in it."""

    name: str
    mac: str
    address: str
    namespace: str
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def command(self, *command: str) -> list[str]:
        """Returns the command line that runs a command in this host."""
        return ["ip", "netns", "exec", self.namespace, *command]

    def run(self, *command: str) -> str:
        """Runs a command in this host that has to succeed; returns its output."""
        return run(*self.command(*command))

    def start(self, log: Path, *command: str) -> subprocess.Popen[bytes]:
        """Starts a program that runs until the network is closed, or until it ends."""
        with log.open("ab") as output:
            process = subprocess.Popen(
                self.command(*command), stdout=output, stderr=subprocess.STDOUT
            )
        self.running.append(process)
        return process

    def wait_listening(self, port: int, seconds: float = 10) -> None:
        """Waits until a server listens on a port; raises `TimeoutError` after `seconds`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if f":{port} " in self.run("ss", "-Hltn"):
                return
            time.sleep(0.05)
        raise TimeoutError(f"nothing listens on port {port} of {self.name}")


class Network:
    """A switch with hosts, all of them namespaces; `close` removes them."""

    def __init__(self, names: dict[str, str]) -> None:
        """Creates the switch; `names` (host name to address) is the hosts file of every host."""
        self.names = names
        self.hosts: list[NetworkHost] = []
        self.switch = f"{PREFIX}-switch"
        run("ip", "netns", "add", self.switch)
        self._in_switch("ip", "link", "add", "br0", "type", "bridge")
        self._in_switch("ip", "link", "set", "br0", "up")

    def _in_switch(self, *command: str) -> None:
        run("ip", "netns", "exec", self.switch, *command)

    def _add_namespace(self, name: str, mac: str, address: str) -> NetworkHost:
        """Creates a host without a network interface."""
        host = NetworkHost(name, mac, address, f"{PREFIX}-{name}")
        run("ip", "netns", "add", host.namespace)
        self.hosts.append(host)
        folder = Path("/etc/netns") / host.namespace
        folder.mkdir(parents=True)
        lines = ["127.0.0.1 localhost", *(f"{ip} {alias}" for alias, ip in self.names.items())]
        (folder / "hosts").write_text("\n".join(lines) + "\n", encoding="utf-8")
        host.run("ip", "link", "set", "lo", "up")
        return host

    def host(self, name: str, mac: str, address: str) -> NetworkHost:
        """Creates a host that is connected to the switch."""
        port = f"p{len(self.hosts)}"
        host = self._add_namespace(name, mac, address)
        self._in_switch(
            *("ip", "link", "add", port, "type", "veth"),
            *("peer", "name", "eth0", "netns", host.namespace),
        )
        self._in_switch("ip", "link", "set", port, "master", "br0", "up")
        host.run("ip", "link", "set", "eth0", "address", mac, "up")
        host.run("ip", "addr", "add", f"{address}/24", "dev", "eth0")
        return host

    def behind(self, router: NetworkHost, name: str, mac: str, address: str) -> NetworkHost:
        """Creates a host behind a router: on the switch its frames have the router's MAC."""
        inner, gateway = f"in{len(self.hosts)}", address.rpartition(".")[0] + ".1"
        host = self._add_namespace(name, mac, address)
        router.run(
            *("ip", "link", "add", inner, "type", "veth"),
            *("peer", "name", "eth0", "netns", host.namespace),
        )
        router.run("ip", "link", "set", inner, "up")
        router.run("ip", "addr", "add", gateway, "peer", address, "dev", inner)
        router.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        host.run("ip", "link", "set", "eth0", "address", mac, "up")
        host.run("ip", "addr", "add", address, "peer", gateway, "dev", "eth0")
        host.run("ip", "route", "add", "default", "via", gateway)
        return host

    def add_route(self, router: NetworkHost, address: str) -> None:
        """Adds a route to an address behind a router to every host on the switch."""
        for host in self.hosts:
            if host.address.startswith(router.address.rpartition(".")[0]) and host is not router:
                host.run("ip", "route", "replace", address, "via", router.address)

    def enable_nat(self, router: NetworkHost) -> None:
        """Makes a router translate the addresses behind it to its own."""
        router.run("nft", "flush", "ruleset")
        router.run("nft", "add", "table", "ip", "nat")
        hook = "{ type nat hook postrouting priority 100 ; }"
        router.run("nft", "add", "chain", "ip", "nat", "post", hook)
        router.run("nft", "add", "rule", "ip", "nat", "post", "oifname", "eth0", "masquerade")

    @contextmanager
    def capturing(self, target: Path) -> Iterator[None]:
        """Writes all TCP frames that cross the switch to `target`."""
        inside = ("ip", "netns", "exec", self.switch)
        with run_tcpdump(target, "br0", "-Z", "root", "tcp", before=inside):
            yield

    def close(self) -> None:
        """Stops all programs and removes the namespaces."""
        for host in reversed(self.hosts):
            for process in host.running:
                process.terminate()
            for process in host.running:
                try:
                    process.wait(timeout=5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            subprocess.run(["ip", "netns", "del", host.namespace], check=False)
            folder = Path("/etc/netns") / host.namespace
            (folder / "hosts").unlink(missing_ok=True)
            folder.rmdir()
        subprocess.run(["ip", "netns", "del", self.switch], check=False)
