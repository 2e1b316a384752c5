"""Runs MQTT servers on loopback ports: Mosquitto, amqtt, aedes; also a bridge, HAProxy, nginx."""

import importlib.metadata
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from loopback import wait_free, wait_listening

HERE = Path(__file__).parent
USER = "greenhouse"
PASSWORD = "correct-horse"


@contextmanager
def _process(command: list[str], port: int | None, log: Path) -> Iterator[None]:
    """Runs `command` until the block ends; with a `port`, waits until it listens there."""
    if port is not None:
        wait_free(port)
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            if port is not None:
                wait_listening(port)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def mosquitto(
    folder: Path, host: str, port: int, *, passwords: bool = False, extra: str = ""
) -> Iterator[None]:
    """Runs Mosquitto; `extra` is appended to its configuration, with FOLDER replaced."""
    lines = [f"listener {port} {host}", "persistence false", "sys_interval 0", "log_type all"]
    if os.geteuid() == 0:
        lines.append("user root")  # otherwise it cannot read the temporary folder
    if passwords:
        users = folder / f"mosquitto-{port}.users"
        subprocess.run(["mosquitto_passwd", "-b", "-c", users, USER, PASSWORD], check=True)
        lines += ["allow_anonymous false", f"password_file {users}"]
    else:
        lines.append("allow_anonymous true")
    configuration = folder / f"mosquitto-{port}.conf"
    more = textwrap.dedent(extra).replace("FOLDER", str(folder))
    configuration.write_text("\n".join(lines) + "\n" + more, encoding="utf-8")
    command = ["mosquitto", "-c", str(configuration)]
    with _process(command, port, folder / f"mosquitto-{port}.log"):
        yield


@contextmanager
def bridge(folder: Path, host: str, port: int, version: str, extra: str = "") -> Iterator[int]:
    """Runs a Mosquitto whose bridge connects to the server at `host` and `port`.

    Yields the port on which that Mosquitto itself listens.
    """
    own_port = 18899
    protocol = {"3.1": "mqttv31", "3.1.1": "mqttv311", "5.0": "mqttv50"}[version]
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    text = f"""
    connection uplink
    address {address}
    bridge_protocol_version {protocol}
    remote_clientid uplink-shed
    local_clientid uplink-local
    topic greenhouse/# both 1
    keepalive_interval 60
    restart_timeout 1
    """
    whole = textwrap.dedent(text) + textwrap.dedent(extra)
    with mosquitto(folder, "127.0.0.1", own_port, extra=whole):
        yield own_port


@contextmanager
def haproxy(folder: Path, host: str, port: int, options: str) -> Iterator[int]:
    """Runs HAProxy in front of the server; `options` select how it announces the client.

    Yields the port on which it listens.
    """
    own_port = 18898
    text = f"""
    defaults
        mode tcp
        timeout connect 5s
        timeout client 1m
        timeout server 1m
    listen mqtt
        bind 127.0.0.1:{own_port}
        server one {host}:{port} {options}
    """
    configuration = folder / "haproxy.cfg"
    configuration.write_text(textwrap.dedent(text), encoding="utf-8")
    command = ["haproxy", "-db", "-f", str(configuration)]
    with _process(command, own_port, folder / "haproxy.log"):
        yield own_port


@contextmanager
def nginx(folder: Path, host: str, port: int) -> Iterator[int]:
    """Runs nginx as a reverse proxy for WebSocket in front of the server.

    Yields the port on which it listens.
    """
    own_port = 18897
    text = f"""
    pid {folder}/nginx.pid;
    error_log stderr;
    worker_processes 1;
    events {{ worker_connections 64; }}
    http {{
        access_log off;
        client_body_temp_path {folder};
        proxy_temp_path {folder};
        fastcgi_temp_path {folder};
        uwsgi_temp_path {folder};
        scgi_temp_path {folder};
        server {{
            listen 127.0.0.1:{own_port};
            location /mqtt {{
                proxy_pass http://{host}:{port};
                proxy_http_version 1.1;
                proxy_set_header Upgrade $http_upgrade;
                proxy_set_header Connection upgrade;
                proxy_set_header Host mqtt.greenhouse.example;
                proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                proxy_set_header Forwarded "for=$remote_addr;proto=http";
            }}
        }}
    }}
    """
    configuration = folder / "nginx.conf"
    configuration.write_text(textwrap.dedent(text), encoding="utf-8")
    command = ["nginx", "-c", str(configuration), "-e", "stderr", "-g", "daemon off;"]
    with _process(command, own_port, folder / "nginx.log"):
        yield own_port


@contextmanager
def amqtt(folder: Path, host: str, port: int, *, passwords: bool = False) -> Iterator[None]:
    """Runs amqtt in the Python environment of this script."""
    command = [sys.executable, str(HERE / "servers/amqtt_server.py"), host, str(port)]
    if passwords:
        from pwdlib import PasswordHash
        from pwdlib.hashers.argon2 import Argon2Hasher

        users = folder / "amqtt.users"
        users.write_text(f"{USER}:{PasswordHash([Argon2Hasher()]).hash(PASSWORD)}\n", "utf-8")
        command.append(str(users))
    with _process(command, port, folder / "amqtt.log"):
        yield


@contextmanager
def aedes(folder: Path, host: str, port: int, **options: Any) -> Iterator[None]:
    """Runs aedes; the options are those of `servers/aedes_server.mjs`."""
    script = str(HERE / "servers/aedes_server.mjs")
    command = ["node", script, host, str(port), json.dumps(options)]
    with _process(command, port, folder / "aedes.log"):
        yield


SERVER_PROGRAMS: dict[str, Callable[..., AbstractContextManager[None]]] = {
    "mosquitto": mosquitto,
    "amqtt": amqtt,
    "aedes": aedes,
}


def _printed_version(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"version (\d[\w.-]*)", done.stdout)
    return found[1] if found else "unknown"


def version_of(product: str) -> str:
    """Returns the version of an installed server or client; "" for raw sockets."""
    match product:
        case "Mosquitto" | "Mosquitto bridge":
            return _printed_version("mosquitto", "-h")
        case "mosquitto-clients":
            return _printed_version("mosquitto_pub", "--version")
        case "aedes" | "MQTT.js":
            package = "mqtt" if product == "MQTT.js" else product
            described = HERE / "node_modules" / package / "package.json"
            return str(json.loads(described.read_text(encoding="utf-8"))["version"])
        case "raw socket":
            return ""
        case _:
            return importlib.metadata.version(product)
