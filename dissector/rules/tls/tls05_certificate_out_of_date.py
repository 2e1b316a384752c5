"""TLS05: a certificate has expired or is not valid yet."""

from __future__ import annotations

from dissector.activity.tls import leaf
from dissector.rules.audit_rule import *
from dissector.rules.authoring import *
from dissector.rules.tls.certificates import DAY_NS, validity_error, wrong_clock
from dissector.rules.tls.examples import (
    CLOSES,
    PORT,
    alert,
    client_hello,
    server_flight,
    session,
    session_13,
)


class CertificateOutOfDate(TlsRule):
    """A server presents a certificate that has expired, is not valid yet, or expires soon.

    What it checks
    --------------
    The capture's time is after the end of the validity of the server's own certificate, or before
    its beginning, by more than 24 hours; severity info if less than 30 days are left. A capture
    whose clock is obviously wrong is not evaluated. Reported once for each server and certificate.

    Why it matters
    --------------
    Clients that verify the certificate can no longer connect; those that still connect verify
    nothing.

    Fix on the client
    -----------------
    Do not disable verification: have the server's certificate renewed.

    Fix on the server
    -----------------
    Renew the certificate, and automate the renewal.

    Known false alarms
    ------------------
    A capture whose clock is wrong by days or years: compare the times of other certificates.
    """

    id = "TLS05"
    name = "certificate-out-of-date"
    side = Side.SERVER
    severity = Severity.ERROR
    confidence = Confidence.PROVEN
    references = {"CWE": ("298", "324"), "OWASP": ("I7",), "ETSI": ("5.5-1",)}
    bad = (
        Example(
            "expired", (client_hello(), server_flight("expired"), alert("C", 45), *CLOSES), (), PORT
        ),
        Example(
            "not valid yet",
            (client_hello(), server_flight("future"), alert("C", 42), *CLOSES),
            (),
            PORT,
        ),
        Example("expires soon", session("ends soon"), (), PORT),
    )
    good = (
        Example("valid for years", session(), (), PORT),
        Example("certificate is encrypted", session_13(), (), PORT),
    )

    def check(self, context: TlsAuditContext) -> Verdict:
        """Reports a certificate that has expired, is not valid yet, or expires soon."""
        limits = context.limits
        record, shown = context.record, leaf(context.record)
        where = record.certificates_frame
        if shown is None or where is None:
            return None
        now = where.time_ns
        state = validity_error(shown, now, limits)
        left = (shown.not_after_ns - now) / DAY_NS
        if state is None and left >= limits.certificate_days_left:
            return None
        if wrong_clock(now):
            return Unevaluated("the clock of the capture is wrong")
        server = named(record.server)
        key = (self.id, record.server.ip, record.server.port, shown.fingerprint, state)
        if not context.activity.once(*key):
            return None
        what = {
            "expired": f"expired {-left:,.0f} days ago",
            "future": f"becomes valid in {(shown.not_before_ns - now) / DAY_NS:,.0f} days",
            None: f"expires in {max(left, 0):.0f} days",
        }[state]
        return tls_failure(
            context,
            f"the certificate of {server} {what}",
            where,
            Severity.INFO if state is None else None,
            subject=shown.subject,
            issuer=shown.issuer,
            daysLeft=round(left, 1),
        )
