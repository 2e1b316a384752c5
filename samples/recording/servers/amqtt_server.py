"""Runs an amqtt server until SIGTERM.

usage: amqtt_server.py HOST PORT [PASSWORD_FILE]

With a password file only its users may connect; without it, everybody may.
"""

import asyncio
import logging
import signal
import sys
from typing import Any

from amqtt.broker import Broker


async def serve(host: str, port: int, password_file: str | None) -> None:
    """Runs the server until SIGTERM; without periodic `$SYS` messages."""
    plugins: dict[str, Any] = {
        "amqtt.plugins.authentication.AnonymousAuthPlugin": {
            "allow_anonymous": password_file is None
        }
    }
    if password_file is not None:
        plugins["amqtt.plugins.authentication.FileAuthPlugin"] = {"password_file": password_file}
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    broker = Broker(
        {"listeners": {"default": {"type": "tcp", "bind": address}}, "plugins": plugins}
    )
    await broker.start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await broker.shutdown()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None))
