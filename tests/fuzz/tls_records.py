"""Mutates TLS conversations record by record.

The conversations are those of the rules' examples and of the seeds. Records are parsed, mutated and
reassembled, so that cases reach the handshake messages and the certificates in them.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dissector.rules.registry import audit_rules
from tests.fuzz import control_packet
from tests.fuzz.bytewise import damage, number
from tests.fuzz.records import Message

CHANGE, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
VERSIONS = (b"\3\0", b"\3\1", b"\3\2", b"\3\3", b"\3\4", b"\2\0", b"\x7f\x1c")
OTHERS = (b"GET / HTTP/1.1\r\n\r\n", b"\x80\x2e\1\3\1", b"\x16\3\1", b"\0\0\0\0\0")
_FLAGS = {"FIN": 1, "RST": 4}


class FuzzTlsRecord(NamedTuple):
    """One TLS record of a side; `data` excludes the header. `type` None: bytes that are not TLS."""

    side: int
    type: int | None
    version: bytes
    data: bytes


def conversations(seeds: Sequence[list[Message]]) -> list[list[Message]]:
    """Returns the TLS conversations of the rules' examples and those among the seeds."""
    return [*_examples(), *(seed for seed in seeds if seed[0].data[:2] == b"\x16\3")]


@functools.cache
def _examples() -> list[list[Message]]:
    found = []
    for rule in audit_rules():
        for example in (*rule.bad, *rule.good) if rule.id.startswith("TLS") else ():
            messages = [message for step in example.steps for message in _message(step)]
            if messages and messages[0].data[:1] == b"\x16":
                found.append(messages)
    return found


def _message(step: str) -> Iterator[Message]:
    """Yields the message of an example's step, if it sends something."""
    who, _, what = step.partition(" ")
    if who in ("C", "S") and what:
        side = int(who == "S")
        flags = _FLAGS.get(what, 0)
        yield Message(side, b"" if flags else bytes.fromhex(what), flags=flags)


def changed(rng: random.Random, messages: list[Message]) -> list[Message]:
    """Returns a conversation with some mutated records, distributed to segments at random."""
    end = [message for message in messages if message.flags][-1:]
    records = [record for message in messages for record in _records(message)][:60]
    for _ in range(rng.choice((0, 1, 1, 2, 3, 6))):
        _change(rng, records)
    out: list[Message] = []
    for record in records:
        data = _written(rng, record)
        if out and out[-1].side == record.side and rng.randrange(3):
            out[-1] = out[-1]._replace(data=out[-1].data + data)
        else:
            pause = 1_000_000 if rng.randrange(12) else rng.choice((11, 70)) * 1_000_000_000
            out.append(Message(record.side, data, pause))
    return [*out, *end] or [Message(0, b"\x16\3\1\0\0")]


def _records(message: Message) -> Iterator[FuzzTlsRecord]:
    data, at = message.data, 0
    while at < len(data):
        size = int.from_bytes(data[at + 3 : at + 5], "big")
        if len(data) - at < 5 or data[at] not in (CHANGE, ALERT, HANDSHAKE, DATA):
            yield FuzzTlsRecord(message.side, None, b"", data[at:])
            return
        yield FuzzTlsRecord(
            message.side, data[at], data[at + 1 : at + 3], data[at + 5 : at + 5 + size]
        )
        at += 5 + size


def _written(rng: random.Random, record: FuzzTlsRecord) -> bytes:
    if record.type is None:
        return record.data
    size = len(record.data)
    if rng.randrange(40) == 0:
        size = number(rng, size, 16)
    return bytes((record.type,)) + record.version + (size & 0xFFFF).to_bytes(2, "big") + record.data


def _change(rng: random.Random, records: list[FuzzTlsRecord]) -> None:
    """Applies one mutation to the records."""
    if not records:
        records.append(_new(rng))
        return
    at = rng.randrange(len(records))
    record = records[at]
    way = rng.randrange(13)
    if way == 0:
        kind = rng.choice((CHANGE, ALERT, HANDSHAKE, DATA, rng.randrange(256)))
        records[at] = record._replace(type=kind)
    elif way == 1:
        records[at] = record._replace(version=rng.choice(VERSIONS))
    elif way in (2, 3) and record.data:
        records[at] = record._replace(data=damage(rng, record.data))
    elif way in (4, 5) and len(record.data) > 6:
        records[at] = record._replace(data=_other_length(rng, record.data))
    elif way == 6:
        del records[at]
    elif way == 7:
        records.insert(rng.randrange(len(records) + 1), record)
    elif way == 8:
        records[at] = record._replace(side=1 - record.side)
    elif way == 9 and len(record.data) > 1:
        cut = rng.randrange(1, len(record.data))
        parts = (record.data[:cut], record.data[cut:])
        records[at : at + 1] = [record._replace(data=part) for part in parts]
    elif way == 10 and at + 1 < len(records):
        records[at] = record._replace(data=record.data + records.pop(at + 1).data)
    elif way == 11:
        other = rng.randrange(len(records))
        records[at], records[other] = records[other], record
    else:
        records.insert(rng.randrange(len(records) + 1), _new(rng))


def _other_length(rng: random.Random, data: bytes) -> bytes:
    """Changes a number of one to three bytes; most in a handshake are lengths and types."""
    width = rng.choice((1, 2, 2, 3))
    at = rng.choice((0, 1, 2, 4, rng.randrange(len(data))))
    at = min(at, len(data) - width)
    value = number(rng, int.from_bytes(data[at : at + width], "big"), 8 * width)
    return data[:at] + value.to_bytes(width, "big") + data[at + width :]


def _new(rng: random.Random) -> FuzzTlsRecord:
    side, version = rng.randrange(2), rng.choice(VERSIONS)
    kind = rng.choice((CHANGE, ALERT, HANDSHAKE, DATA, None))
    if kind is None:
        plain = control_packet.connect(rng) if rng.randrange(2) else rng.choice(OTHERS)
        return FuzzTlsRecord(side, None, b"", plain)
    if kind == CHANGE:
        return FuzzTlsRecord(side, kind, version, b"\1")
    if kind == ALERT:
        return FuzzTlsRecord(side, kind, version, bytes((rng.choice((1, 2)), rng.randrange(128))))
    if kind == DATA:
        return FuzzTlsRecord(
            side, kind, version, rng.randbytes(rng.choice((0, 1, 17, 30, 400, 17_000)))
        )
    body = rng.randbytes(rng.choice((0, 2, 40)))
    head = bytes((rng.randrange(26),)) + len(body).to_bytes(3, "big")
    return FuzzTlsRecord(side, kind, version, head + body)
