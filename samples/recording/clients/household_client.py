"""A library's name and what a device does, as JSON, in; that device out, until its time is over.

usage: household_client.py LIBRARY JSON

LIBRARY is paho, aiomqtt, gmqtt or amqtt. The JSON has `host`, `port`, `version`, `topic`, `seconds`
(how long it stays), `logins` (a list of client id, user name and password: one connection each),
and maybe `keepAlive`, `will` (topic and message; it is retained), `gap` (seconds from one login to
the next, if they come one after the other), `tls` (`authority`: a file, none to verify nothing;
`newest`: "TLSv1" …; `keys`: the file that the connection's keys are added to).
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
    """Give what the standard library needs for TLS."""
    if tls is None:
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if tls.get("authority"):
        made.load_verify_locations(tls["authority"])
    else:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    made.keylog_filename = tls["keys"]
    newest = tls.get("newest")
    if newest:
        made.maximum_version = getattr(ssl.TLSVersion, newest)
        if newest in ("TLSv1", "TLSv1_1"):
            made.minimum_version = ssl.TLSVersion.TLSv1
            made.set_ciphers("DEFAULT@SECLEVEL=0")
    return made


def paho(what: dict[str, Any], logins: list[Login]) -> None:
    """Run paho-mqtt, a client for each login, at the same time or one after the other."""
    import paho.mqtt.client as mqtt

    clients = []
    for client_id, username, password in logins:
        client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id,
            protocol=VERSIONS[what["version"]],
            reconnect_on_failure=False,
        )
        if username is not None:
            client.username_pw_set(username, password)
        if what.get("will"):
            client.will_set(*what["will"], qos=1, retain=True)
        secured = context(what.get("tls"))
        if secured is not None:
            client.tls_set_context(secured)
        with contextlib.suppress(OSError):
            client.connect(what["host"], what["port"], what.get("keepAlive", 60))
        client.loop_start()
        clients.append(client)
        if "gap" in what:
            time.sleep(what["gap"])
            client.disconnect()
            client.loop_stop()
    if "gap" not in what:
        time.sleep(what["seconds"] / 2)
        for client in clients:
            client.publish(what["topic"], "21.5", 1)
        time.sleep(what["seconds"] / 2)
        for client in clients:
            client.disconnect()
            client.loop_stop()


async def aiomqtt(what: dict[str, Any], logins: list[Login]) -> None:
    """Run aiomqtt."""
    import aiomqtt as library

    ((client_id, username, password),) = logins
    async with library.Client(
        what["host"], what["port"], identifier=client_id, username=username, password=password,
        protocol=library.ProtocolVersion(VERSIONS[what["version"]]),
        keepalive=what.get("keepAlive", 60), tls_context=context(what.get("tls")),
    ) as client:  # fmt: skip
        await client.publish(what["topic"], "21.5", qos=1)
        await asyncio.sleep(what["seconds"])


async def gmqtt(what: dict[str, Any], logins: list[Login]) -> None:
    """Run gmqtt."""
    import gmqtt as library

    ((client_id, username, password),) = logins
    client = library.Client(client_id, clean_session=True)
    if username is not None:
        client.set_auth_credentials(username, password)
    await client.connect(what["host"], what["port"], version=VERSIONS[what["version"]])
    client.publish(what["topic"], "21.5", qos=1)
    await asyncio.sleep(what["seconds"])
    await client.disconnect()


async def amqtt(what: dict[str, Any], logins: list[Login]) -> None:
    """Run the client of amqtt."""
    from amqtt.client import MQTTClient

    ((client_id, username, password),) = logins
    client = MQTTClient(
        client_id, config={"keep_alive": what.get("keepAlive", 60), "auto_reconnect": False}
    )
    await client.connect(f"mqtt://{username}:{password}@{what['host']}:{what['port']}/")
    await client.publish(what["topic"], b"21.5", qos=1)
    await asyncio.sleep(what["seconds"])
    await client.disconnect()


def main() -> None:
    """Do what the arguments say."""
    library, text = sys.argv[1:]
    what = json.loads(text)
    logins = [tuple(login) for login in what["logins"]]
    if library == "paho":
        paho(what, logins)
    else:
        asyncio.run({"aiomqtt": aiomqtt, "gmqtt": gmqtt, "amqtt": amqtt}[library](what, logins))


if __name__ == "__main__":
    main()
