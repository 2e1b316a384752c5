"""Runs a named routine with the aiomqtt client library against a server.

usage: aiomqtt_client.py ROUTINE HOST PORT VERSION

A routine that others must wait for prints "ready".
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
    """Returns a client, with a clean session unless `more` overrides it."""
    key = "clean_start" if version == "5.0" else "clean_session"
    more.setdefault(key, True)
    return aiomqtt.Client(host, port, identifier=name, protocol=PROTOCOLS[version], **more)


async def watch(host: str, port: int, version: str) -> None:
    """Waits for one will message."""
    async with client(host, port, version, "watcher") as watcher:
        await watcher.subscribe("greenhouse/status/#", qos=1)
        print("ready", flush=True)
        async with asyncio.timeout(15):
            await anext(aiter(watcher.messages))
        await asyncio.sleep(0.2)


async def die(host: str, port: int, version: str) -> None:
    """Connects with a binary will and exits without closing the connection, as if killed."""
    will_properties = None
    if version == "5.0":
        will_properties = Properties(PacketTypes.WILLMESSAGE)
        will_properties.WillDelayInterval = 2
        will_properties.PayloadFormatIndicator = 0
        will_properties.ContentType = "application/octet-stream"
        will_properties.UserProperty = ("cause", "unknown")
    will = aiomqtt.Will("greenhouse/status/1", b"\x00\xff\xfelost\x1b", 1, True, will_properties)
    more: dict[str, Any] = {"will": will}
    if version == "5.0":
        more["properties"] = Properties(PacketTypes.CONNECT)
        more["properties"].SessionExpiryInterval = 60
    async with client(host, port, version, "sensor", **more) as sensor:
        await sensor.publish("greenhouse/temperature", 21.5, qos=1)
        os._exit(0)


async def round_trip(host: str, port: int, version: str) -> None:
    """Subscribes to messages that this client publishes itself."""
    more = {"username": "greenhouse", "password": "correct-horse"}
    async with client(host, port, version, "both-ways", **more) as both:
        await both.subscribe("greenhouse/+", qos=2)
        for qos in (0, 1, 2):
            await both.publish("greenhouse/humidity", 60 + qos, qos=qos)
            async with asyncio.timeout(5):
                await anext(aiter(both.messages))
        await both.unsubscribe("greenhouse/+")


ROUTINES: dict[str, Callable[[str, int, str], Awaitable[None]]] = {
    "watch": watch,
    "die": die,
    "round-trip": round_trip,
}


async def main() -> None:
    """Runs the routine that the command line names."""
    await ROUTINES[sys.argv[1]](sys.argv[2], int(sys.argv[3]), sys.argv[4])


if __name__ == "__main__":
    asyncio.run(main())
