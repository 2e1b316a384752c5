"""The tables of the MQTT standards: packet types, flags, codes, properties.

Sources: MQTT V3.1 (IBM/Eurotech), MQTT 3.1.1 and MQTT 5.0 (OASIS Standards); each table names its
source. Look-ups never fail: an unknown code or type gets a name that says so.
"""

from __future__ import annotations

from typing import NamedTuple

from dissector.model import Version

# v3.1.1 table 2.1, v5.0 table 2-1
RESERVED, CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = range(8)
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = range(8, 16)

PACKET_NAMES = (
    "RESERVED", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP",
    "SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH",
)  # fmt: skip

# The flag nibble that each type requires; PUBLISH (3) has flags of its own. v3.1.1 table 2.2
REQUIRED_FLAGS = (0, 0, 0, 0, 0, 0, 2, 0, 2, 0, 2, 0, 0, 0, 0, 0)

CLIENT_ONLY = frozenset({CONNECT, SUBSCRIBE, UNSUBSCRIBE, PINGREQ})
SERVER_ONLY = frozenset({CONNACK, SUBACK, UNSUBACK, PINGRESP})

MAX_REMAINING_LENGTH = 268_435_455

# Bridges of RSMB and Mosquitto set the top bit of the protocol level; it is in no standard.
BRIDGE_BIT = 0x80
PROTOCOL_NAMES = {3: "MQIsdp", 4: "MQTT", 5: "MQTT"}
VERSIONS = {3: Version.V3_1, 4: Version.V3_1_1, 5: Version.V5_0}
LEVELS = {version: level for level, version in VERSIONS.items()}

# Connect flags. v3.1.1 §3.1.2.3
FLAG_RESERVED, FLAG_CLEAN, FLAG_WILL, FLAG_WILL_QOS = 0x01, 0x02, 0x04, 0x18
FLAG_WILL_RETAIN, FLAG_PASSWORD, FLAG_USERNAME = 0x20, 0x40, 0x80

# v3.1.1 table 3.1, MQTT V3.1 §3.2; the names are short forms of those in the tables
RETURN_CODES = {
    0: "accepted",
    1: "unacceptable protocol version",
    2: "identifier rejected",
    3: "server unavailable",
    4: "bad user name or password",
    5: "not authorized",
}

# The code of a CONNACK that rejects the client id
IDENTIFIER_REJECTED = {Version.V3_1: 2, Version.V3_1_1: 2, Version.V5_0: 0x85}

# v5.0 §2.4 table 2-6
REASON_CODES = {
    0x00: "Success",
    0x01: "Granted QoS 1",
    0x02: "Granted QoS 2",
    0x04: "Disconnect with Will Message",
    0x10: "No matching subscribers",
    0x11: "No subscription existed",
    0x18: "Continue authentication",
    0x19: "Re-authenticate",
    0x80: "Unspecified error",
    0x81: "Malformed Packet",
    0x82: "Protocol Error",
    0x83: "Implementation specific error",
    0x84: "Unsupported Protocol Version",
    0x85: "Client Identifier not valid",
    0x86: "Bad User Name or Password",
    0x87: "Not authorized",
    0x88: "Server unavailable",
    0x89: "Server busy",
    0x8A: "Banned",
    0x8B: "Server shutting down",
    0x8C: "Bad authentication method",
    0x8D: "Keep Alive timeout",
    0x8E: "Session taken over",
    0x8F: "Topic Filter invalid",
    0x90: "Topic Name invalid",
    0x91: "Packet Identifier in use",
    0x92: "Packet Identifier not found",
    0x93: "Receive Maximum exceeded",
    0x94: "Topic Alias invalid",
    0x95: "Packet too large",
    0x96: "Message rate too high",
    0x97: "Quota exceeded",
    0x98: "Administrative action",
    0x99: "Payload format invalid",
    0x9A: "Retain not supported",
    0x9B: "QoS not supported",
    0x9C: "Use another server",
    0x9D: "Server moved",
    0x9E: "Shared Subscriptions not supported",
    0x9F: "Connection rate exceeded",
    0xA0: "Maximum connect time",
    0xA1: "Subscription Identifiers not supported",
    0xA2: "Wildcard Subscriptions not supported",
}

# v5.0 table 3-1
CONNACK_CODES = frozenset(
    {0x00, *range(0x80, 0x8B), 0x8C, 0x90, 0x95, 0x97, *range(0x99, 0x9E), 0x9F}
)
_CONNACK_NAMES = {
    code: REASON_CODES[code] for code in CONNACK_CODES
}  # other codes have no meaning in a CONNACK
# v5.0 table 3-10, by sender
DISCONNECT_CODES_BOTH = frozenset({0x00, *range(0x80, 0x84), 0x90, *range(0x93, 0x9A)})
DISCONNECT_CODES_CLIENT = frozenset({0x04})
DISCONNECT_CODES_SERVER = frozenset({0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, *range(0x9A, 0xA3)})
# v5.0 table 3-11, by sender
AUTH_CODES_CLIENT = frozenset({0x18, 0x19})
AUTH_CODES_SERVER = frozenset({0x00, 0x18})

# Property types, v5.0 §2.2.2.2
BYTE, U16, U32, VBI, STRING, BINARY, STRING_PAIR = range(7)

# Will properties are inside CONNECT, but count as a packet type of their own here.
WILL = 16


class PropertySpec(NamedTuple):
    """One row of v5.0 table 2-4. `packets` are the packet types (and WILL) that may hold it."""

    id: int
    name: str
    type: int
    packets: frozenset[int]


_ACKS = (PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK)

PROPERTIES: dict[int, PropertySpec] = {
    row[0]: PropertySpec(row[0], row[1], row[2], frozenset(row[3:]))
    for row in (
        (0x01, "payloadFormatIndicator", BYTE, PUBLISH, WILL),
        (0x02, "messageExpiryInterval", U32, PUBLISH, WILL),
        (0x03, "contentType", STRING, PUBLISH, WILL),
        (0x08, "responseTopic", STRING, PUBLISH, WILL),
        (0x09, "correlationData", BINARY, PUBLISH, WILL),
        (0x0B, "subscriptionIdentifier", VBI, PUBLISH, SUBSCRIBE),
        (0x11, "sessionExpiryInterval", U32, CONNECT, CONNACK, DISCONNECT),
        (0x12, "assignedClientIdentifier", STRING, CONNACK),
        (0x13, "serverKeepAlive", U16, CONNACK),
        (0x15, "authenticationMethod", STRING, CONNECT, CONNACK, AUTH),
        (0x16, "authenticationData", BINARY, CONNECT, CONNACK, AUTH),
        (0x17, "requestProblemInformation", BYTE, CONNECT),
        (0x18, "willDelayInterval", U32, WILL),
        (0x19, "requestResponseInformation", BYTE, CONNECT),
        (0x1A, "responseInformation", STRING, CONNACK),
        (0x1C, "serverReference", STRING, CONNACK, DISCONNECT),
        (0x1F, "reasonString", STRING, CONNACK, DISCONNECT, AUTH, *_ACKS),
        (0x21, "receiveMaximum", U16, CONNECT, CONNACK),
        (0x22, "topicAliasMaximum", U16, CONNECT, CONNACK),
        (0x23, "topicAlias", U16, PUBLISH),
        (0x24, "maximumQos", BYTE, CONNACK),
        (0x25, "retainAvailable", BYTE, CONNACK),
        (0x26, "userProperty", STRING_PAIR, CONNECT, CONNACK, PUBLISH, WILL, DISCONNECT, AUTH,
         SUBSCRIBE, UNSUBSCRIBE, *_ACKS),
        (0x27, "maximumPacketSize", U32, CONNECT, CONNACK),
        (0x28, "wildcardSubscriptionAvailable", BYTE, CONNACK),
        (0x29, "subscriptionIdentifiersAvailable", BYTE, CONNACK),
        (0x2A, "sharedSubscriptionAvailable", BYTE, CONNACK),
    )
}  # fmt: skip

PROPERTY_IDS = {row.name: row.id for row in PROPERTIES.values()}
USER_PROPERTY = 0x26
RESPONSE_TOPIC = 0x08
AUTHENTICATION_DATA = 0x16
# Properties whose value may only be 0 or 1. v5.0 §3.1.2.11, §3.1.3.2.3, §3.2.2.3
BOOLEAN_PROPERTIES = frozenset({0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A})
# Properties that may not be 0. v5.0 §3.1.2.11.3, §3.1.2.11.4
NONZERO_PROPERTIES = frozenset({0x21, 0x27})


def is_secret_property(identifier: int) -> bool:
    """Whether a property's value may be a secret: authentication data, and unknown properties.

    The value of an unknown property is all that follows it, which may contain anything.
    """
    return identifier == AUTHENTICATION_DATA or identifier not in PROPERTIES


def packet_name(packet_type: int) -> str:
    """Returns the name of a packet type, 0 to 15, or WILL."""
    if packet_type == WILL:
        return "CONNECT"
    return PACKET_NAMES[packet_type] if 0 <= packet_type < 16 else f"type {packet_type}"


def shown_code(code: int) -> str:
    """Formats a code as the standards do: error codes of 5.0 (from 0x80) in hexadecimal."""
    return f"0x{code:02X}" if code >= 0x80 else str(code)


def code_word(version: Version | None) -> str:
    """Returns what the standard calls the code of a CONNACK: return code, from 5.0 reason code."""
    return "reason code" if version is Version.V5_0 else "return code"


def return_code_name(code: int, version: Version | None) -> str:
    """Returns the name of a CONNACK code in the version that it was sent in."""
    table = _CONNACK_NAMES if version is Version.V5_0 else RETURN_CODES
    return table.get(code) or f"unknown (0x{code:02X})"


def reason_code_name(code: int) -> str:
    """Returns the name of a 5.0 reason code."""
    return REASON_CODES.get(code) or f"unknown (0x{code:02X})"
