"""Defines `Scenario`, one capture to record, and `RecordingSession`, which runs its clients."""

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
"""Maps the client part of a capture's name to the product's name."""

SERVERS = {"aedes": "aedes", "amqtt": "amqtt", "mosquitto": "Mosquitto"}

_PROTOCOLS = {"3.1": "mqttv31", "3.1.1": "mqttv311", "5.0": "mqttv5"}
_TIMEOUT = 60  # seconds


class ClientProgram:
    """A client program that runs in the background."""

    def __init__(
        self, command: list[str], log: Path, ready: str | None, more: dict[str, str] | None = None
    ) -> None:
        """Starts it; with `ready`, waits for an output line that contains that text.

        `more` is added to its environment. Raises `RuntimeError` if it ends before it is ready.
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
                self._log(line)
                if ready in line:
                    return
            raise RuntimeError(f"{command} ended before it was ready, see its output")

    def _log(self, text: str) -> None:
        with self.log.open("a", encoding="utf-8") as log:
            log.write(text)

    def finish(self) -> None:
        """Waits until it ends by itself."""
        output, _ = self.process.communicate(timeout=_TIMEOUT)
        self._log(output)

    def stop(self, *, kill: bool = False) -> None:
        """Ends it by SIGTERM or, as in a crash, by SIGKILL."""
        if kill:
            self.process.kill()
        else:
            self.process.terminate()
        self.finish()


@dataclass
class RecordingSession:
    """Runs the clients of one scenario; has the server's address, the version, and a folder."""

    folder: Path
    host: str
    port: int
    version: str
    transport: str = "mqtt"
    tls: str = ""

    @property
    def keys(self) -> Path:
        """Path of the TLS key log that all clients write."""
        return self.folder / "tls.keys"

    def _environment(self) -> dict[str, str]:
        """Returns the environment that configures TLS in a client: folder, version, key log."""
        if not self.tls:
            return {}
        return {
            "TLS_FOLDER": str(self.folder),
            "TLS_VERSION": self.tls,
            "TLS_KEYS": str(self.keys),
            "NODE_OPTIONS": f"--tls-keylog={self.keys}",
        }

    def _script(self, client: str, routine: str, version: str | None) -> list[str]:
        node = client == "mqttjs"
        script = HERE / "clients" / f"{client}_client.{'mjs' if node else 'py'}"
        arguments = [self.host, str(self.port)]
        if not client.startswith("raw"):
            arguments += [version or self.version, self.transport]
        return ["node" if node else sys.executable, str(script), routine, *arguments]

    def start(self, client: str, routine: str, *, version: str | None = None) -> ClientProgram:
        """Starts a routine of a client script and waits until it is ready."""
        command = self._script(client, routine, version)
        return ClientProgram(command, self.folder / "clients.log", "ready", self._environment())

    def run(self, client: str, routine: str, *, version: str | None = None) -> None:
        """Runs a routine of a client script to its end."""
        command = self._script(client, routine, version)
        ClientProgram(command, self.folder / "clients.log", None, self._environment()).finish()

    def run_in_parallel(self, *routines: tuple[str, str, str]) -> None:
        """Runs routines (client, routine, version) at the same time."""
        log = self.folder / "clients.log"
        running = [ClientProgram(self._script(*each), log, None) for each in routines]
        for each in running:
            each.finish()

    def _cli(self, program: str, options: tuple[str, ...], version: str | None) -> list[str]:
        protocol = _PROTOCOLS[version or self.version]
        server = ["-h", self.host, "-p", str(self.port), "-V", protocol]
        return ["stdbuf", "-oL", program, *server, *options]

    def subscribe(self, *options: str, ready: str = "SUBACK") -> ClientProgram:
        """Starts mosquitto_sub with these options and waits for the SUBACK, or another packet."""
        command = self._cli("mosquitto_sub", ("-d", *options), None)
        return ClientProgram(command, self.folder / "clients.log", ready)

    def publish(self, *options: str, version: str | None = None) -> None:
        """Runs mosquitto_pub with these options."""
        command = self._cli("mosquitto_pub", options, version)
        ClientProgram(command, self.folder / "clients.log", None).finish()


@dataclass(frozen=True)
class Scenario:
    """One capture to record. Server, client and version are the first parts of its name."""

    name: str
    contains: str
    codes: set[int]
    """Exactly the CONNACK codes that the capture has to contain."""
    steps: Callable[[RecordingSession], None]
    connects: int
    """Minimum number of CONNECT packets."""
    options: dict[str, Any] = field(default_factory=dict)
    host: str = "127.0.0.1"
    port: int = 1883
    clients: tuple[str, ...] = ()
    """Keys of `CLIENTS`; if empty, the client part of the name."""
    versions: tuple[str, ...] = ()
    pcapng: bool = False
    transport: str = "mqtt"
    """How the clients reach the server: "mqtt", "ws" for WebSocket, "mqtts", or "wss"."""
    wrapped: bool = False
    """Whether MQTT is not directly on TCP: in WebSocket, in TLS, or behind the PROXY protocol."""
    tls: str = ""
    """The version of TLS, "1.2" or "1.3"; the keys are beside the capture, or in a pcapng."""

    @property
    def file(self) -> str:
        """Name of the capture file."""
        return f"{self.name}.{'pcapng' if self.pcapng else 'pcap'}"

    @property
    def keys(self) -> str:
        """Name of the key log beside it; "" if there is none."""
        return f"{self.name}.keys" if self.tls and not self.pcapng else ""

    @property
    def server(self) -> str:
        """Key of its server in `SERVERS`."""
        return self.name.split("-")[0]

    @property
    def all_clients(self) -> tuple[str, ...]:
        """Keys in `CLIENTS` of all clients."""
        return self.clients or (self.name.split("-")[1],)

    @property
    def all_versions(self) -> tuple[str, ...]:
        """All MQTT versions that clients request."""
        return self.versions or (self.name.split("-")[2],)
