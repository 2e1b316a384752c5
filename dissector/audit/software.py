"""Guesses the software of clients and servers from their behaviour, with the reason.

Signs are the client ids that libraries generate and the properties that servers announce, one table
row each. Signs seen in recorded captures (listed in `tests/audit/test_software.py`) may be
"likely"; signs that are only generally known are at most "possible", and their reason says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from dissector.activity.profile import Profile
from dissector.audit.records import Guess
from dissector.model import Version
from dissector.mqtt.properties import property_value

# prefix of the client id, pattern of the rest, software
_SEEN = (
    ("mosq-", r"[0-9A-Za-z]{18}$", "Eclipse Mosquitto client library"),
    ("mqttjs_", r"[0-9a-f]{8}$", "MQTT.js"),
    ("amqtt/", r"[0-9A-Za-z]{16}$", "aMQTT client"),
)
_KNOWN = (
    ("mosqpub|", r"\d+-", "Eclipse Mosquitto command line tools 1.x"),
    ("mosqsub|", r"\d+-", "Eclipse Mosquitto command line tools 1.x"),
    ("mqttx_", r"[0-9a-f]{8}$", "MQTTX"),
    ("mqtt-explorer-", r"[0-9a-f]{8}$", "MQTT Explorer"),
    ("nodered_", r"[0-9a-f]+$", "Node-RED"),
    ("paho", r"\d{10,}$", "Eclipse Paho (Java)"),
    ("DVES_", r"[0-9A-F]{6}$", "Tasmota"),
    ("shelly", r"[0-9a-z]+-[0-9A-Fa-f]{6,12}$", "Shelly firmware"),
    ("ESP8266Client", r"-?[0-9a-f]*$", "PubSubClient (Arduino)"),
    ("ESP32Client", r"-?[0-9a-f]*$", "PubSubClient (Arduino)"),
)
_PREFIXES = tuple(start for start, _, _ in (*_SEEN, *_KNOWN))
_ASSIGNED = r"auto-[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}$"


def client_software(profiles: Iterable[Profile]) -> Guess | None:
    """Guesses a client's library."""
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
    if text.startswith(_PREFIXES):
        guess = _by_client_id(text)
        if guess is not None:
            return guess
    if profile.bridge:
        reason = "the bridge bit in the protocol level, which Mosquitto's bridge sets"
        return Guess("Eclipse Mosquitto bridge", reason, "possible")
    if profile.version is Version.V5_0:
        maximum = property_value(profile.properties, "receiveMaximum")
        if maximum == 20 and len(profile.properties) == 1:
            reason = "it announces Receive Maximum 20 and nothing else, as Mosquitto's library does"
            return Guess("Eclipse Mosquitto client library", reason, "possible")
    return None


def _by_client_id(text: str) -> Guess | None:
    for start, rest, name in _SEEN:
        if text.startswith(start) and re.match(rest, text[len(start) :]):
            return Guess(name, "its client id has the format that this software generates")
    for start, rest, name in _KNOWN:
        if text.startswith(start) and re.match(rest, text[len(start) :]):
            reason = "its client id has a format that this software is generally known to generate"
            return Guess(name, reason, "possible")
    return None


def server_software(profiles: Iterable[Profile]) -> Guess | None:
    """Guesses a server's software."""
    every = [profile for profile in profiles if profile.connack_properties]
    for profile in every:
        assigned = property_value(profile.connack_properties, "assignedClientIdentifier")
        if assigned is not None and re.match(_ASSIGNED, assigned):
            reason = "it assigns client ids of auto- and an upper-case UUID"
            return Guess("Eclipse Mosquitto 2.x", reason)
    for profile in every:
        properties = profile.connack_properties
        alias = property_value(properties, "topicAliasMaximum")
        if alias == 10 and property_value(properties, "receiveMaximum") == 20:
            reason = "it announces Topic Alias Maximum 10 and Receive Maximum 20, its defaults"
            return Guess("Eclipse Mosquitto 2.x", reason, "possible")
    return None
