# cython: annotation_typing=False
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

_SEEN = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"mosq-[0-9A-Za-z]{18}$", "Eclipse Mosquitto client library"),
        (r"mqttjs_[0-9a-f]{8}$", "MQTT.js"),
        (r"amqtt/[0-9A-Za-z]{16}$", "aMQTT client"),
    )
)
_KNOWN = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"mosq(pub|sub)\|\d+-", "Eclipse Mosquitto command line tools 1.x"),
        (r"mqttx_[0-9a-f]{8}$", "MQTTX"),
        (r"mqtt-explorer-[0-9a-f]{8}$", "MQTT Explorer"),
        (r"nodered_[0-9a-f]+$", "Node-RED"),
        (r"paho\d{10,}$", "Eclipse Paho (Java)"),
        (r"DVES_[0-9A-F]{6}$", "Tasmota"),
        (r"shelly[0-9a-z]+-[0-9A-Fa-f]{6,12}$", "Shelly firmware"),
        (r"(?:ESP8266|ESP32)Client-?[0-9a-f]*$", "PubSubClient (Arduino)"),
    )
)
# most ids are of none of them
_ANY = re.compile("|".join(pattern.pattern for pattern, _ in (*_SEEN, *_KNOWN)))
_ASSIGNED = re.compile(r"auto-[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}$")


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
    if _ANY.match(text):
        return _by_its_id(text)
    if profile.bridge:
        reason = "the bridge bit in the protocol level, which Mosquitto's bridge sets"
        return Guess("Eclipse Mosquitto bridge", reason, "possible")
    if profile.version is Version.V5_0:
        maximum = property_value(profile.properties, "receiveMaximum")
        if maximum == 20 and len(profile.properties) == 1:
            reason = "it announces Receive Maximum 20 and nothing else, as Mosquitto's library does"
            return Guess("Eclipse Mosquitto client library", reason, "possible")
    return None


def _by_its_id(text: str) -> Guess:
    for pattern, name in _SEEN:
        if pattern.match(text):
            return Guess(name, "its client id is made the way that this software does")
    reason = "its client id looks as this software is generally known to make it"
    name = next(name for pattern, name in _KNOWN if pattern.match(text))
    return Guess(name, reason, "possible")


def server_software(profiles: Iterable[Profile]) -> Guess | None:
    """Guess a server's software."""
    every = list(profiles)
    for profile in every:
        assigned = property_value(profile.connack_properties, "assignedClientIdentifier")
        if assigned is not None and _ASSIGNED.match(assigned):
            reason = "it assigns client ids that begin with auto-, and a UUID in capitals"
            return Guess("Eclipse Mosquitto 2.x", reason)
    for profile in every:
        properties = profile.connack_properties
        alias = property_value(properties, "topicAliasMaximum")
        if alias == 10 and property_value(properties, "receiveMaximum") == 20:
            reason = "it announces Topic Alias Maximum 10 and Receive Maximum 20, its defaults"
            return Guess("Eclipse Mosquitto 2.x", reason, "possible")
    return None
