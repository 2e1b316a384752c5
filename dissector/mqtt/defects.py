"""Records of the errors in one packet's bytes: kind, position and value, without severity.

A rule turns a defect into a finding. Each kind is consumed by exactly one rule per version and
packet type (a test checks that), so a kind is as narrow as the narrowest rule that consumes it.
"""

from __future__ import annotations

import enum
from typing import Any

import msgspec


class DefectKind(enum.Enum):
    """Every kind of error that decoding can record. The value is a stable kebab-case name."""

    # fixed header, any packet
    HEADER_FLAGS = "header-flags"
    TYPE_ZERO = "type-zero"
    TYPE_AUTH_BEFORE_5 = "type-auth-before-5"
    WRONG_DIRECTION = "wrong-direction"
    LENGTH_FIVE_BYTES = "length-five-bytes"
    LENGTH_NOT_MINIMAL = "length-not-minimal"
    # CONNECT
    PROTOCOL_NAME = "protocol-name"
    PROTOCOL_LEVEL = "protocol-level"
    NAME_LEVEL_DISAGREE = "name-level-disagree"
    CONNECT_RESERVED_FLAG = "connect-reserved-flag"
    WILL_FIELD_MISSING = "will-field-missing"
    WILL_QOS_WITHOUT_FLAG = "will-qos-without-flag"
    WILL_RETAIN_WITHOUT_FLAG = "will-retain-without-flag"
    WILL_QOS_3 = "will-qos-3"
    USERNAME_MISSING = "username-missing"
    PASSWORD_MISSING = "password-missing"
    PASSWORD_WITHOUT_USERNAME = "password-without-username"
    FIELD_ORDER = "field-order"
    CLIENT_ID_MISSING = "client-id-missing"
    CLIENT_ID_EMPTY_NOT_CLEAN = "client-id-empty-not-clean"
    CLIENT_ID_LENGTH = "client-id-length"
    CLIENT_ID_NOT_PORTABLE = "client-id-not-portable"
    WILL_TOPIC_EMPTY = "will-topic-empty"
    WILL_TOPIC_WILDCARD = "will-topic-wildcard"
    WILL_PAYLOAD_NOT_UTF8 = "will-payload-not-utf8"
    RESPONSE_TOPIC_EMPTY = "response-topic-empty"
    RESPONSE_TOPIC_WILDCARD = "response-topic-wildcard"
    # lengths, CONNECT and others
    FIELD_OVERRUN = "field-overrun"
    TRAILING_BYTES = "trailing-bytes"
    PACKET_UNFINISHED = "packet-unfinished"  # its sender closed in the middle of it
    # text, by field
    CLIENT_ID_NOT_UTF8 = "client-id-not-utf8"
    CLIENT_ID_NUL = "client-id-nul"
    USERNAME_NOT_UTF8 = "username-not-utf8"
    USERNAME_NUL = "username-nul"
    WILL_TOPIC_NOT_UTF8 = "will-topic-not-utf8"
    WILL_TOPIC_NUL = "will-topic-nul"
    PASSWORD_NOT_UTF8 = "password-not-utf8"
    WILL_MESSAGE_NOT_ASCII = "will-message-not-ascii"
    TEXT_NOT_UTF8 = "text-not-utf8"
    TEXT_NUL = "text-nul"
    TEXT_CONTROL = "text-control"
    USER_PROPERTY_NOT_UTF8 = "user-property-not-utf8"
    USER_PROPERTY_NUL = "user-property-nul"
    # properties
    PROPERTY_LENGTH_MISSING = "property-length-missing"
    PROPERTY_LENGTH_OVERRUN = "property-length-overrun"
    PROPERTY_OVERRUN = "property-overrun"
    PROPERTY_UNKNOWN = "property-unknown"
    PROPERTY_NOT_ALLOWED = "property-not-allowed"
    PROPERTY_REPEATED = "property-repeated"
    PROPERTY_VALUE = "property-value"
    AUTH_DATA_WITHOUT_METHOD = "auth-data-without-method"
    # values of CONNECT's own properties
    RECEIVE_MAXIMUM_ZERO = "receive-maximum-zero"
    MAXIMUM_PACKET_SIZE_ZERO = "maximum-packet-size-zero"
    REQUEST_INFORMATION_VALUE = "request-information-value"
    # CONNACK
    CONNACK_LENGTH = "connack-length"
    CONNACK_FLAGS = "connack-flags"
    CONNACK_CODE = "connack-code"
    SESSION_PRESENT_WITH_REFUSAL = "session-present-with-refusal"
    # DISCONNECT, AUTH
    DISCONNECT_FLAGS = "disconnect-flags"
    DISCONNECT_LENGTH = "disconnect-length"
    DISCONNECT_CODE = "disconnect-code"
    DISCONNECT_CODE_SENDER = "disconnect-code-sender"
    DISCONNECT_EXPIRY_FROM_SERVER = "disconnect-expiry-from-server"
    AUTH_FLAGS = "auth-flags"
    AUTH_CODE = "auth-code"
    AUTH_METHOD_MISSING = "auth-method-missing"

    __hash__ = object.__hash__  # members are singletons; the enum's own hash is a Python call


class Defect(msgspec.Struct, frozen=True):
    """One error: `length` bytes at `offset` of its packet (0 is the packet's first byte).

    `seen` is the value on the wire: an int, a text, raw bytes, or None. `field` is the standard's
    name of the field in lower camel case, None if the kind implies it. `packet_type` is 0 to 15, or
    `spec.WILL` for will properties.
    """

    kind: DefectKind
    packet_type: int
    offset: int
    length: int
    seen: Any = None
    field: str | None = None
