"""TLS06: a certificate has a short key or a broken signature."""

from __future__ import annotations

from dissector.activity.tls import TlsAuditContext
from dissector.connections import certificate
from dissector.connections.certificate import Certificate
from dissector.rules.audit_rule import *
from dissector.rules.authoring import *
from dissector.rules.tls.examples import PORT, session

MINIMUM_BITS = {"RSA": 2048, "DSA": 2048, "EC": 256}
BROKEN_HASHES = frozenset({"md5", "sha1"})


class WeakCertificate(TlsRule):
    """A server presents a certificate with a short key or a broken signature.

    What it checks
    --------------
    In the server's own certificate and those of its issuers: an RSA or DSA key below 2048 bits, an
    elliptic curve below 256, a signature with MD5 or SHA-1. The signature of a self-issued
    authority is not checked, since nobody relies on it. Reported once for each server and
    certificate.

    Why it matters
    --------------
    Such a key can be calculated, and such a signature forged: then anyone can impersonate this
    server.

    Fix on the client
    -----------------
    Do not trust an authority that still issues such certificates.

    Fix on the server
    -----------------
    Generate a new key (EC P-256, or RSA of 2048 bits or more) and have it signed with SHA-256.

    Known false alarms
    ------------------
    None.
    """

    id = "TLS06"
    name = "weak-certificate"
    side = Side.SERVER
    severity = Severity.ERROR
    confidence = Confidence.PROVEN
    references = {"CWE": ("326", "328"), "OWASP": ("I7",), "ETSI": ("5.5-1",), "RFC": ("9325",)}
    bad = (
        Example("RSA of 1024 bits", session("RSA 1024"), (), PORT),
        Example("a short curve", session("P-192"), (), PORT),
        Example("signed with SHA-1", session("SHA-1"), (), PORT),
    )
    good = (Example("P-256 and SHA-256", session(), (), PORT),)

    def check(self, context: TlsAuditContext) -> Verdict:
        """Reports a certificate with a short key or a broken signature."""
        record = context.record
        for place, der in enumerate(record.certificates):
            shown = certificate.read(der)
            reason = None if shown is None else _weakness(shown, leaf=place == 0)
            if shown is None or reason is None:
                continue
            if not context.activity.once(
                self.id, record.server.ip, record.server.port, shown.fingerprint
            ):
                return None
            whose = "its own" if place == 0 else "an authority's"
            return tls_failure(
                context,
                f"the server {named(record.server)} presents a weak certificate, {whose}: {reason}",
                record.certificates_frame,
                subject=shown.subject,
                weakness=reason,
            )
        return None


def _weakness(shown: Certificate, *, leaf: bool) -> str | None:
    """Returns what is weak, or None; of a self-issued authority only the key is checked."""
    bits = shown.key_bits
    if bits is not None and bits < MINIMUM_BITS.get(shown.key_type, 0):
        return f"its {shown.key_type} key has {bits} bits"
    if shown.signature_hash in BROKEN_HASHES and (leaf or not shown.self_issued):
        return f"it is signed with {shown.signature_hash.upper()}"
    return None
