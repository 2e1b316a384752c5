"""Live captures of paho clients: every field of CONNECT and CONNACK is reported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from dissector.text import fingerprint
from tests.conftest import ROOT
from tests.live.harness import (
    LiveProcess,
    Place,
    following,
    free_port,
    in_time,
    mosquitto,
    port_options,
)
from tests.report.schema import check_line

KEY = "a key of the test"
SECRET, WRONG = "S3cret Word", "guessed"
VERSIONS = ("3.1", "3.1.1", "5.0")
REFUSED = {
    "3.1": (5, "not authorized"),
    "3.1.1": (5, "not authorized"),
    "5.0": (135, "Not authorized"),
}
ACCEPTED = {"3.1": (0, "accepted"), "3.1.1": (0, "accepted"), "5.0": (0, "Success")}
DEFAULTS: dict[str, Any] = {  # fields of the CONNECT of a client with only a client id
    "cleanSession": True,
    "keepAlive": 60,
    "username": None,
    "password": None,
    "lastWillTopic": None,
    "lastWillQos": 0,
    "lastWillMessage": None,
    "lastWillRetain": False,
    "properties": {},
    "lastWillProperties": {},
}


class ClientCase(NamedTuple):
    """Settings of a client, and what is to be reported for it."""

    settings: dict[str, Any]
    fields: dict[str, Any]
    accepted: bool = True
    session_present: bool = False

    @property
    def version(self) -> str:
        return str(self.settings["version"])


def test_every_field_of_paho_clients_is_reported(place: Place, tmp_path: Path) -> None:
    """Wills, credentials, keep alive, kept sessions, refusals, and properties are reported."""
    live, (cases, answers) = in_time(lambda: _follow_clients(place, tmp_path))
    records = live.of("handshake")
    assert len(records) == len(cases) == len(answers)
    for each, answer, record in zip(cases, answers, records, strict=True):
        connect, connack = record["connect"], record["connack"]
        assert (record["version"], record["server"]["ip"]) == (each.version, each.settings["host"])
        wanted = {**DEFAULTS, "clientId": each.settings["clientId"], **each.fields}
        assert {name: connect.get(name) for name in wanted} == wanted
        assert connect["protocolName"] == ("MQIsdp" if each.version == "3.1" else "MQTT")
        assert record["outcome"] == ("accepted" if each.accepted else "refused")
        code = (ACCEPTED if each.accepted else REFUSED)[each.version]
        assert (connack["returnCode"], connack["returnCodeName"]) == code
        # and the same as the client decoded
        assert answer["refused"] is not each.accepted
        assert answer["sessionPresent"] is each.session_present
        assert connack["sessionPresent"] is (
            None if each.version == "3.1" else each.session_present
        )
        assert connack["properties"] == {
            name[0].lower() + name[1:]: value for name, value in answer["properties"].items()
        }
    for line in live.records:
        check_line(line)
    assert not live.of("finding")  # a kept session is correct, and so is a refusal
    everything = "".join((*live.lines, *live.notes))
    assert SECRET not in everything
    assert WRONG not in everything
    summary = live.of("summary")[0]
    assert (summary["accepted"], summary["refused"]) == (
        sum(each.accepted for each in cases),
        sum(not each.accepted for each in cases),
    )
    assert summary["capture"]["dropped"] == 0


def _follow_clients(
    place: Place, directory: Path
) -> tuple[LiveProcess, tuple[list[ClientCase], list[dict[str, Any]]]]:
    """Runs paho clients; returns the capture, the cases, and the servers' answers."""
    port = free_port()
    cases = [
        each
        for version in VERSIONS
        for host in (place.v4, place.v6)
        for each in _clients(version, host, port)
    ]
    with (
        mosquitto(place, port, directory, {"user": SECRET}),
        following(
            "-i", place.interface, *port_options(port), "--format", "jsonl",
            place=place, environment={"DISSECTOR_FINGERPRINT_KEY": KEY},
        ) as live,
    ):  # fmt: skip
        done = subprocess.run(
            [*place.client, sys.executable, str(ROOT / "tests" / "live" / "paho_clients.py")],
            input="".join(json.dumps(each.settings) + "\n" for each in cases).encode(),
            capture_output=True, check=True, timeout=60,
        )  # fmt: skip
        live.wait_for("handshake", len(cases))
        assert live.stop() == 0
    return live, (cases, [json.loads(line) for line in done.stdout.splitlines()])


def _clients(version: str, host: str, port: int) -> list[ClientCase]:
    """Returns the clients of one version for one address of the server."""
    name = f"p{version.replace('.', '')}{'v6' if ':' in host else 'v4'}"
    five = version == "5.0"
    binary = version != "3.1"  # 3.1 has text as will message

    def settings(kind: str, **more: Any) -> dict[str, Any]:
        return {"clientId": name + kind, "version": version, "host": host, "port": port, **more}

    will: dict[str, Any] = {
        "topic": "gone/näher",
        "message": "ff00" if binary else b"bye".hex(),
        "qos": 2,
        "retain": True,
    }
    will_fields: dict[str, Any] = {
        "lastWillTopic": "gone/näher",
        "lastWillQos": 2,
        "lastWillMessage": "\\xff\0" if binary else "bye",
        "lastWillRetain": True,
        **({"lastWillMessageHex": "ff00"} if binary else {}),
    }
    clients = [
        ClientCase(settings("plain"), {}),
        ClientCase(settings("will", will=will, keepAlive=17), {**will_fields, "keepAlive": 17}),
        ClientCase(
            settings("user", username="user", password=SECRET),
            {"username": "user", "password": _hidden(SECRET, "lower,upper,digit,symbol")},
        ),
        ClientCase(
            settings("wrong", username="user", password=WRONG, keepAlive=0),
            {"username": "user", "password": _hidden(WRONG, "lower"), "keepAlive": 0},
            accepted=False,
        ),
    ]
    lasting = {"properties": {"SessionExpiryInterval": 60}} if five else {}
    kept = settings("kept", clean=False, **lasting)
    fields: dict[str, Any] = {"cleanSession": False}
    if five:
        fields["properties"] = {"sessionExpiryInterval": 60}
    clients += [
        ClientCase(kept, fields),
        ClientCase(kept, fields, session_present=version != "3.1"),
        ClientCase(settings("kept"), {}),  # deletes the session
        ClientCase(kept, fields),
    ]
    if five:
        clients.append(_with_properties(settings, will, will_fields))
    return clients


def _with_properties(
    settings: Any, will: dict[str, Any], will_fields: dict[str, Any]
) -> ClientCase:
    """Returns a client that uses every property of a CONNECT without authentication."""
    given: dict[str, Any] = {
        "SessionExpiryInterval": 0,
        "ReceiveMaximum": 20,
        "MaximumPacketSize": 65_536,
        "TopicAliasMaximum": 3,
        "RequestResponseInformation": 1,
        "RequestProblemInformation": 0,
        "UserProperty": [["room", "a"], ["room", "b"]],
    }
    of_will: dict[str, Any] = {
        "WillDelayInterval": 5,
        "PayloadFormatIndicator": 0,
        "MessageExpiryInterval": 3600,
        "ContentType": "application/cbor",
        "ResponseTopic": "answers",
        "CorrelationData": "00ff",
        "UserProperty": [["why", "gone"]],
    }

    def fields(values: dict[str, Any]) -> dict[str, Any]:
        return {name[0].lower() + name[1:]: value for name, value in values.items()}

    return ClientCase(
        settings("props", properties=given, will={**will, "properties": of_will}),
        {
            **will_fields,
            "properties": fields(given),
            "lastWillProperties": {
                **fields(of_will), "correlationData": "\0\\xff", "correlationDataHex": "00ff",
            },
        },
    )  # fmt: skip


def _hidden(secret: str, classes: str) -> dict[str, Any]:
    """Returns what is reported of a password."""
    return {
        "redacted": True,
        "length": len(secret),
        "classes": classes,
        "fingerprint": fingerprint(secret.encode(), KEY.encode()),
    }
