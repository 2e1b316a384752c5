"""Every format follows the lists of members: the JSON Schema, CSV, and the scapy layers."""

from __future__ import annotations

import json

import pytest

from dissector.layers import MQTTConnack, MQTTConnect
from dissector.report import csv_table, fields, tls_fields
from dissector.report.fields import Field, Kind
from tests.report.schema import PLACE

LISTS = {
    "handshake": fields.HANDSHAKE, "connect": fields.CONNECT, "connack": fields.CONNACK,
    "close": fields.CLOSE, "proxied": fields.PROXIED, "http": fields.HTTP,
    "endpoint": fields.ENDPOINT, "place": fields.FRAME, "finding": fields.FINDING,
    "captureWarning": fields.CAPTURE_WARNING, "notEvaluated": fields.NOT_EVALUATED,
    "capture": fields.CAPTURE, "tlsHandshake": tls_fields.TLS_HANDSHAKE,
    "certificate": tls_fields.CERTIFICATE, "tlsAlert": tls_fields.ALERT,
    "clientHello": (*fields.FRAME, *tls_fields.CLIENT_HELLO),
    "serverHello": (*fields.FRAME, *tls_fields.SERVER_HELLO, Field("retried")),
}  # fmt: skip
# of a CONNECT, CONNACK and their flags; `interface.md` names them
HANDSHAKE_FIELDS = (
    "clientId", "cleanSession", "username", "password", "lastWillTopic", "lastWillQos",
    "lastWillMessage", "lastWillRetain", "keepAlive", "sessionPresent", "returnCode",
)  # fmt: skip


def flat(members: tuple[Field, ...]) -> list[Field]:
    """Returns the members with those of objects that are written inline."""
    return [
        inner
        for field in members
        for inner in (flat(field.members) if field.kind is Kind.INLINE else [field])
    ]


@pytest.mark.parametrize("name", LISTS)
def test_schema(name: str) -> None:
    """The schema has the members of the list, and requires those that are always written."""
    schema = json.loads(PLACE.read_text(encoding="utf-8"))["$defs"][name]
    members = flat(LISTS[name])
    siblings = {field.listed for field in members if field.listed}
    siblings |= {f"{field.name}Hex" for field in members if field.kind in (Kind.ANY, Kind.SECRET)}
    names = {field.name for field in members}
    assert names <= set(schema["properties"]) <= names | siblings
    always = {field.name for field in members if not field.optional and not field.several}
    assert set(schema["required"]) == always - ({"id"} if name == "capture" else set())


def test_summary_in_the_schema() -> None:
    """The schema has all counts of the summary."""
    schema = json.loads(PLACE.read_text(encoding="utf-8"))["$defs"]["summary"]
    assert list(schema["properties"]) == [field.name for field in fields.SUMMARY]


def test_scapy_layers_and_columns_have_the_names() -> None:
    """The fields of a handshake have the same name in JSON, CSV and as fields of the layers."""
    members = [field.name for field in (*fields.CONNECT, *fields.CONNACK)]
    layers = [item.name for layer in (MQTTConnect, MQTTConnack) for item in layer.fields_desc]
    for name in HANDSHAKE_FIELDS:
        assert name in members
        assert name in layers
        assert name in csv_table.COLUMNS
    unknown = {"", "returnCodeName"}  # where the packet is, and what is looked up
    assert set(members) - unknown <= set(layers)
