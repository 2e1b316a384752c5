"""Everything that the file of a rule needs, in one import: ``from ….authoring import *``.

Classes of rules, their verdicts and examples (`base`, `examples`), the facts that they judge
(`Connection`, packets, defects), the words of a finding (`model`), and the questions about the
capture that most rules about order and time ask (`gating`). Audit rules import `audit_rule`, which
adds their own. A rule file is the only place that imports all names: there they are the vocabulary.
"""

from __future__ import annotations

from dissector.connections.connection import Connection, ConnectionFlag, PacketRef
from dissector.model import Confidence, Finding, FrameRef, Obligation, Severity, Side, Version
from dissector.mqtt import spec
from dissector.mqtt.defects import Defect, DefectKind
from dissector.mqtt.packets.auth import Auth
from dissector.mqtt.packets.connack import Connack
from dissector.mqtt.packets.connect import Connect
from dissector.mqtt.packets.disconnect import Disconnect
from dissector.mqtt.packets.packet import Packet
from dissector.mqtt.properties import Property
from dissector.rules.base import (
    Cause,
    ConnectionRule,
    DefectRule,
    Example,
    HandshakeRule,
    Step,
    Subject,
    Unevaluated,
    Verdict,
    both,
    versions,
)
from dissector.rules.examples import (
    ACCEPTED_5,
    ACCEPTED_5_METHOD,
    ACCEPTED_311,
    CLIENT_CLOSES,
    CONNECT_5,
    CONNECT_5_METHOD,
    CONNECT_31,
    CONNECT_311,
    DISCONNECT,
    GRACEFUL_CLOSE,
    REFUSED_5,
    REFUSED_311,
    SERVER_CLOSES,
    WEBSOCKET,
    WEBSOCKET_CLOSE,
    connack_5,
    connect,
    framed,
    http,
    lazy_step,
    websocket_answer,
    websocket_request,
)
from dissector.rules.failure import DefectFact, Failure
from dissector.rules.gating import (
    SECOND_NS,
    after,
    decoded,
    incomplete_before,
    missing_close,
    missing_close_after,
    seconds,
    sent,
    server_sent_auth,
)

__all__ = [
    "ACCEPTED_5",
    "ACCEPTED_5_METHOD",
    "ACCEPTED_311",
    "CLIENT_CLOSES",
    "CONNECT_5",
    "CONNECT_5_METHOD",
    "CONNECT_31",
    "CONNECT_311",
    "DISCONNECT",
    "GRACEFUL_CLOSE",
    "REFUSED_5",
    "REFUSED_311",
    "SECOND_NS",
    "SERVER_CLOSES",
    "WEBSOCKET",
    "WEBSOCKET_CLOSE",
    "Auth",
    "Cause",
    "Confidence",
    "Connack",
    "Connect",
    "Connection",
    "ConnectionFlag",
    "ConnectionRule",
    "Defect",
    "DefectFact",
    "DefectKind",
    "DefectRule",
    "Disconnect",
    "Example",
    "Failure",
    "Finding",
    "FrameRef",
    "HandshakeRule",
    "Obligation",
    "Packet",
    "PacketRef",
    "Property",
    "Severity",
    "Side",
    "Step",
    "Subject",
    "Unevaluated",
    "Verdict",
    "Version",
    "after",
    "both",
    "connack_5",
    "connect",
    "decoded",
    "framed",
    "http",
    "incomplete_before",
    "lazy_step",
    "missing_close",
    "missing_close_after",
    "seconds",
    "sent",
    "server_sent_auth",
    "spec",
    "versions",
    "websocket_answer",
    "websocket_request",
]  # fmt: skip
