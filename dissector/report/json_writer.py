r"""Writes records as JSON by their lists of members (`fields.py`), straight into a buffer.

A list is prepared once (`JsonWriter.plan`): what stands before each value is joined to one piece of
bytes, and attributes are read by the descriptors of the record's class. Text is lossless: a value
whose bytes are UTF-8 is that text; any other has each bad byte as ``\xNN`` and all its bytes in a
sibling `<name>Hex`. Secrets (password, Authentication Data) are redacted unless requested. No
number is infinite or NaN. `json_values.py` says what becomes of values of unusual types.
"""

from __future__ import annotations

import enum
import os
from typing import Any

import cython
import msgspec

from dissector.model import Endpoint, FrameRef
from dissector.mqtt import spec
from dissector.mqtt.properties import Property
from dissector.report.clock import rfc3339
from dissector.report.fields import ENDPOINT, FRAME, Field, FieldKind, getter, of_struct
from dissector.report.json_buffer import JsonBuffer
from dissector.report.json_values import json_bytes, set_pair, set_value
from dissector.text import decode, encode, is_utf8, lossless

if cython.compiled:
    from cython.cimports.cpython.long import (  # type: ignore[import-not-found]
        PyLong_AsLongLongAndOverflow,
    )
    from cython.cimports.dissector.report.json_buffer import json_member  # type: ignore[import-not-found]
    from cython.cimports.dissector.text import character_classes, fingerprint  # type: ignore[import-not-found]
else:
    from dissector.text import character_classes, fingerprint

_SECRETS_KEPT = 10_000
_SECRET_SIZE = 256  # bytes; of longer secrets the fingerprint is computed each time
_SECONDS_KEPT = 4096
_PROPERTIES_KEPT = 1000  # property sections; servers send the same one to all clients
_PROPERTIES_SIZE = 4096  # bytes of JSON
_SHARED_KEPT = 1000  # objects of a shared member, and tuples, that are part of many records
# C integers if compiled
_ANY, _TEXT, _TIME, _SECRET = FieldKind.ANY, FieldKind.TEXT, FieldKind.TIME, FieldKind.SECRET
_PROPERTIES, _OBJECT, _OBJECTS = FieldKind.PROPERTIES, FieldKind.OBJECT, FieldKind.OBJECTS
_INLINE = FieldKind.INLINE
# plans of endpoints and frames, whose attributes are read directly
_ENDPOINT_PLAN, _FRAME_PLAN = 1, 2
_ENUM_TYPE, _RAW, _STRUCT = type(enum.Enum), msgspec.Raw, msgspec.Struct


class FieldStep:
    """One member, ready to be written.

    `key` stands before the value, `absent` in place of both if the value is None. The value is the
    result of `function`, else what `descriptor` holds, else the attribute `attribute`. `written`
    has what was written of the objects of a shared member, None of other members.
    """

    def __init__(
        self, field: Field, before: bytes, members: Plan | None, *, show_secrets: bool
    ) -> None:
        source = field.masked if field.masked and not show_secrets else field.source
        attribute = field.attribute if source == field.source else ""
        self.field = field
        self.kind = int(field.kind)
        self.chosen: Any = field.chosen
        self.key = before
        self.absent = b""
        self.attribute = attribute
        self.function: Any = None if attribute else getter(source)
        self.descriptor: Any = None
        self.members: Any = members  # a plan, if it has members
        self.otherwise: FieldStep | None = None
        self.written: dict[Any, bytes] | None = {} if field.shared else None
        if field.kind is FieldKind.INLINE and members is not None:
            self.key = b""
            self.absent = b"".join(step.absent for step in members.steps)
        elif not field.optional:
            self.absent = before + b"null"
        if field.kind is FieldKind.OBJECT:
            self.key = b""  # the first member has it


class Plan:
    """The steps of a record, bound to the class of the records that it wrote last.

    `layout` is `_ENDPOINT_PLAN` for the members of an endpoint, `_FRAME_PLAN` for those of a frame
    or the first two of them, else 0.
    """

    def __init__(self, fields: tuple[Field, ...], steps: tuple[FieldStep, ...]) -> None:
        self.steps = steps
        self.layout = 0
        if fields == ENDPOINT:
            self.layout = _ENDPOINT_PLAN
        elif fields and fields == FRAME[: len(fields)]:
            self.layout = _FRAME_PLAN
        self.bound: type[Any] | None = None

    def bind(self, kind: type[Any]) -> None:
        """Looks up the descriptors of the attributes in a class of records."""
        self.bound = kind
        for step in self.steps:
            found = None if step.function is not None else getattr(kind, step.attribute, None)
            step.descriptor = found if hasattr(type(found), "__set__") else None


class JsonWriter:
    """Writes records into `buffer`. `key` is the key of fingerprints, random for each run if None.

    `digits` is the precision of times: 6, 9, or -1 while it is unknown; a time then has as many as
    it needs. `several`: there is more than one capture, and records have the id of theirs.
    """

    def __init__(
        self, *, show_secrets: bool = False, key: bytes | None = None, several: bool = False
    ) -> None:
        self.buffer = JsonBuffer()
        self.digits = -1
        self._show_secrets = show_secrets
        self._key = os.urandom(16) if key is None else key
        self._several = several
        self._second = -(1 << 62)  # the last second formatted; initially an impossible one
        self._second_text = b""
        self._seconds: dict[int, bytes] = {}
        self._secrets: dict[bytes, bytes] = {}
        self._sections: dict[tuple[Property, ...], tuple[bytes, bytes | None]] = {}
        self._tuples: dict[int, tuple[Any, bytes]] = {}  # shared ones, by identity
        self._plans: dict[Any, Plan] = {}  # of structs by class, of other lists by identity

    def plan(self, fields: tuple[Field, ...], start: bytes = b"{") -> Plan:
        """Prepares a list of members; `start` stands before the first."""
        steps: list[FieldStep] = []
        before = start
        for field in fields:
            if field.several and not self._several:
                continue
            steps.append(self._step(field, before))
            before = b","
        return Plan(fields, tuple(steps))

    def _step(self, field: Field, before: bytes) -> FieldStep:
        key = before
        members = None
        if field.kind is FieldKind.INLINE:
            members = self.plan(field.members, before)
        else:
            key += b'"%b":' % field.name.encode()
            if field.kind is FieldKind.OBJECT:
                members = self.plan(field.members, key + b"{")
            elif field.members:
                members = self.plan(field.members)
        step = FieldStep(field, key, members, show_secrets=self._show_secrets)
        if field.otherwise is not None:
            step.otherwise = self._step(field.otherwise, before)
        return step

    def share(self, values: tuple[Any, ...]) -> None:
        """Prepares a tuple that is part of many records, up to `_SHARED_KEPT`: the same object."""
        if id(values) not in self._tuples and len(self._tuples) < _SHARED_KEPT:
            self._tuples[id(values)] = (values, self.encoded_value(values))

    def write(self, plan: Plan, record: Any) -> None:
        """Writes a record as an object."""
        self._members(plan, record)
        self.buffer.put(b"}")

    def encoded(self, plan: Plan, record: Any) -> bytes:
        """Returns a record as an object; what the buffer holds stays there."""
        start = self.buffer.used
        self._members(plan, record)
        self.buffer.put(b"}")
        return self.buffer.take_from(start)

    def encoded_value(self, value: Any) -> bytes:
        """Returns a value of any type; what the buffer holds stays there."""
        start = self.buffer.used
        if not self._plain(value):
            made: dict[str, Any] = {}
            set_value(made, "value", value)
            self._converted(made["value"])
        return self.buffer.take_from(start)

    def _members(self, plan: Plan, record: Any) -> None:
        buffer = self.buffer
        if plan.layout:
            if type(record) is FrameRef:
                self._frame(plan, record)
                return
            if type(record) is Endpoint:
                self._endpoint(plan, record)
                return
        if type(record) is not plan.bound:
            plan.bind(type(record))
        for step in plan.steps:
            if step.function is not None:
                value = step.function(record)
            elif cython.compiled and step.descriptor is not None:
                value = json_member(step.descriptor, record)
            else:
                value = getattr(record, step.attribute)
            if value is None:
                self._absent(step, record)
                continue
            kind = type(value)
            if step.kind == _ANY:
                buffer.put(step.key)
                if kind is str:
                    if not buffer.quoted(value):
                        self._text(step, value)
                elif kind is int:
                    self._integer(value)
                else:
                    self._any(step, value)
            elif step.kind == _OBJECT:
                self._members(step.members, value)
                buffer.put(b"}")
            elif step.kind == _INLINE:
                if step.written is None:
                    self._members(step.members, value)
                else:
                    self._shared(step, value)
            elif step.kind == _TIME:
                buffer.put(step.key)
                self._time(value)
            else:
                self._rarer(step, value)

    def _endpoint(self, plan: Plan, record: Endpoint) -> None:
        """Writes the members of `fields.ENDPOINT`."""
        buffer = self.buffer
        ip, port, mac = plan.steps
        buffer.put(ip.key)
        self._string(record.ip)
        buffer.put(port.key)
        buffer.number(record.port)
        if record.mac is None:
            buffer.put(mac.absent)
        else:
            buffer.put(mac.key)
            self._string(record.mac)

    def _frame(self, plan: Plan, record: FrameRef) -> None:
        """Writes the members of `fields.FRAME`, or the first of them."""
        buffer, steps = self.buffer, plan.steps
        file = steps[0]
        buffer.put(file.key)
        self._string(record.file)
        if len(steps) > 1:
            number = steps[1]
            buffer.put(number.key)
            buffer.number(record.number)
        if len(steps) > 2:
            time = steps[2]
            buffer.put(time.key)
            self._time(record.time_ns)

    def _string(self, text: str) -> None:
        """Writes a text of ours, each byte that is not UTF-8 escaped."""
        if not self.buffer.quoted(text):
            self.buffer.put(json_bytes(lossless(text)))

    def _shared(self, step: FieldStep, value: Any) -> None:
        """Writes the members of an object that many records share."""
        buffer, written = self.buffer, step.written
        assert written is not None
        known = written.get(value)
        if known is not None:
            buffer.put(known)
            return
        start = buffer.used
        self._members(step.members, value)
        if len(written) >= _SHARED_KEPT:
            written.clear()
        written[value] = buffer.copy_from(start)

    def _rarer(self, step: FieldStep, value: Any) -> None:
        buffer = self.buffer
        if step.kind == _PROPERTIES:
            self._properties(step, value)
        elif step.kind == _TEXT:
            buffer.put(step.key)
            self._string(value)
        elif step.kind == _OBJECTS:
            self._objects(step, value)
        elif step.kind == _SECRET:
            buffer.put(step.key)
            if self._show_secrets:
                self._any(step, value)
            else:
                buffer.put(self._redacted(value))
        else:
            self._chosen(step, value)

    def _absent(self, step: FieldStep, record: Any) -> None:
        """Writes the member of a value that is None."""
        other = step.otherwise
        if other is None:
            self.buffer.put(step.absent)
            return
        value = getattr(record, other.attribute)
        if value is None:
            self.buffer.put(other.absent)
        else:
            self._chosen(other, value)

    def _chosen(self, step: FieldStep, value: Any) -> None:
        """Writes an object whose members depend on it; their lists are kept by their function."""
        fields: tuple[Field, ...] = step.chosen(value)
        plan = self._plans.get(id(fields))
        if plan is None:
            plan = self._plans[id(fields)] = self.plan(fields)
        self.buffer.put(step.key)
        self._members(plan, value)
        self.buffer.put(b"}")

    def _objects(self, step: FieldStep, values: Any) -> None:
        buffer = self.buffer
        buffer.put(step.key)
        before = b"["
        for value in values:
            buffer.put(before)
            before = b","
            if value is None:
                buffer.put(b"null")
            else:
                self._members(step.members, value)
                buffer.put(b"}")
        buffer.put(b"[]" if before == b"[" else b"]")

    def _integer(self, value: int) -> None:
        if cython.compiled:
            overflow = 0
            number = PyLong_AsLongLongAndOverflow(value, cython.address(overflow))
            if overflow == 0:
                self.buffer.number(number)
                return
        self.buffer.put(b"%d" % value)

    def _time(self, time_ns: int) -> None:
        second = time_ns // 1_000_000_000
        if second != self._second:
            self._second_text = self._second_of(second)
            self._second = second
        rest = time_ns - second * 1_000_000_000
        buffer = self.buffer
        buffer.put(self._second_text)
        if self.digits == 6 or (self.digits < 0 and rest % 1000 == 0):
            buffer.padded(rest // 1000, 6)
        else:
            buffer.padded(rest, 9)
        buffer.put(b'Z"')

    def _second_of(self, second: int) -> bytes:
        text = self._seconds.get(second)
        if text is None:
            text = b'"' + rfc3339(second * 1_000_000_000, 6)[:-7].encode()
            if len(self._seconds) >= _SECONDS_KEPT:
                self._seconds.clear()
            self._seconds[second] = text
        return text

    def _text(self, step: FieldStep, value: str) -> None:
        """Writes a text that is not ASCII, and a sibling with its bytes if they are not UTF-8."""
        buffer = self.buffer
        buffer.put(json_bytes(lossless(value)))
        if not is_utf8(value):
            buffer.put(b',"%bHex":"%b"' % (step.field.name.encode(), encode(value).hex().encode()))

    def _any(self, step: FieldStep, value: Any) -> None:
        """Writes a value after its key, and a sibling with its bytes if they are not UTF-8."""
        if self._plain(value):
            return
        made: dict[str, Any] = {}
        set_value(made, step.field.name, value)
        self._converted(made.pop(step.field.name))
        for name, item in made.items():
            self.buffer.put(b',"%b":' % name.encode())
            self._converted(item)

    def _converted(self, value: Any) -> None:
        """Writes a value that `set_value` made."""
        if not self._plain(value):
            self.buffer.put(json_bytes(value))

    def _plain(self, value: Any) -> bool:
        """Writes a value; returns False, and writes nothing, if it has to be converted first."""
        buffer = self.buffer
        kind = type(value)
        if value is None:
            buffer.put(b"null")
        elif kind is bool:
            buffer.put(b"true" if value else b"false")
        elif kind is str:
            if not buffer.quoted(value):
                if not is_utf8(value):
                    return False
                buffer.put(json_bytes(value))
        elif kind is int:
            self._integer(value)
        elif type(kind) is _ENUM_TYPE:
            return self._plain(value._value_)
        elif kind is float:
            number = value
            if number - number == 0.0:  # neither infinite nor NaN
                buffer.real(number)
            else:
                buffer.put(b"null")
        elif kind is list or kind is tuple:
            return self._list(value)
        elif kind is dict:
            return self._object(value)
        elif kind is bytes:
            return self._plain(decode(value))
        elif kind is _RAW:
            buffer.put(bytes(value))
        elif kind in self._plans or isinstance(value, _STRUCT):  # the look-up is faster
            self._struct(value)
        else:
            return False
        return True

    def _list(self, values: Any) -> bool:
        buffer = self.buffer
        if self._tuples:
            shared = self._tuples.get(id(values))
            if shared is not None:
                buffer.put(shared[1])
                return True
        start = buffer.used
        before = b"["
        for value in values:
            buffer.put(before)
            before = b","
            if not self._plain(value):
                buffer.drop(start)
                return False
        buffer.put(b"]" if values else b"[]")
        return True

    def _object(self, values: dict[Any, Any]) -> bool:
        buffer = self.buffer
        start = buffer.used
        before = b"{"
        for key, value in values.items():
            buffer.put(before)
            before = b","
            if type(key) is int:
                buffer.put(b'"%d"' % key)
                done = True
            else:
                done = type(key) is str and self._plain(key)
            buffer.put(b":")
            if not done or not self._plain(value):
                buffer.drop(start)
                return False
        buffer.put(b"}" if values else b"{}")
        return True

    def _struct(self, value: msgspec.Struct) -> None:
        plan = self._plans.get(type(value))
        if plan is None:
            plan = self._plans[type(value)] = self.plan(of_struct(type(value)))
        self._members(plan, value)
        self.buffer.put(b"}")

    def _redacted(self, secret: bytes) -> bytes:
        """Returns the object that stands for a secret."""
        text = self._secrets.get(secret)
        if text is None:
            text = (
                f'{{"redacted":true,"length":{len(secret)},"classes":"{character_classes(secret)}"'
                f',"fingerprint":"{fingerprint(secret, self._key)}"}}'
            ).encode()
            if len(self._secrets) < _SECRETS_KEPT and len(secret) <= _SECRET_SIZE:
                self._secrets[secret] = text
        return text

    def _properties(self, step: FieldStep, properties: tuple[Property, ...]) -> None:
        buffer = self.buffer
        buffer.put(step.key)
        if not properties:
            buffer.put(b"{}")
            return
        found = self._sections.get(properties)
        if found is None:
            found = self._section(properties)
            if len(self._sections) < _PROPERTIES_KEPT and len(found[0]) <= _PROPERTIES_SIZE:
                self._sections[properties] = found
        plain, listed = found
        buffer.put(plain)
        if listed is not None:
            buffer.put(b',"%b":' % step.field.listed.encode())
            buffer.put(listed)

    def _section(self, properties: tuple[Property, ...]) -> tuple[bytes, bytes | None]:
        """Returns a plain object, and also a list if the object would lose something."""
        plain: dict[str, Any] = {}
        lost = False
        for item in properties:
            if item.id == spec.USER_PROPERTY and isinstance(item.value, tuple | list):
                set_pair(plain, item.name, item.value)
            elif item.id not in spec.PROPERTIES or item.name in plain:
                lost = True
            else:
                self._set_property(plain, item.name, item)
        listed: list[dict[str, Any]] = []
        for item in properties if lost else ():
            listed.append({"id": item.id, "name": item.name})
            self._set_property(listed[-1], "value", item)
            listed[-1]["offset"] = item.offset
        return self.encoded_value(plain), self.encoded_value(listed) if lost else None

    def _set_property(self, record: dict[str, Any], name: str, item: Property) -> None:
        secret = spec.is_secret_property(item.id) and isinstance(item.value, bytes)
        if secret and not self._show_secrets:
            record[name] = msgspec.Raw(self._redacted(item.value))
        else:
            set_value(record, name, item.value)
