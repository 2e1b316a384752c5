"""TLS03: a server selects a broken cipher suite."""

from __future__ import annotations

from dissector.net.tls_names import broken
from dissector.rules.audit_rule import *
from dissector.rules.authoring import *
from dissector.rules.tls.examples import PORT, RC4, session, session_13


class BrokenCipherSuite(TlsRule):
    """A server selects a cipher suite with weak or no encryption, or without authentication.

    What it checks
    --------------
    The suite in the ServerHello has no encryption (NULL, or integrity only), no authentication
    (anon), or uses EXPORT keys, RC4, DES, 3DES, RC2 or an MD5 MAC. Reported once for each server
    and suite.

    Why it matters
    --------------
    Such a connection can be decrypted, or taken over, with known tools.

    Fix on the client
    -----------------
    Offer AEAD suites only (AES-GCM, ChaCha20-Poly1305, AES-CCM).

    Fix on the server
    -----------------
    Allow AEAD suites only.

    Known false alarms
    ------------------
    None.
    """

    id = "TLS03"
    name = "broken-cipher-suite"
    side = Side.SERVER
    severity = Severity.ERROR
    confidence = Confidence.PROVEN
    references = {"CWE": ("327",), "OWASP": ("I7",), "ETSI": ("5.5-1",), "RFC": ("9325",)}
    bad = (
        Example("RC4", session(suite=RC4), ("TLS04",), PORT),
        Example("no encryption", session(suite=0xC006), (), PORT),
        Example("no authentication", session(None, suite=0xC018), (), PORT),
        Example("3DES", session(suite=0xC008), (), PORT),
    )
    good = (
        Example("AES-GCM", session(), (), PORT),
        Example("TLS 1.3", session_13(), (), PORT),
    )

    def check(self, context: TlsAuditContext) -> Verdict:
        """Reports a broken cipher suite in a ServerHello."""
        record = context.record
        suite = record.suite
        if suite is None or not broken(suite):
            return None
        if not context.activity.once(self.id, record.server.ip, record.server.port, suite):
            return None
        return tls_failure(
            context,
            f"the server {named(record.server)} selects {suite}",
            record.server_hello_frame,
            frames=(record.client_hello_frame,),
            suite=suite,
        )
