"""A difference between us and tshark in, the known fault of tshark's that explains it out.

The one list of these faults. A fault is told by the packet's own bytes, never by the name of a
capture; each is seen in the captures of this project (a test holds that), with tshark 4.0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from dissector.crosscheck.observation import PacketObservation
from dissector.mqtt import spec

PACKET = "packet"  # the field of a difference where only one side reads the packet at all
_WILL = ("lastWillProperties", "lastWillTopic", "lastWillMessage")


class DifferingField(NamedTuple):
    """One difference, with what is known of it. `mine` or `other` is None where it read nothing."""

    field: str
    mine: PacketObservation | None
    other: PacketObservation | None
    endless: bool  # the stream has a Remaining Length of five bytes
    split: bool  # and one that is split over segments

    def reported(self, *facts: str) -> bool:
        """Whether we know all of these of our packet."""
        return self.mine is not None and self.mine.facts.issuperset(facts)

    @property
    def connack(self) -> bool:
        """Whether our packet is a CONNACK."""
        return self.mine is not None and self.mine.fields["type"] == spec.CONNACK


class Fault(NamedTuple):
    """A known fault: its name, why we differ, and how it is recognised."""

    name: str
    reason: str
    explains: Callable[[DifferingField], bool]


FAULTS = (
    Fault(
        "five-byte-length",
        "The Remaining Length has five bytes; tshark goes on behind the fourth, and no packet is "
        "there.",
        lambda case: case.field == PACKET and case.mine is None and case.endless,
    ),
    Fault(
        "split-length",
        "The bytes of a Remaining Length are split over segments; tshark then loses its place in "
        "the stream.",
        lambda case: case.field == PACKET and case.split,
    ),
    Fault(
        "proxy-header",
        "The bytes are a PROXY protocol header; told by port, tshark takes them for MQTT.",
        lambda case: (
            case.field == PACKET and case.other is not None and "proxy-header" in case.other.facts
        ),
    ),
    Fault(
        "bridge-level",
        "tshark does not take the bridge bit from level 0x85, and so takes the Property Length "
        "for a client id.",
        lambda case: case.reported("bridge", "5.0") and not case.connack,
    ),
    Fault(
        "bridge-session-present",
        "Level 0x83 is 3.1 with the bridge bit, and 3.1 has no Session Present; tshark reads it "
        "as a later version.",
        lambda case: case.field == "sessionPresent" and case.reported("bridge", "3.1"),
    ),
    Fault(
        "acknowledge-flags",
        "tshark does not show the byte before the code in 3.1, which does not use it.",
        lambda case: (
            case.field == "acknowledgeFlags"
            and case.reported("3.1")
            and case.other is not None
            and case.field not in case.other.fields
        ),
    ),
    Fault(
        "unseen-connect",
        "The CONNECT was not captured; tshark then reads no properties, but the CONNACK is too "
        "long for any version before 5.0.",
        lambda case: case.field == "properties" and case.connack and case.reported("no-connect"),
    ),
    Fault(
        "field-order",
        "The fields stand in the order of other software; we read that order, tshark stops.",
        lambda case: case.field in _WILL and case.reported("field-order"),
    ),
    Fault(
        "property-overrun",
        "A property's value is cut short by the Property Length; tshark takes the rest from "
        "outside of it.",
        lambda case: case.field == "properties" and case.reported("property-overrun"),
    ),
)


def explain(case: DifferingField) -> Fault | None:
    """Give the fault that explains a difference, None where none does."""
    return next((fault for fault in FAULTS if fault.explains(case)), None)
