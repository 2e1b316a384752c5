"""Lists the known faults of tshark that explain differences to the native engine.

This is the only list of these faults. A fault is recognised by the bytes of the packet, never by
the name of a capture; each occurs in the captures of this project with tshark 4.0 (there is a test
for that).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from dissector.crosscheck.observation import PacketObservation
from dissector.mqtt import spec

PACKET = "packet"  # field of a difference where only one side decodes the packet at all
_WILL = ("lastWillProperties", "lastWillTopic", "lastWillMessage")


class DifferingField(NamedTuple):
    """One difference. `native` or `other` is None if that engine did not decode the packet."""

    field: str
    native: PacketObservation | None
    other: PacketObservation | None
    overlong: bool  # the stream has a Remaining Length of five bytes
    split: bool  # the stream has a Remaining Length that is split over segments

    def has_facts(self, *facts: str) -> bool:
        """Whether all of these facts hold for the packet as native decoded it."""
        return self.native is not None and self.native.facts.issuperset(facts)

    @property
    def connack(self) -> bool:
        """Whether the packet is a CONNACK as native decoded it."""
        return self.native is not None and self.native.fields["type"] == spec.CONNACK


class Fault(NamedTuple):
    """A known fault: its name, the reason of the difference, and how it is recognised."""

    name: str
    reason: str
    explains: Callable[[DifferingField], bool]


FAULTS = (
    Fault(
        "five-byte-length",
        "The Remaining Length has five bytes; tshark continues after the fourth, where no packet "
        "begins.",
        lambda case: case.field == PACKET and case.native is None and case.overlong,
    ),
    Fault(
        "split-length",
        "The bytes of a Remaining Length are split over segments; tshark then loses the packet "
        "boundaries in the stream.",
        lambda case: case.field == PACKET and case.split,
    ),
    Fault(
        "proxy-header",
        "The bytes are a PROXY protocol header; tshark decodes them as MQTT because of the port.",
        lambda case: (
            case.field == PACKET and case.other is not None and "proxy-header" in case.other.facts
        ),
    ),
    Fault(
        "bridge-level",
        "tshark does not mask the bridge bit of level 0x85, and so decodes the Property Length as "
        "a client id.",
        lambda case: case.has_facts("bridge", "5.0") and not case.connack,
    ),
    Fault(
        "bridge-session-present",
        "Level 0x83 is 3.1 with the bridge bit, and 3.1 has no Session Present; tshark decodes it "
        "as a later version.",
        lambda case: case.field == "sessionPresent" and case.has_facts("bridge", "3.1"),
    ),
    Fault(
        "acknowledge-flags",
        "tshark does not show the byte before the return code in 3.1, where it is unused.",
        lambda case: (
            case.field == "acknowledgeFlags"
            and case.has_facts("3.1")
            and case.other is not None
            and case.field not in case.other.fields
        ),
    ),
    Fault(
        "unseen-connect",
        "The CONNECT was not captured; tshark then decodes no properties, but the CONNACK is too "
        "long for any version before 5.0.",
        lambda case: case.field == "properties" and case.connack and case.has_facts("no-connect"),
    ),
    Fault(
        "field-order",
        "The fields are in an order that some software uses; native decodes it, tshark stops.",
        lambda case: case.field in _WILL and case.has_facts("field-order"),
    ),
    Fault(
        "property-overrun",
        "A property's value is truncated by the Property Length; tshark reads the rest from "
        "beyond it.",
        lambda case: case.field == "properties" and case.has_facts("property-overrun"),
    ),
)


def explain(case: DifferingField) -> Fault | None:
    """Returns the fault that explains a difference, None if none does."""
    return next((fault for fault in FAULTS if fault.explains(case)), None)
