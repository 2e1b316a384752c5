"""TLS04: a server selects a key exchange without forward secrecy."""

from __future__ import annotations

from dissector.rules.audit_rule import *
from dissector.rules.authoring import *
from dissector.rules.tls.examples import PORT, RSA, session, session_13

_STATIC = ("TLS_RSA_", "TLS_DH_RSA_", "TLS_DH_DSS_", "TLS_ECDH_RSA_", "TLS_ECDH_ECDSA_")


class NoForwardSecrecy(TlsRule):
    """A server selects a key exchange without forward secrecy.

    What it checks
    --------------
    The suite in the ServerHello exchanges keys by static RSA, static Diffie-Hellman or RSA with a
    pre-shared key. Reported once for each server and suite.

    Why it matters
    --------------
    Anyone who records traffic today can decrypt it as soon as the server's key leaks.

    Fix on the client
    -----------------
    Offer ECDHE suites and TLS 1.3 only.

    Fix on the server
    -----------------
    Allow ECDHE suites and TLS 1.3 only.

    Known false alarms
    ------------------
    None.
    """

    id = "TLS04"
    name = "no-forward-secrecy"
    side = Side.SERVER
    severity = Severity.WARNING
    confidence = Confidence.PROVEN
    references = {"CWE": ("327",), "OWASP": ("I7",), "ETSI": ("5.5-1",), "RFC": ("9325",)}
    bad = (
        Example("RSA", session(suite=RSA), (), PORT),
        Example("static ECDH", session(suite=0xC02D), (), PORT),
    )
    good = (
        Example("ECDHE", session(), (), PORT),
        Example("DHE", session(suite=0x009E), (), PORT),
        Example("TLS 1.3", session_13(), (), PORT),
    )

    def check(self, context: TlsAuditContext) -> Verdict:
        """Reports a key exchange without forward secrecy in a ServerHello."""
        record = context.record
        suite = record.suite
        if suite is None or not suite.startswith(_STATIC):
            return None
        if not context.activity.once(self.id, record.server.ip, record.server.port, suite):
            return None
        return tls_failure(
            context,
            f"the server {named(record.server)} selects {suite}, which has no forward secrecy",
            record.server_hello_frame,
            frames=(record.client_hello_frame,),
            suite=suite,
        )
