"""Runs one device of the household with a client library, for a given time.

usage: household_client.py LIBRARY JSON

LIBRARY is paho, aiomqtt, gmqtt or amqtt. The JSON has `host`, `port`, `version`, `topic`, `seconds`
(how long it stays connected), `logins` (a list of client id, user name and password: one connection
each), and optionally `keepAlive`, `will` (topic and message; it is retained), `gap` (seconds from
one login to the next, if they come one after the other), `tls` (`authority`: a file, null to verify
nothing; `newest`: "TLSv1" …; `keys`: the key log to append to).
"""

import asyncio
import contextlib
import json
import ssl
import sys
import time
from typing import Any

VERSIONS = {"3.1": 3, "3.1.1": 4, "5.0": 5}
Login = tuple[str, str | None, str | None]


def context(tls: dict[str, Any] | None) -> ssl.SSLContext | None:
    """Returns the TLS context for the settings; None without TLS."""
    if tls is None:
        return None
    result = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if tls.get("authority"):
        result.load_verify_locations(tls["authority"])
    else:
        result.check_hostname = False
        result.verify_mode = ssl.CERT_NONE
    result.keylog_filename = tls["keys"]
    newest = tls.get("newest")
    if newest:
        result.maximum_version = getattr(ssl.TLSVersion, newest)
        if newest in ("TLSv1", "TLSv1_1"):
            result.minimum_version = ssl.TLSVersion.TLSv1
            result.set_ciphers("DEFAULT@SECLEVEL=0")
    return result


def paho(settings: dict[str, Any], logins: list[Login]) -> None:
    """Runs paho-mqtt, a client for each login, at the same time or one after the other."""
    import paho.mqtt.client as mqtt

    clients = []
    for client_id, username, password in logins:
        client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id,
            protocol=VERSIONS[settings["version"]],
            reconnect_on_failure=False,
        )
        if username is not None:
            client.username_pw_set(username, password)
        if settings.get("will"):
            client.will_set(*settings["will"], qos=1, retain=True)
        tls_context = context(settings.get("tls"))
        if tls_context is not None:
            client.tls_set_context(tls_context)
        with contextlib.suppress(OSError):
            client.connect(settings["host"], settings["port"], settings.get("keepAlive", 60))
        client.loop_start()
        clients.append(client)
        if "gap" in settings:
            time.sleep(settings["gap"])
            client.disconnect()
            client.loop_stop()
    if "gap" not in settings:
        time.sleep(settings["seconds"] / 2)
        for client in clients:
            client.publish(settings["topic"], "21.5", 1)
        time.sleep(settings["seconds"] / 2)
        for client in clients:
            client.disconnect()
            client.loop_stop()


async def aiomqtt(settings: dict[str, Any], logins: list[Login]) -> None:
    """Runs aiomqtt."""
    import aiomqtt as library

    ((client_id, username, password),) = logins
    async with library.Client(
        settings["host"], settings["port"],
        identifier=client_id, username=username, password=password,
        protocol=library.ProtocolVersion(VERSIONS[settings["version"]]),
        keepalive=settings.get("keepAlive", 60), tls_context=context(settings.get("tls")),
    ) as client:  # fmt: skip
        await client.publish(settings["topic"], "21.5", qos=1)
        await asyncio.sleep(settings["seconds"])


async def gmqtt(settings: dict[str, Any], logins: list[Login]) -> None:
    """Runs gmqtt."""
    import gmqtt as library

    ((client_id, username, password),) = logins
    client = library.Client(client_id, clean_session=True)
    if username is not None:
        client.set_auth_credentials(username, password)
    await client.connect(settings["host"], settings["port"], version=VERSIONS[settings["version"]])
    client.publish(settings["topic"], "21.5", qos=1)
    await asyncio.sleep(settings["seconds"])
    await client.disconnect()


async def amqtt(settings: dict[str, Any], logins: list[Login]) -> None:
    """Runs the client of amqtt."""
    from amqtt.client import MQTTClient

    ((client_id, username, password),) = logins
    client = MQTTClient(
        client_id, config={"keep_alive": settings.get("keepAlive", 60), "auto_reconnect": False}
    )
    await client.connect(f"mqtt://{username}:{password}@{settings['host']}:{settings['port']}/")
    await client.publish(settings["topic"], b"21.5", qos=1)
    await asyncio.sleep(settings["seconds"])
    await client.disconnect()


def main() -> None:
    """Runs the library and settings of the command line."""
    library, text = sys.argv[1:]
    settings = json.loads(text)
    logins = [tuple(login) for login in settings["logins"]]
    if library == "paho":
        paho(settings, logins)
    else:
        asyncio.run({"aiomqtt": aiomqtt, "gmqtt": gmqtt, "amqtt": amqtt}[library](settings, logins))


if __name__ == "__main__":
    main()
