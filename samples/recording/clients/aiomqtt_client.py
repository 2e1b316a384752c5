"""A scene's name and a server in, aiomqtt talking to it out.

usage: aiomqtt_client.py SCENE HOST PORT VERSION

A scene that others must wait for prints "ready".
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PROTOCOLS = {
    "3.1": aiomqtt.ProtocolVersion.V31,
    "3.1.1": aiomqtt.ProtocolVersion.V311,
    "5.0": aiomqtt.ProtocolVersion.V5,
}


def client(host: str, port: int, version: str, name: str, **more: Any) -> aiomqtt.Client:
    """Make a client; a clean one unless `more` says otherwise."""
    key = "clean_start" if version == "5.0" else "clean_session"
    more.setdefault(key, True)
    return aiomqtt.Client(host, port, identifier=name, protocol=PROTOCOLS[version], **more)


async def watch(host: str, port: int, version: str) -> None:
    """Wait for one will message."""
    async with client(host, port, version, "watcher") as watcher:
        await watcher.subscribe("greenhouse/status/#", qos=1)
        print("ready", flush=True)
        async with asyncio.timeout(15):
            await anext(aiter(watcher.messages))
        await asyncio.sleep(0.2)


async def die(host: str, port: int, version: str) -> None:
    """Connect with a binary will and end as a process that is killed ends."""
    about = None
    if version == "5.0":
        about = Properties(PacketTypes.WILLMESSAGE)
        about.WillDelayInterval = 2
        about.PayloadFormatIndicator = 0
        about.ContentType = "application/octet-stream"
        about.UserProperty = ("cause", "unknown")
    last = aiomqtt.Will("greenhouse/status/1", b"\x00\xff\xfelost\x1b", 1, True, about)
    more: dict[str, Any] = {"will": last}
    if version == "5.0":
        more["properties"] = Properties(PacketTypes.CONNECT)
        more["properties"].SessionExpiryInterval = 60
    async with client(host, port, version, "sensor", **more) as sensor:
        await sensor.publish("greenhouse/temperature", 21.5, qos=1)
        os._exit(0)


async def round_trip(host: str, port: int, version: str) -> None:
    """Subscribe to what this client publishes itself."""
    more = {"username": "greenhouse", "password": "correct-horse"}
    async with client(host, port, version, "both-ways", **more) as both:
        await both.subscribe("greenhouse/+", qos=2)
        for qos in (0, 1, 2):
            await both.publish("greenhouse/humidity", 60 + qos, qos=qos)
            async with asyncio.timeout(5):
                await anext(aiter(both.messages))
        await both.unsubscribe("greenhouse/+")


SCENES: dict[str, Callable[[str, int, str], Awaitable[None]]] = {
    "watch": watch,
    "die": die,
    "round-trip": round_trip,
}


async def main() -> None:
    """Play the scene that the command line names."""
    await SCENES[sys.argv[1]](sys.argv[2], int(sys.argv[3]), sys.argv[4])


if __name__ == "__main__":
    asyncio.run(main())
