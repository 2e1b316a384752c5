"""TLS12: the port does not match its content."""

from __future__ import annotations

from dissector.net import tls
from dissector.net.tls_names import alert_name
from dissector.rules.audit_rule import *
from dissector.rules.authoring import *
from dissector.rules.tls.examples import PORT, session

CLEAR_PORT = 1883


def is_record(data: bytes) -> bool:
    """Whether bytes begin as a TLS record: a content type, then the major version 3."""
    return len(data) >= 2 and tls.CHANGE_CIPHER_SPEC <= data[0] <= tls.HEARTBEAT and data[1] == 3


def _named(data: bytes) -> str:
    """Describes a TLS record: ``the alert protocol_version``, ``a TLS record``."""
    if data[0] == tls.ALERT and len(data) >= 7 and data[3:5] == b"\0\2":
        return f"the alert {alert_name(data[6])}"
    return "a TLS record"


class PortAndContentDisagree(AuditRule):
    """MQTT in clear on a port for TLS, or TLS on the port for MQTT in clear.

    What it checks
    --------------
    A CONNECT in clear on port 8883, or TLS on port 1883, which has severity info. If the server
    answers the CONNECT in clear, the server is at fault; if it answers with TLS, usually an alert,
    the client is. Without an answer nothing is reported. Reported once for each server and side.

    Why it matters
    --------------
    Anyone who assumes that traffic on port 8883 is encrypted is wrong; firewalls and people rely on
    ports.

    Fix on the client
    -----------------
    Switch TLS on for port 8883. A client that sends its CONNECT in clear there exposes its
    credentials even if the server speaks TLS only.

    Fix on the server
    -----------------
    If it serves MQTT in clear on port 8883: use that port for TLS only, and restrict port 1883 to
    the loopback interface. If it answered with TLS, its configuration is right.

    Known false alarms
    ------------------
    A proxy that terminates TLS and forwards to the same port.
    """

    id = "TLS12"
    name = "port-and-content-disagree"
    side = Side.SERVER
    severity = Severity.WARNING
    confidence = Confidence.PROVEN
    references = {"CWE": ("319",), "OWASP": ("I9",), "ETSI": ("5.5-1",)}
    either = True
    subjects = (Subject.ACTIVITY, Subject.TLS_CONNECTION)
    asks = Event.TLS_PORT
    bad = (
        Example("in clear on 8883", (connect("a"), ACCEPTED_311, *GRACEFUL_CLOSE), (), PORT),
        Example(
            "in clear to a server that speaks TLS",
            (connect("a"), "S 15 03 01 00 02 02 46", *SERVER_CLOSES),
            (),
            PORT,
        ),
        Example("TLS on 1883", session(), (), 1883),
    )
    good = (
        Example("TLS on 8883", session(), (), PORT),
        Example("in clear on 1883", (connect("a"), ACCEPTED_311, *GRACEFUL_CLOSE)),
    )

    def check(self, context: AuditContext | TlsAuditContext) -> Verdict:
        """Reports MQTT in clear on a port for TLS, and TLS on the port for MQTT in clear."""
        if isinstance(context, TlsAuditContext):
            return self._tls(context)
        return self._in_clear(context)

    def _in_clear(self, context: AuditContext) -> Verdict:
        connection = context.connection
        if connection.server.port != PORT or not connection.has_connect:
            return None
        if encrypted(connection) or proxy_terminates_tls(connection):
            return None
        where = f"at {connection.server.ip}"
        if connection.server_spoke:
            if not context.activity.once(self.id, connection.server.ip):
                return None
            return failure(context, f"MQTT in clear on port {PORT}, which is for TLS, {where}")
        answer = connection.foreign_answer
        if answer is None or not is_record(answer[0]):
            return None
        if not context.activity.once(self.id, connection.server.ip, "client"):
            return None
        connect = connection.connect_frame
        return Failure(
            message=f"CONNECT in clear on port {PORT}; the server, {where}, speaks TLS and "
            f"answered with {_named(answer[0])}",
            at=connect or answer[1],
            frames=(connect or answer[1], answer[1]),
            evidence={"answer": _named(answer[0])},
            side=Side.CLIENT,
        )

    def _tls(self, context: TlsAuditContext) -> Verdict:
        record = context.record
        if record.server.port != CLEAR_PORT or record.server_hello is None:
            return None
        if not context.activity.once(self.id, record.server.ip, "tls"):
            return None
        return tls_failure(
            context,
            f"TLS on port {CLEAR_PORT}, which is for MQTT in clear, at {record.server.ip}",
            record.server_hello_frame,
            Severity.INFO,
        )
