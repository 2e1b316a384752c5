"""TLS14: a server requests no client certificate."""

from __future__ import annotations

from dissector.rules.audit_rule import *
from dissector.rules.authoring import *
from dissector.rules.tls.examples import PORT, by_psk, session, session_13


class NoClientCertificate(TlsRule):
    """A server requests no client certificate, and how MQTT authenticates the client cannot be
    seen.

    What it checks
    --------------
    A full handshake up to TLS 1.2 in which the server presents a certificate and sends no
    CertificateRequest, on a connection that was not decrypted: the quality of MQTT's own
    credentials is unknown. Severity info, reported once for each server.

    Why it matters
    --------------
    Passwords are shared, guessed and left in firmware; an individual key in each device is not.

    Fix on the client
    -----------------
    Support an individual certificate for each device.

    Fix on the server
    -----------------
    Request client certificates (Mosquitto: `require_certificate true`), or make sure that each
    device has its own password.

    Known false alarms
    ------------------
    A server that checks good passwords: this is not a fault, only an entry in the inventory.
    """

    id = "TLS14"
    name = "no-client-certificate"
    side = Side.SERVER
    severity = Severity.INFO
    confidence = Confidence.PROVEN
    references = {"CWE": ("306",), "OWASP": ("I3",), "ETSI": ("5.5-4",), "MQTT": ("5.4.1",)}
    bad = (Example("no certificate requested", session(asks=False), (), PORT),)
    good = (
        Example("certificate requested", session(), (), PORT),
        Example("by a pre-shared key", by_psk("lamp7"), (), PORT),
        Example("handshake is encrypted", session_13(), (), PORT),
    )

    def check(self, context: TlsAuditContext) -> Verdict:
        """Reports a server that requests no client certificate."""
        record = context.record
        if record.certificate_requested is not False or record.decrypted:
            return None
        if not record.certificates or not record.established:
            return None
        if not context.activity.once(self.id, record.server.ip, record.server.port):
            return None
        return tls_failure(
            context,
            f"the server {named(record.server)} requests no client certificate",
            record.certificates_frame,
        )
