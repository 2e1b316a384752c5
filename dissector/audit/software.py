"""What a client or server does on the wire in, the software that does so out, with the reason.

Signs are ids that libraries make up and what servers announce without being asked, a line of a
table each. Those that the recorded captures show (`tests/audit/test_software.py` says which) may be
"likely"; what is only generally known is never more than "possible", and its reason says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from dissector.audit.records import Guess
from dissector.connections.profile import Profile
from dissector.model import Version
from dissector.mqtt.packets import property_value

# how ids begin, how they go on, whose they are
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
_BEGINNINGS = tuple(start for start, _, _ in (*_SEEN, *_KNOWN))
_ASSIGNED = r"auto-[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}$"


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
    if text.startswith(_BEGINNINGS):
        guess = _by_its_id(text)
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


def _by_its_id(text: str) -> Guess | None:
    for start, rest, name in _SEEN:
        if text.startswith(start) and re.match(rest, text[len(start) :]):
            return Guess(name, "its client id is made the way that this software does")
    for start, rest, name in _KNOWN:
        if text.startswith(start) and re.match(rest, text[len(start) :]):
            reason = "its client id looks as this software is generally known to make it"
            return Guess(name, reason, "possible")
    return None


def server_software(profiles: Iterable[Profile]) -> Guess | None:
    """Guess a server's software."""
    every = list(profiles)
    for profile in every:
        assigned = property_value(profile.connack_properties, "assignedClientIdentifier")
        if assigned is not None and re.match(_ASSIGNED, assigned):
            reason = "it assigns client ids that begin with auto-, and a UUID in capitals"
            return Guess("Eclipse Mosquitto 2.x", reason)
    for profile in every:
        properties = profile.connack_properties
        alias = property_value(properties, "topicAliasMaximum")
        if alias == 10 and property_value(properties, "receiveMaximum") == 20:
            reason = "it announces Topic Alias Maximum 10 and Receive Maximum 20, its defaults"
            return Guess("Eclipse Mosquitto 2.x", reason, "possible")
    return None
