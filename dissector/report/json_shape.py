"""Structs with the members of a handshake and of a finding in schema 1, in order.

They hold no logic. A capture may hold hundreds of thousands of records, and msgspec creates and
encodes a struct at half the cost of a dict. Members that are `UNSET` are left out.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

MaybeHex = str | UnsetType
MaybeList = list[dict[str, Any]] | UnsetType
MaybeDict = dict[str, Any] | UnsetType


class _Shape(msgspec.Struct, rename="camel", gc=False):
    pass


class EndpointShape(_Shape):
    """One end of a connection."""

    ip: str
    port: int
    mac: str | None


class ConnectShape(_Shape):
    """A CONNECT."""

    file: str | None = None
    frame: int | None = None
    time: str | None = None
    protocol_name: str = ""
    protocol_name_hex: MaybeHex = UNSET
    protocol_level: int = 0
    client_id: str = ""
    client_id_hex: MaybeHex = UNSET
    clean_session: bool = False
    keep_alive: int = 0
    username: str | None = None
    username_hex: MaybeHex = UNSET
    password: str | dict[str, Any] | None = None
    password_hex: MaybeHex = UNSET
    last_will_topic: str | None = None
    last_will_topic_hex: MaybeHex = UNSET
    last_will_qos: int = 0
    last_will_message: str | None = None
    last_will_message_hex: MaybeHex = UNSET
    last_will_retain: bool = False
    properties: dict[str, Any] = {}
    property_list: MaybeList = UNSET
    last_will_properties: dict[str, Any] = {}
    last_will_property_list: MaybeList = UNSET


class ConnackShape(_Shape):
    """A CONNACK."""

    file: str | None
    frame: int | None
    time: str | None
    session_present: bool | None
    return_code: int | None
    return_code_name: str | None
    properties: dict[str, Any]
    property_list: MaybeList = UNSET


class CloseShape(_Shape):
    """How a connection ended."""

    by: str
    how: str
    file: str
    frame: int
    time: str


class HandshakeShape(_Shape):
    """A handshake."""

    id: int
    capture: int | UnsetType
    stream: int
    transport: str
    version: str | None
    bridge: bool
    outcome: str
    latency: float | None
    auth_rounds: int
    client: EndpointShape
    server: EndpointShape
    connect: ConnectShape | dict[str, Any] | None
    connack: ConnackShape | None
    close: CloseShape | None
    proxied: MaybeDict = UNSET
    http: MaybeDict = UNSET


class FindingShape(_Shape):
    """A finding."""

    rule: str
    name: str
    severity: str
    obligation: str
    confidence: str
    statements: list[str]
    section: str | None
    version: str | None
    side: str
    handshake: int | None
    capture: int | UnsetType
    stream: int
    client_id: str | None
    client_id_hex: MaybeHex
    file: str
    frame: int
    frames: list[dict[str, Any]]
    time: str
    message: str
    evidence: dict[str, Any]
    wireshark: str
    client: EndpointShape | None
    server: EndpointShape | None
