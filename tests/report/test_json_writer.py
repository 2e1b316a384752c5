"""The writer of JSON, compared with a plain walk over the lists of members and msgspec."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissector.analysis import run
from dissector.capture.rings import groups
from dissector.connections.handshake import Close, Handshake
from dissector.model import Endpoint, FrameRef, Outcome, Side, Version
from dissector.mqtt import spec
from dissector.mqtt.packets import Property
from dissector.options import Options
from dissector.report import fields
from dissector.report.clock import rfc3339
from dissector.report.fields import Field, Kind
from dissector.report.json_values import json_bytes, set_pair, set_value
from dissector.report.json_writer import JsonWriter
from dissector.report.tls_fields import TLS_HANDSHAKE
from dissector.text import character_classes, decode, fingerprint, lossless
from tests.conftest import ROOT
from tests.report.builders import NullSink, connect, finding, handshake
from tests.strategies import connacks, connects

CAPTURES = sorted((ROOT / "samples").rglob("*.pcap*"))
KEY = b"k"


class Walk:
    """Builds objects of records as dicts, in the simplest way."""

    def __init__(self, digits: int | None, *, show_secrets: bool, several: bool) -> None:
        self.digits = digits
        self.show = show_secrets
        self.several = several

    def object(self, members: tuple[Field, ...], record: Any) -> dict[str, Any]:
        """Returns the members of a record; those of None are None."""
        made: dict[str, Any] = {}
        for field in members:
            if not field.several or self.several:
                self.member(made, field, record)
        return made

    def member(self, made: dict[str, Any], field: Field, record: Any) -> None:
        source = field.masked if field.masked and not self.show else field.source
        get = fields.getter(source or fields.snake_case(field.name))
        value = None if record is None else get(record)
        if field.kind is Kind.INLINE:
            made.update(self.object(field.members, value))
        elif value is None and field.otherwise is not None:
            self.member(made, field.otherwise, record)
        elif value is None:
            if not field.optional:
                made[field.name] = None
        elif field.kind is Kind.OBJECT:
            made[field.name] = self.object(field.members, value)
        elif field.kind is Kind.OBJECTS:
            made[field.name] = [
                None if item is None else self.object(field.members, item) for item in value
            ]
        elif field.chosen is not None:
            made[field.name] = self.object(field.chosen(value), value)
        elif field.kind is Kind.TIME:
            made[field.name] = rfc3339(value, self.digits)
        elif field.kind is Kind.TEXT:
            made[field.name] = lossless(value)
        elif field.kind is Kind.SECRET:
            self.secret(made, field.name, value)
        elif field.kind is Kind.PROPERTIES:
            self.properties(made, field, value)
        else:
            set_value(made, field.name, value)

    def secret(self, made: dict[str, Any], name: str, value: bytes) -> None:
        if self.show:
            set_value(made, name, value)
        else:
            made[name] = {
                "redacted": True,
                "length": len(value),
                "classes": character_classes(value),
                "fingerprint": fingerprint(value, KEY),
            }

    def property(self, made: dict[str, Any], name: str, item: Property) -> None:
        if spec.is_secret_property(item.id) and isinstance(item.value, bytes):
            self.secret(made, name, item.value)
        else:
            set_value(made, name, item.value)

    def properties(self, made: dict[str, Any], field: Field, section: tuple[Property, ...]) -> None:
        plain: dict[str, Any] = {}
        for item in section:
            if item.id == spec.USER_PROPERTY and isinstance(item.value, tuple | list):
                set_pair(plain, item.name, item.value)
            elif item.id in spec.PROPERTIES and item.name not in plain:
                self.property(plain, item.name, item)
        made[field.name] = plain
        ids = [item.id for item in section if item.id != spec.USER_PROPERTY]
        if len(set(ids)) < len(ids) or not set(ids) <= set(spec.PROPERTIES):
            made[field.listed] = listed = []
            for item in section:
                listed.append({"id": item.id, "name": item.name})
                self.property(listed[-1], "value", item)
                listed[-1]["offset"] = item.offset


class Both(NullSink):
    """A sink that writes every record, and compares it with the walk."""

    def __init__(
        self, digits: int | None = None, *, show_secrets: bool = False, several: bool = False
    ) -> None:
        self.walk = Walk(digits, show_secrets=show_secrets, several=several)
        self.writer = JsonWriter(show_secrets=show_secrets, key=KEY, several=several)
        self.writer.digits = -1 if digits is None else digits

    def precision(self, digits: int) -> None:
        self.walk.digits = self.writer.digits = digits

    def written(self, members: tuple[Field, ...], record: Any) -> None:
        encoded = self.writer.encoded(self.writer.plan(members), record)
        assert encoded == json_bytes(self.walk.object(members, record))
        msgspec.json.decode(encoded)

    def handshake(self, record: Any) -> None:
        self.written(fields.HANDSHAKE, record)

    def finding(self, record: Any) -> None:
        self.written(fields.FINDING, record)

    def warning(self, record: Any) -> None:
        self.written(fields.CAPTURE_WARNING, record)

    def tls_handshake(self, record: Any) -> None:
        self.written(TLS_HANDSHAKE, record)


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_records_of_samples(path: Path) -> None:
    """Every record of every sample is written as its list of members says."""
    both = Both(several=True)
    outcome = run(groups([str(path)]), Options(audit=True), both)
    both.written(fields.CAPTURE, outcome.capture)
    both.written(fields.SUMMARY, outcome.summary)
    for record in outcome.not_evaluated:
        both.written(fields.NOT_EVALUATED, record)
    run(groups([str(path)]), Options(), Both(show_secrets=True))


texts = st.text(max_size=8) | st.sampled_from(
    ['a "b"', "a\\b", "a\udc80", "plain", "", "\x7f", "\0\n\x1b", '"' * 20, "é", "\u202e"]
)
times = st.integers(-(2**40), 2**62) | st.integers(0, 2**33).map(lambda second: second * 10**9)
frames = st.builds(FrameRef, st.sampled_from(["a.pcap", 'odd "name".pcap', "é.pcap", "\udcff"]),
                   st.integers(1, 2**40), times)  # fmt: skip
ends = st.builds(Endpoint, st.sampled_from(["10.0.0.1", "::1", 'not "one"']),
                 st.integers(0, 65535), st.sampled_from([None, "02:00:00:00:00:01"]))  # fmt: skip


@given(st.data(), st.sampled_from([6, 9, None]), st.booleans(), st.booleans())
def test_any_handshake(
    data: st.DataObject, digits: int | None, show_secrets: bool, several: bool
) -> None:
    """Any handshake is written as its list of members says."""
    one, two = data.draw(st.none() | connects()), data.draw(st.none() | connacks())
    for packet in (one, two):
        if packet is not None:
            packet.frame = data.draw(st.none() | frames)
    record = Handshake(
        id=data.draw(st.integers(0, 2**40)),
        stream=data.draw(st.integers(0, 2**40)),
        transport="tcp",
        version=data.draw(st.none() | st.sampled_from(Version)),
        bridge=data.draw(st.booleans()),
        outcome=data.draw(st.sampled_from(Outcome)),
        client=data.draw(ends),
        server=data.draw(ends),
        connect=one,
        connack=two,
        latency=data.draw(st.none() | st.floats()),
        close=data.draw(
            st.none() | st.builds(Close, st.sampled_from(Side), st.just("fin"), frames)
        ),
    )
    Both(digits, show_secrets=show_secrets, several=several).handshake(record)


numbers = st.integers(-(2**63), 2**64 - 1) | st.floats() | st.booleans()
scalars = st.none() | numbers | texts | st.binary(max_size=4) | st.sampled_from(Side)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=2).map(tuple)
        | st.dictionaries(texts | st.integers(0, 9), inner, max_size=3)
    ),
    max_leaves=6,
) | st.frozensets(texts, max_size=3)


@given(st.data(), st.sampled_from([6, 9, None]))
def test_any_finding(data: st.DataObject, digits: int | None) -> None:
    """Any finding is written as its list of members says, whatever its evidence is."""
    record = finding(
        handshake=data.draw(st.none() | st.integers(0, 2**40)),
        stream=data.draw(st.integers(0, 2**40)),
        section=data.draw(st.none() | texts),
        version=data.draw(st.sampled_from([None, finding().version])),
        client_id=data.draw(st.none() | texts),
        frames=tuple(data.draw(st.lists(frames, max_size=4))),
        time_ns=data.draw(times),
        message=data.draw(texts),
        evidence={"seen": data.draw(values), "more": data.draw(values)},
        client=data.draw(st.none() | ends),
        server=data.draw(st.none() | ends),
    )
    Both(digits).finding(record)


@pytest.mark.parametrize("number", [0, 9, 10, 10**18, 2**63 - 1, -(2**63), -1, 2**64, -(2**70)])
def test_integers(number: int) -> None:
    """Integers of any size are exact."""
    assert JsonWriter().encoded_value(number) == str(number).encode()


@pytest.mark.parametrize("size", [0, 1, 65_533, 65_534, 65_535, 65_536, 200_000, 3_000_000])
@pytest.mark.parametrize("letter", ["a", '"', "\n", "é"])
def test_text_of_any_length(size: int, letter: str) -> None:
    """The buffer grows as needed, and what it held before stays there."""
    writer = JsonWriter(key=KEY)
    plan = writer.plan(fields.HANDSHAKE)
    record = handshake(connect=connect(client_id=letter * size, username=letter * 3))
    alone = writer.encoded(plan, record)
    writer.write(plan, handshake())
    held = writer.buffer.used
    assert writer.encoded(plan, record) == alone
    assert writer.buffer.used == held
    found = msgspec.json.decode(alone)["connect"]
    assert (found["clientId"], found["username"]) == (letter * size, letter * 3)
    assert msgspec.json.decode(writer.buffer.take()) == msgspec.json.decode(
        writer.encoded(plan, handshake())
    )


def test_text_that_is_not_utf8_in_keys() -> None:
    """A key of a rule's evidence that is not UTF-8 is escaped, and no key is written twice."""
    value = {decode(b"a\xff"): 1, "a\\xff": 2, 3: {decode(b"\xfe"): 4}}
    assert JsonWriter().encoded_value(value) == b'{"a\\\\xff":2,"3":{"\\\\xfe":4}}'
