"""TLS09: a client does not verify the server's certificate."""

from __future__ import annotations

from dissector.activity.tls import leaf
from dissector.rules.audit_rule import *
from dissector.rules.authoring import *
from dissector.rules.tls.certificates import mismatched, validity_error, wrong_clock
from dissector.rules.tls.examples import CLOSES, PORT, alert, client_hello, server_flight, session


class CertificateNotChecked(TlsRule):
    """A client continues with a server whose certificate it should reject.

    What it checks
    --------------
    Both sides send data although the server's own certificate has expired, is not valid yet, or is
    for another name than the one that the client requested (as in TLS05 and TLS07). A self-signed
    certificate alone is not reported: the client may know it. Reported once for each client and
    server.

    Why it matters
    --------------
    A client that verifies nothing also accepts an attacker in the middle: its encryption protects
    nothing.

    Fix on the client
    -----------------
    Give the client the authority's certificate and let it verify name and dates (no `--insecure`,
    no `CERT_NONE`, no `rejectUnauthorized: false`); keep its clock right.

    Fix on the server
    -----------------
    Renew the certificate, for the right name: then there is no reason to disable verification.

    Known false alarms
    ------------------
    A client that knows this very certificate and checks nothing else in it.
    """

    id = "TLS09"
    name = "certificate-not-checked"
    side = Side.CLIENT
    severity = Severity.ERROR
    confidence = Confidence.LIKELY
    references = {"CWE": ("295",), "OWASP": ("I7",), "ETSI": ("5.5-1",), "MQTT": ("5.4.3",)}
    bad = (
        Example("expired", session("expired"), ("TLS05",), PORT),
        Example("another name", session(name="cellar.house.example"), ("TLS07",), PORT),
    )
    good = (
        Example(
            "the client aborts",
            (client_hello(), server_flight("expired"), alert("C", 45), *CLOSES),
            ("TLS05",),
            PORT,
        ),
        Example("the client may know the certificate", session("self-signed"), ("TLS07",), PORT),
        Example("a valid certificate", session(), (), PORT),
    )

    def check(self, context: TlsAuditContext) -> Verdict:
        """Reports a client that accepts an invalid certificate."""
        limits = context.limits
        record, shown = context.record, leaf(context.record)
        where = record.certificates_frame
        if shown is None or where is None or not record.established:
            return None
        state = validity_error(shown, where.time_ns, limits)
        wrong_name = mismatched(shown, record.server_name)
        if state is None and not wrong_name:
            return None
        if wrong_clock(where.time_ns):
            return Unevaluated("the clock of the capture is wrong")
        profile = context.profile
        if not context.activity.once(
            self.id, profile.client_ip, profile.client_mac, record.server.ip, record.server.port
        ):
            return None
        dates = {"expired": "has expired", "future": "is not valid yet", None: ""}
        return tls_failure(
            context,
            f"the client {profile.client_ip} continues although the certificate of "
            f"{named(record.server)} {dates[state] or 'is for another name'}",
            record.client_data,
            frames=(where,),
            subject=shown.subject,
            names=list(shown.names),
        )
