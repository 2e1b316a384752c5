"""A scenario's table row, and what its steps may do: run clients against the server."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

CLIENTS = {
    "aiomqtt": "aiomqtt",
    "bridge": "Mosquitto bridge",
    "cli": "mosquitto-clients",
    "gmqtt": "gmqtt",
    "mqttjs": "MQTT.js",
    "paho": "paho-mqtt",
    "raw": "raw socket",
}
"""The client part of a capture's name, and the product's own name."""

SERVERS = {"aedes": "aedes", "amqtt": "amqtt", "mosquitto": "Mosquitto"}

_PROTOCOLS = {"3.1": "mqttv31", "3.1.1": "mqttv311", "5.0": "mqttv5"}
_PATIENCE = 60


class ClientProgram:
    """A client program that runs beside others."""

    def __init__(
        self, command: list[str], log: Path, ready: str | None, more: dict[str, str] | None = None
    ) -> None:
        """Start it; with `ready`, wait for a line of its output that holds that text.

        `more` is added to its environment.
        """
        self.log = log
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                errors="replace",
                env={**os.environ, **(more or {})},
            )
        if ready is not None:
            assert self.process.stdout is not None
            for line in self.process.stdout:
                self._note(line)
                if ready in line:
                    return
            raise RuntimeError(f"{command} ended before it was ready, see its output")

    def _note(self, text: str) -> None:
        with self.log.open("a", encoding="utf-8") as log:
            log.write(text)

    def finish(self) -> None:
        """Wait until it ends by itself."""
        said, _ = self.process.communicate(timeout=_PATIENCE)
        self._note(said)

    def stop(self, *, kill: bool = False) -> None:
        """End it by SIGTERM or, as a crash would, by SIGKILL."""
        if kill:
            self.process.kill()
        else:
            self.process.terminate()
        self.finish()


@dataclass
class Stage:
    """Where the steps of one scenario run: its server, the version, a folder for its files."""

    folder: Path
    host: str
    port: int
    version: str
    transport: str = "mqtt"
    tls: str = ""

    @property
    def keys(self) -> Path:
        """The key log that all clients write."""
        return self.folder / "tls.keys"

    def _environment(self) -> dict[str, str]:
        """What a client script has to know of TLS: a folder, a version, a key log."""
        if not self.tls:
            return {}
        return {
            "TLS_FOLDER": str(self.folder),
            "TLS_VERSION": self.tls,
            "TLS_KEYS": str(self.keys),
            "NODE_OPTIONS": f"--tls-keylog={self.keys}",
        }

    def _script(self, client: str, scene: str, version: str | None) -> list[str]:
        node = client == "mqttjs"
        script = HERE / "clients" / f"{client}_client.{'mjs' if node else 'py'}"
        place = [self.host, str(self.port)]
        if not client.startswith("raw"):
            place += [version or self.version, self.transport]
        return ["node" if node else sys.executable, str(script), scene, *place]

    def start(self, client: str, scene: str, *, version: str | None = None) -> ClientProgram:
        """Start a scene of a client script and wait until it is ready."""
        command = self._script(client, scene, version)
        return ClientProgram(command, self.folder / "clients.log", "ready", self._environment())

    def run(self, client: str, scene: str, *, version: str | None = None) -> None:
        """Run a scene of a client script to its end."""
        command = self._script(client, scene, version)
        ClientProgram(command, self.folder / "clients.log", None, self._environment()).finish()

    def together(self, *scenes: tuple[str, str, str]) -> None:
        """Run scenes (client, scene, version) at the same time."""
        log = self.folder / "clients.log"
        running = [ClientProgram(self._script(*each), log, None) for each in scenes]
        for each in running:
            each.finish()

    def _cli(self, program: str, options: tuple[str, ...], version: str | None) -> list[str]:
        protocol = _PROTOCOLS[version or self.version]
        place = ["-h", self.host, "-p", str(self.port), "-V", protocol]
        return ["stdbuf", "-oL", program, *place, *options]

    def subscribe(self, *options: str, ready: str = "SUBACK") -> ClientProgram:
        """Start mosquitto_sub with these options and wait for the SUBACK, or another packet."""
        command = self._cli("mosquitto_sub", ("-d", *options), None)
        return ClientProgram(command, self.folder / "clients.log", ready)

    def publish(self, *options: str, version: str | None = None) -> None:
        """Run mosquitto_pub with these options."""
        command = self._cli("mosquitto_pub", options, version)
        ClientProgram(command, self.folder / "clients.log", None).finish()


@dataclass(frozen=True)
class Scenario:
    """One capture to record. Server, client and version are the first parts of its name."""

    name: str
    contains: str
    codes: set[int]
    """Exactly the CONNACK codes that the capture has to hold."""
    steps: Callable[[Stage], None]
    connects: int
    """At least so many CONNECT packets."""
    options: dict[str, Any] = field(default_factory=dict)
    host: str = "127.0.0.1"
    port: int = 1883
    clients: tuple[str, ...] = ()
    """Keys of `CLIENTS`, where the name alone does not say it."""
    versions: tuple[str, ...] = ()
    pcapng: bool = False
    transport: str = "mqtt"
    """How the clients reach the server: "mqtt", "ws" for WebSocket, "mqtts", or "wss"."""
    wrapped: bool = False
    """There is more around the MQTT than TCP: WebSocket, TLS, or the PROXY protocol."""
    tls: str = ""
    """The version of TLS, "1.2" or "1.3"; its keys stand beside the capture, or in a pcapng."""

    @property
    def file(self) -> str:
        """Name of the capture file."""
        return f"{self.name}.{'pcapng' if self.pcapng else 'pcap'}"

    @property
    def keys(self) -> str:
        """Name of the key log beside it; "" where there is none."""
        return f"{self.name}.keys" if self.tls and not self.pcapng else ""

    @property
    def server(self) -> str:
        """Key of `SERVERS`."""
        return self.name.split("-")[0]

    @property
    def all_clients(self) -> tuple[str, ...]:
        """Keys of `CLIENTS` of all that take part."""
        return self.clients or (self.name.split("-")[1],)

    @property
    def all_versions(self) -> tuple[str, ...]:
        """Every MQTT version that a client asks for."""
        return self.versions or (self.name.split("-")[2],)
