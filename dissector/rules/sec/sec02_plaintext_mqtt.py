"""SEC02: a server accepts MQTT without encryption."""

from __future__ import annotations

from dissector.rules.audit_rule import *
from dissector.rules.authoring import *

_SEVERITIES = {"public": Severity.ERROR, "private": Severity.WARNING}


class PlaintextMqtt(ConnectionAuditRule):
    """The server accepts connections that are not encrypted.

    What it checks
    --------------
    An accepted CONNECT on a connection without TLS, or, if the CONNACK was not captured, a packet
    that a server sends only to clients that it accepted (then only "likely"). Severity error if
    either address is public, warning on private networks, and info on the loopback interface, in
    tunnels, and behind a proxy that reports that it terminated TLS. Reported once for each server
    and severity.

    Why it matters
    --------------
    Everything can be read and changed on the path: messages, topics, client ids, credentials.

    Fix on the client
    -----------------
    Connect over TLS, and do not fall back to MQTT without TLS.

    Fix on the server
    -----------------
    Listen with TLS on port 8883, move the devices there, and close port 1883, or bind it to the
    loopback interface.

    Known false alarms
    ------------------
    A VPN or an encrypted link layer underneath, or a TLS proxy in front of the point of capture.
    """

    id = "SEC02"
    name = "plaintext-mqtt"
    side = Side.SERVER
    severity = Severity.WARNING
    confidence = Confidence.PROVEN
    references = {
        "CWE": (
            "319",
            "311",
        ),
        "OWASP": (
            "I7",
            "I2",
        ),
        "ETSI": (
            "5.5-1",
            "5.8-1",
            "5.8-2",
        ),
        "NISTIR": ("DP",),
        "MQTT": ("5.4.5",),
    }
    asks = Event.IN_CLEAR | Event.SERVED
    bad = (Example("accepted in clear", (connect("a"), ACCEPTED_311, *GRACEFUL_CLOSE)),)
    good = (Example("refused", (connect("a"), REFUSED_311, *SERVER_CLOSES)),)

    def check(self, context: AuditContext) -> Verdict:
        """Reports a server that accepts MQTT without encryption."""
        limits = context.limits
        connection, profile = context.connection, context.profile
        assert profile is not None
        accepted = profile.code == 0
        if encrypted(connection) or not (accepted or context.event & Event.SERVED):
            return None
        way = exposure(connection, limits)
        severity = _SEVERITIES.get(way, Severity.INFO)
        if not context.activity.once(self.id, profile.server_ip, profile.server_port, severity):
            return None
        return failure(
            context,
            f"the server {server_name(connection)} accepts MQTT without encryption"
            + EXPOSURE_TEXT.get(way, ""),
            severity,
            confidence=None if accepted else Confidence.LIKELY,
            network=way,
        )
