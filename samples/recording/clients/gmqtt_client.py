"""Runs a named routine with the gmqtt client library against a server.

usage: gmqtt_client.py ROUTINE HOST PORT VERSION

gmqtt supports 3.1.1 and 5.0, and falls back to 3.1.1 when a server refuses 5.0. A routine that
others must wait for prints "ready".
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import gmqtt

TOPIC = "greenhouse/humidity"
VERSIONS = {"3.1.1": 4, "5.0": 5}


class GmqttPeer:
    """A gmqtt client with methods that wait for the connection and for messages."""

    def __init__(self, name: str, **more: Any) -> None:
        """Creates the client; `more` goes to gmqtt, which sends unknown names as properties."""
        self.messages = asyncio.Semaphore(0)
        self.granted = asyncio.Event()
        self.client = gmqtt.Client(name, **more)
        self.client.on_message = self._message
        self.client.on_subscribe = lambda *_: self.granted.set()

    def _message(self, *_: object, **__: object) -> int:
        self.messages.release()
        return 0

    async def connect(self, host: str, port: int, version: str, seconds: float = 20) -> None:
        """Connects, with the library's own fallback; raises `TimeoutError` after `seconds`."""
        async with asyncio.timeout(seconds):
            await self.client.connect(host, port, version=VERSIONS[version])

    async def receive(self) -> None:
        """Waits for one message."""
        async with asyncio.timeout(10):
            await self.messages.acquire()
        await asyncio.sleep(0.2)


async def round_trip(host: str, port: int, version: str, name: str | None = None) -> None:
    """Subscribes to messages that this client publishes itself."""
    peer = GmqttPeer("both-ways", clean_session=True)
    if name is not None:
        peer.client.set_auth_credentials(name, "correct-horse")
    await peer.connect(host, port, version)
    peer.client.subscribe(TOPIC, qos=2)
    await asyncio.wait_for(peer.granted.wait(), 5)
    for qos in (0, 1, 2):
        peer.client.publish(TOPIC, str(60 + qos), qos=qos)
        await peer.receive()
    await peer.client.disconnect()


async def with_password(host: str, port: int, version: str) -> None:
    """Runs `round_trip` with a user name and a password."""
    await round_trip(host, port, version, "greenhouse")


async def unanswered(host: str, port: int, version: str) -> None:
    """Waits for a CONNACK for 32 s, longer than the linter's deadline."""
    peer = GmqttPeer("patient", user_property=[("site", "north")])
    with contextlib.suppress(TimeoutError):
        await peer.connect(host, port, version, seconds=32)


async def session(host: str, port: int, version: str) -> None:
    """Resumes a session after a time without a connection."""
    more: dict[str, Any] = {"receive_maximum": 20, "user_property": [("site", "north")]}
    if version == "5.0":
        more["session_expiry_interval"] = 600
    for clean in (True, False):
        peer = GmqttPeer("logger", clean_session=clean, **more)
        await peer.connect(host, port, version)
        if clean:
            peer.client.subscribe(TOPIC, qos=1)
            await asyncio.wait_for(peer.granted.wait(), 5)
        else:
            peer.client.publish(TOPIC, "61", qos=1, message_expiry_interval=60)
            await peer.receive()
        await peer.client.disconnect()


async def watch(host: str, port: int, version: str) -> None:
    """Waits for one will message."""
    peer = GmqttPeer("watcher", clean_session=True)
    await peer.connect(host, port, version)
    peer.client.subscribe("greenhouse/status/#", qos=2)
    await asyncio.wait_for(peer.granted.wait(), 5)
    print("ready", flush=True)
    await peer.receive()
    await peer.client.disconnect()


async def die(host: str, port: int, version: str) -> None:
    """Connects with a retained will of QoS 2 and exits without closing, as if killed."""
    will = gmqtt.Message("greenhouse/status/2", "lost", qos=2, retain=True, content_type="text")
    peer = GmqttPeer("sensor", clean_session=True, will_message=will)
    await peer.connect(host, port, version)
    await asyncio.sleep(0.2)
    os._exit(0)


ROUTINES: dict[str, Callable[[str, int, str], Awaitable[None]]] = {
    "round-trip": round_trip,
    "with-password": with_password,
    "unanswered": unanswered,
    "session": session,
    "watch": watch,
    "die": die,
}


async def main() -> None:
    """Runs the routine that the command line names."""
    await ROUTINES[sys.argv[1]](sys.argv[2], int(sys.argv[3]), sys.argv[4])


if __name__ == "__main__":
    asyncio.run(main())
