"""TLS07: a certificate is self-signed or for another name."""

from __future__ import annotations

from dissector.activity.tls import leaf
from dissector.rules.audit_rule import *
from dissector.rules.authoring import *
from dissector.rules.tls.certificates import mismatched
from dissector.rules.tls.examples import CLOSES, PORT, alert, client_hello, server_flight, session
from dissector.text import printable


class UntrustworthyCertificate(TlsRule):
    """A server presents a certificate that is self-signed or for another name.

    What it checks
    --------------
    The server's own certificate is self-signed, or none of its names is the one that the client
    requested (SNI). Severity info if the issuer, or the certificate's SHA-256, is listed in
    `authorities`. Whether clients trust the issuer of other certificates cannot be seen. Reported
    once for each server, certificate and name.

    Why it matters
    --------------
    Nobody but the server itself confirms its identity: an attacker in the middle can claim the
    same.

    Fix on the client
    -----------------
    Trust this certificate, or your own authority, explicitly; never accept all certificates.

    Fix on the server
    -----------------
    Get a certificate for the name that clients use, from an authority that they trust.

    Known false alarms
    ------------------
    A self-signed certificate that every client knows in advance: list it in `authorities`.
    """

    id = "TLS07"
    name = "untrustworthy-certificate"
    side = Side.SERVER
    severity = Severity.WARNING
    confidence = Confidence.PROVEN
    references = {"CWE": ("295", "297"), "OWASP": ("I7",), "ETSI": ("5.5-1",), "MQTT": ("5.4.3",)}
    bad = (
        Example("self-signed certificate", session("self-signed"), (), PORT),
        Example(
            "another name",
            (client_hello("cellar.house.example"), server_flight(), alert("C", 42), *CLOSES),
            (),
            PORT,
        ),
    )
    good = (
        Example("by an authority, for this name", session(), (), PORT),
        Example("no name requested", session(name=None), ("TLS10",), PORT),
    )

    def check(self, context: TlsAuditContext) -> Verdict:
        """Reports a certificate that is self-signed or for another name."""
        limits = context.limits
        record, shown = context.record, leaf(context.record)
        if shown is None:
            return None
        name = record.server_name
        if shown.self_signed:
            what = "presents a self-signed certificate"
        elif mismatched(shown, name):
            what = f"presents a certificate that is not for {printable(name or '', 80)}"
        else:
            return None
        if not context.activity.once(
            self.id, record.server.ip, record.server.port, shown.fingerprint, what
        ):
            return None
        known = {shown.issuer, shown.fingerprint} & set(limits.authorities)
        return tls_failure(
            context,
            f"the server {named(record.server)} {what}",
            record.certificates_frame,
            Severity.INFO if known else None,
            frames=(record.client_hello_frame,),
            subject=shown.subject,
            issuer=shown.issuer,
            names=list(shown.names),
        )
