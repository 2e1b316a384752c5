"""Lists the household's servers and devices with their faults, which an audit has to report."""

import time
from typing import Any

from house import House, HouseDevice, HouseServer, Machine, Router
from network import NetworkHost

HUB, SHED, CELLAR, LARDER = "10.20.0.2", "10.20.0.3", "10.20.0.4", "10.20.0.5"
HUB_NAME = "hub.house.example"
NAMES = {HUB_NAME: HUB, "cellar.house.example": CELLAR, "larder.house.example": LARDER}
ACCOUNTS = {
    "heating": "Zr8-warm-enough-31", "meter": "Kw5-hourly-92-Gj", "admin": "admin",
    "ring": "ding1", "plugs": "Kf9-one-for-all-3", "panel": "Qt4-many-voices-7",
    "tracking": "356938035643809-x", "shed": "Vn2-across-the-yard", "bikes": "Hs6-two-wheels-55",
    "light": "Lp3-candle-power-08", "cooling": "Bd7-ice-cold-64", "weight": "Mx1-kilograms-77",
    "damp": "Ua5-sixty-percent-31", "radio": "Ww9-long-waves-12", "clock": "Ee5-tick-tock-49",
}  # fmt: skip
GUESSES = {
    "x7fa0k2b": "letmein", "q91mzt4c": "123456", "b3kd80vy": "camera", "w0spx6ne": "qwerty",
    "u8hj2rt5": "password1", "c4vn71qa": "Admin2024", "m6yd93zk": "welcome", "t2ge58lx": "admin",
}  # fmt: skip
FROM, UNTIL = "20240101", "20440101"


def login(client_id: str | None, user: str) -> tuple[str | None, str, str]:
    """Returns a client id with the credentials of an account."""
    return (client_id, user, ACCOUNTS[user])


def secured(configuration: str, house: House, server: str, first: str, last: str) -> str:
    """Returns the configuration of a listener, with certificate and accounts added."""
    crt, key = house.authority.server(f"{server}.house.example", first, last)
    return f"{configuration}\npassword_file {house.users}\ncertfile {crt}\nkeyfile {key}\n"


# -- servers --------------------------------------------------------------------------------------


def hub(house: House, host: NetworkHost) -> None:
    """Runs a server that accepts everybody without TLS, and known accounts over TLS."""
    clear = f"listener 1883 {HUB}\nallow_anonymous true\npassword_file {house.users}\n"
    tls = f"listener 8883 {HUB}\nallow_anonymous false"
    house.mosquitto(host, clear + secured(tls, house, "hub", FROM, UNTIL), 8883)


def shed(house: House, host: NetworkHost) -> None:
    """Runs a server for the shed, with a bridge that forwards its messages to the hub."""
    text = f"""
listener 1883 {SHED}
allow_anonymous false
password_file {house.users}
connection yard
address {HUB}:1883
bridge_protocol_version mqttv311
remote_clientid shedbridge
remote_username shed
remote_password {ACCOUNTS["shed"]}
local_clientid shedlocal
topic house/shed/# out 1
bridge_bind_address {SHED}
notifications false
"""
    house.mosquitto(host, text, 1883)


def cellar(house: House, host: NetworkHost) -> None:
    """Runs a server with an expired certificate."""
    text = f"listener 8883 {CELLAR}\nallow_anonymous false\ntls_version tlsv1.2"
    house.mosquitto(host, secured(text, house, "cellar", "20220101", "20230101"), 8883)


def larder(house: House, host: NetworkHost) -> None:
    """Runs a TLS proxy that supports TLS 1.0 only, in front of its own server."""
    crt, key = house.authority.server("larder.house.example", FROM, UNTIL)
    both = house.folder / "larder.pem"
    both.write_text(crt.read_text() + key.read_text())
    inner = f"listener 1883 127.0.0.1\nallow_anonymous false\npassword_file {house.users}\n"
    house.mosquitto(host, inner, 1883)
    versions = "ssl-min-ver TLSv1.0 ssl-max-ver TLSv1.0 ciphers DEFAULT@SECLEVEL=0"
    configuration = house.folder / "larder.cfg"
    configuration.write_text(
        "defaults\n mode tcp\n timeout connect 5s\n timeout client 1m\n timeout server 1m\n"
        f"listen old\n bind {LARDER}:8883 ssl crt {both} {versions}\n server one 127.0.0.1:1883\n",
        encoding="utf-8",
    )
    host.start(house.log("larder"), "haproxy", "-db", "-f", str(configuration))
    host.wait_listening(8883)


# -- devices --------------------------------------------------------------------------------------


def library(name: str, *logins: tuple[str | None, ...], host: str = HUB, **options: Any) -> Any:
    """Returns the step that starts a client of a library, without TLS."""

    def step(house: House, machine: NetworkHost) -> None:
        house.client(machine, name, *logins, host=host, port=1883, **options)

    return step


def by_tls(
    name: str, *logins: tuple[str | None, ...], host: str, verifies: bool = True, **options: Any
) -> Any:
    """Returns the step that starts a client of a library over TLS, up to version `newest`."""

    def step(house: House, machine: NetworkHost) -> None:
        tls = {"newest": options.pop("newest", None)}
        tls["authority"] = str(house.authority.certificate) if verifies else None
        tls["keys"] = str(house.keys)
        house.client(machine, name, *logins, host=host, port=8883, tls=tls, **options)

    return step


def meter(house: House, host: NetworkHost) -> None:
    """Publishes over TLS with mosquitto_pub, in two connections with a pause between them."""
    for _ in range(2):
        house.publish(
            host,
            *("-h", HUB_NAME, "-p", "8883", "-i", "meter4711"),
            *("-u", "meter", "-P", ACCOUNTS["meter"]),
            *("--cafile", str(house.authority.certificate)),
        )
        time.sleep(1.5)


def shed_light(house: House, host: NetworkHost) -> None:
    """Publishes to the shed's own server, twice."""
    for _ in range(2):
        house.publish(
            host, "-h", SHED, "-i", "shedlight", "-u", "light", "-P", ACCOUNTS["light"], "-q", "1"
        )
        time.sleep(1.2)


def plug1(house: House, host: NetworkHost) -> None:
    """Publishes with the password of all plugs."""
    house.publish(host, "-h", HUB, "-i", "plugone", "-u", "plugs", "-P", ACCOUNTS["plugs"])


def blinds(side: str) -> tuple[str | None, str, str]:
    """Returns a login with one of the panel's client ids."""
    return login(f"blinds{side}", "panel")


CLEAR = "SEC01"  # credentials in clear
OPEN = "SEC36"  # without credentials, too
KNOWN = ("authentication",)
OWN = ("authentication", "credentials")
PARTIES: tuple[Machine, ...] = (
    HouseServer(
        "hub", "b8:27:eb:10:20:02", HUB, "Mosquitto",
        {1883: ("SEC02", "SEC03"), 8883: ("TLS14",)}, hub,
    ),
    HouseServer("shed", "b8:27:eb:10:20:03", SHED, "Mosquitto", {1883: ("SEC02",)}, shed, KNOWN),
    HouseServer(
        "cellar", "dc:a6:32:10:20:04", CELLAR, "Mosquitto", {8883: ("TLS05", "TLS14")}, cellar
    ),
    HouseServer(
        "larder", "00:0d:4b:10:20:05", LARDER, "HAProxy before Mosquitto",
        {8883: ("TLS01", "TLS14")}, larder,
    ),
    Router("garage", "d8:0d:17:10:20:06", "10.20.0.6", "a router"),
    Router("attic", "d8:0d:17:10:20:07", "10.20.0.7", "a router that translates addresses", True),
    HouseDevice(
        "shed", "b8:27:eb:10:20:03", SHED, "Mosquitto's bridge to the hub", (CLEAR, "SEC21"), OWN,
        "bridge", ("shedbridge",),
    ),
    HouseDevice(
        "thermostat", "18:b4:30:10:20:10", "10.20.0.10", "paho-mqtt by TLS 1.3",
        right=("encryption",), tls=True, inside=("thermostat1",),
        act=by_tls("paho", login("thermostat1", "heating"), host=HUB_NAME, version="5.0"),
    ),
    HouseDevice(
        "meter", "00:1d:c9:10:20:11", "10.20.0.11", "mosquitto_pub by TLS 1.3",
        right=("encryption",), tls=True, act=meter,
    ),
    HouseDevice(
        "hygrometer", "a4:cf:12:10:20:21", "10.20.0.33", "aiomqtt by TLS 1.2",
        right=("encryption",), tls=True, inside=("hygro1",),
        act=by_tls("aiomqtt", login("hygro1", "damp"), host=HUB_NAME, newest="TLSv1_2"),
    ),
    HouseDevice(
        "lamp", "24:0a:c4:10:20:12", "10.20.0.12", "paho-mqtt without credentials",
        (OPEN,), right=("identity", "session", "version"), client_ids=("lampkitchen",),
        act=library("paho", ("lampkitchen", None, None), will=("house/lamp/status", "gone")),
    ),
    HouseDevice(
        "camera", "c0:56:e3:10:20:13", "10.20.0.13", "MQTT.js, default credentials",
        (CLEAR, "SEC04"), KNOWN, client_ids=("mqttjs_????????",),
        act=library("mqttjs", login("", "admin"), seconds=12),
    ),
    HouseDevice(
        "doorbell", "a4:cf:12:10:20:14", "10.20.0.14", "gmqtt 5.0, a short password",
        (CLEAR, "SEC05"), ("authentication", "identity"), client_ids=("doorbell1",),
        act=library("gmqtt", login("doorbell1", "ring"), version="5.0"),
    ),
    HouseDevice(
        "plug1", "50:c7:bf:10:20:15", "10.20.0.15", "mosquitto_pub, the plugs' password",
        (CLEAR, "SEC07"), KNOWN, client_ids=("plugone",), act=plug1,
    ),
    HouseDevice(
        "plug2", "50:c7:bf:10:20:16", "10.20.0.16", "aiomqtt 5.0, the plugs' password",
        (CLEAR, "SEC07"), KNOWN, client_ids=("plugtwo",),
        act=library("aiomqtt", login("plugtwo", "plugs"), version="5.0"),
    ),
    HouseDevice(
        "plug3", "50:c7:bf:10:20:17", "10.20.0.17", "amqtt's client, the plugs' password",
        (CLEAR, "SEC07"), KNOWN, client_ids=("amqtt/*",),
        act=library("amqtt", login(None, "plugs")),
    ),
    HouseDevice(
        "panel", "dc:a6:32:10:20:18", "10.20.0.18", "paho-mqtt, three client ids at once",
        (CLEAR,), OWN, "gateway", ("blindseast", "blindswest", "blindssouth"),
        act=library("paho", blinds("east"), blinds("west"), blinds("south")),
    ),
    HouseDevice(
        "boiler", "ec:fa:bc:10:20:19", "10.20.0.19", "paho-mqtt, MQTT 3.1 without keep alive",
        ("SEC15", "SEC20", "SEC22", OPEN), ("identity",), client_ids=("boiler",),
        act=library(
            "paho", ("boiler", None, None), version="3.1", keepAlive=0,
            will=("house/boiler/config", "reset"),
        ),
    ),
    HouseDevice(
        "tracker", "e0:4f:43:10:20:1a", "10.20.0.26", "paho-mqtt 5.0, named by its IMEI",
        (CLEAR, "SEC06", "SEC27"), KNOWN, client_ids=("356938035643809",),
        act=library("paho", login("356938035643809", "tracking"), version="5.0"),
    ),
    HouseDevice(
        "scale", "60:01:94:10:20:1b", "10.20.0.27", "paho-mqtt by TLS 1.2, verifies nothing",
        ("TLS09", "TLS10"), ("encryption",), tls=True, inside=("scale1",),
        act=by_tls(
            "paho", login("scale1", "weight"), host=CELLAR, verifies=False, newest="TLSv1_2"
        ),
    ),
    HouseDevice(
        "fridge", "64:16:66:10:20:1c", "10.20.0.28", "paho-mqtt by TLS 1.0",
        ("TLS02",), ("encryption",), tls=True, inside=("fridge1",),
        act=by_tls(
            "paho", login("fridge1", "cooling"), host="larder.house.example", newest="TLSv1"
        ),
    ),
    HouseDevice(
        "intruder", "02:de:ad:10:20:1d", "10.20.0.29", "paho-mqtt that guesses passwords",
        (CLEAR, "SEC04", "SEC09"), client_ids=tuple(GUESSES),
        act=library(
            "paho", *((name, "admin", guess) for name, guess in GUESSES.items()), gap=0.4
        ),
    ),
    HouseDevice(
        "shedlight", "00:17:88:10:20:1e", "10.20.0.30", "mosquitto_pub to the shed's server",
        (CLEAR,), OWN, client_ids=("shedlight",), act=shed_light,
    ),
    HouseDevice(
        "bikes", "24:0a:c4:10:29:10", "10.20.9.10", "paho-mqtt behind a router",
        (CLEAR,), OWN, "routed", ("bikes",), behind="garage",
        act=library("paho", login("bikes", "bikes")),
    ),
    HouseDevice(
        "door", "24:0a:c4:10:29:11", "10.20.9.11", "aiomqtt behind a router",
        (OPEN,), kind="routed", client_ids=("garagedoor",), behind="garage",
        act=library("aiomqtt", ("garagedoor", None, None)),
    ),
    HouseDevice(
        "radio", "b8:27:eb:10:28:10", "10.20.8.10", "gmqtt behind address translation",
        (CLEAR,), OWN, "nat", ("radio",), behind="attic",
        act=library("gmqtt", login("radio", "radio")),
    ),
    HouseDevice(
        "clock", "24:0a:c4:10:28:11", "10.20.8.11", "MQTT.js 5.0 behind address translation",
        (CLEAR,), OWN, "nat", ("clock",), behind="attic",
        act=library("mqttjs", login("clock", "clock"), version="5.0"),
    ),
)  # fmt: skip
