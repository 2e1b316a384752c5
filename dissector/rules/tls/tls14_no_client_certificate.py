"""TLS14: a server asks for no client certificate."""

from __future__ import annotations

from dissector.connections.tls_activity import TlsAuditContext
from dissector.model import Confidence, Severity, Side
from dissector.rules.audit_rule import TlsRule, named, tls_failure
from dissector.rules.base import Example, Verdict
from dissector.rules.thresholds import Thresholds
from dissector.rules.tls_examples import PORT, by_psk, session, session_13


class NoClientCertificate(TlsRule):
    """A server leaves it to MQTT to find out who the client is, and that cannot be seen.

    What it checks
    --------------
    A full handshake up to TLS 1.2 in which the server shows a certificate and sends no
    CertificateRequest, on a connection that nothing opened: how MQTT's own credentials are is
    unknown. Noted once for each server.

    Why it matters
    --------------
    Passwords are shared, guessed and forgotten in firmware; a key of its own in each device is not.

    Fix on the client
    -----------------
    Support a certificate of its own for each device.

    Fix on the server
    -----------------
    Ask for client certificates (Mosquitto: `require_certificate true`), or be sure that each device
    has a password of its own.

    Known false alarms
    ------------------
    A server that checks good passwords: this is no fault, but a line of the inventory.
    """

    id = "TLS14"
    name = "no-client-certificate"
    side = Side.SERVER
    severity = Severity.INFO
    confidence = Confidence.PROVEN
    references = {"CWE": ("306",), "OWASP": ("I3",), "ETSI": ("5.5-4",), "MQTT": ("5.4.1",)}
    bad = (Example("nothing asked", session(asks=False), (), PORT),)
    good = (
        Example("it asks", session(), (), PORT),
        Example("by a pre-shared key", by_psk("lamp7"), (), PORT),
        Example("not to be seen", session_13(), (), PORT),
    )

    def check_tls(self, context: TlsAuditContext, limits: Thresholds) -> Verdict:
        """A server asks for no client certificate."""
        record = context.record
        if record.certificate_requested is not False or record.decrypted:
            return None
        if not record.certificates or not record.established:
            return None
        if not context.activity.once(self.id, record.server.ip, record.server.port):
            return None
        return tls_failure(
            context,
            f"the server {named(record.server)} asks for no client certificate",
            record.certificates_frame,
        )
