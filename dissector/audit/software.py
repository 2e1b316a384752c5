"""What a client or server does on the wire in, the software that does so out, with the reason.

Signs are ids that libraries make up and what servers announce without being asked. Each is one line
of a table; what nobody else does is "likely", what others may do, too, is "possible".
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from dissector.audit.records import Guess
from dissector.connections.history import Profile
from dissector.model import Version
from dissector.mqtt.packets import property_value

_IDS = tuple(
    (re.compile(pattern), name, confidence)
    for pattern, name, confidence in (
        (r"mosq-[0-9A-Za-z]{18}$", "Eclipse Mosquitto client library", "likely"),
        (r"mosq(pub|sub)\|\d+-", "Eclipse Mosquitto command line tools 1.x", "likely"),
        (r"mosq/", "Eclipse Mosquitto client library 1.x", "possible"),
        (r"mqttjs_[0-9a-f]{8}$", "MQTT.js", "likely"),
        (r"mqttx_[0-9a-f]{8}$", "MQTTX", "likely"),
        (r"mqtt-explorer-[0-9a-f]{8}$", "MQTT Explorer", "likely"),
        (r"nodered_[0-9a-f]+$", "Node-RED", "likely"),
        (r"paho\d{10,}$", "Eclipse Paho (Java)", "likely"),
        (r"paho/[0-9A-Fa-f]+$", "Eclipse Paho (Python) 1.x", "likely"),
        (r"auto-[0-9A-F-]{36}$", "an id that Mosquitto gave out", "possible"),
        (r"DVES_[0-9A-F]{6}$", "Tasmota", "likely"),
        (r"shelly[0-9a-z]+-[0-9A-Fa-f]{6,12}$", "Shelly firmware", "likely"),
        (r"zigbee2mqtt", "Zigbee2MQTT", "possible"),
        (r"homeassistant", "Home Assistant", "possible"),
        (
            r"(ESP8266|ESP32)Client-?[0-9a-f]*$",
            "PubSubClient (Arduino), by its example",
            "possible",
        ),
        (r"tasmota", "Tasmota", "possible"),
        (r"rtl_433", "rtl_433", "possible"),
        (r"amqtt/", "aMQTT", "likely"),
        (r"hbmqtt/", "HBMQTT", "likely"),
    )
)
_ASSIGNED = (
    (re.compile(r"auto-[0-9A-F]{8}-"), "Eclipse Mosquitto", "likely"),
    (re.compile(r"hmq_"), "HiveMQ", "likely"),
    (re.compile(r"nanomq-"), "NanoMQ", "likely"),
    (re.compile(r"aedes_"), "aedes", "likely"),
)


def client_software(profiles: Iterable[Profile]) -> Guess | None:
    """Guess a client's library."""
    possible: Guess | None = None
    for profile in profiles:
        guess = _of_client(profile)
        if guess is not None and guess.confidence == "likely":
            return guess
        possible = possible or guess
    return possible


def _of_client(profile: Profile) -> Guess | None:
    text = profile.client_id
    if text is None:
        return None
    for pattern, name, confidence in _IDS:
        found = pattern.match(text)
        if found:
            return Guess(name, "its client id is made the way that this software does", confidence)
    if profile.bridge:
        reason = "the bridge bit in the protocol level (Mosquitto and RSMB set it)"
        return Guess("Eclipse Mosquitto bridge", reason, "possible")
    if profile.version is Version.V5_0:
        maximum = property_value(profile.properties, "receiveMaximum")
        if maximum == 20 and len(profile.properties) == 1:
            reason = "it announces Receive Maximum 20 and nothing else"
            return Guess("Eclipse Mosquitto client library", reason, "possible")
    return None


def server_software(profiles: Iterable[Profile]) -> Guess | None:
    """Guess a server's software."""
    for profile in profiles:
        properties = profile.connack_properties
        assigned = property_value(properties, "assignedClientIdentifier")
        for pattern, name, confidence in _ASSIGNED:
            if assigned is not None and pattern.match(assigned):
                return Guess(name, "the client ids that it assigns look so", confidence)
    for profile in profiles:
        properties = profile.connack_properties
        alias = property_value(properties, "topicAliasMaximum")
        if alias == 10 and property_value(properties, "receiveMaximum") == 20:
            reason = "it announces Topic Alias Maximum 10 and Receive Maximum 20, its defaults"
            return Guess("Eclipse Mosquitto 2.x", reason, "possible")
        if alias == 5 and property_value(properties, "receiveMaximum") == 10:
            reason = "it announces Topic Alias Maximum 5 and Receive Maximum 10, its defaults"
            return Guess("HiveMQ", reason, "possible")
    return None
