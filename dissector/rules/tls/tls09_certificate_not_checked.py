"""TLS09: a client does not check the server's certificate."""

from __future__ import annotations

from dissector.connections.tls_activity import TlsAuditContext, leaf
from dissector.model import Confidence, Severity, Side
from dissector.rules.audit_rule import TlsRule, named, tls_failure
from dissector.rules.base import Example, Unevaluated, Verdict
from dissector.rules.certificates import mismatched, validity_error, wrong_clock
from dissector.rules.thresholds import Thresholds
from dissector.rules.tls_examples import CLOSES, PORT, alert, client_hello, server_flight, session


class CertificateNotChecked(TlsRule):
    """A client goes on with a server whose certificate it should not accept.

    What it checks
    --------------
    Both sides send data although the server's own certificate has expired, is not valid yet, or is
    for another name than the one that the client asked for (as TLS05 and TLS07 say). A self-signed
    certificate alone is not counted: the client may know it. Reported once for each client and
    server.

    Why it matters
    --------------
    A client that checks nothing also takes whoever stands in between: encryption is then for show.

    Fix on the client
    -----------------
    Give the client the authority's certificate and let it check name and dates (no `--insecure`, no
    `CERT_NONE`, no `rejectUnauthorized: false`); keep its clock right.

    Fix on the server
    -----------------
    Renew the certificate, for the right name: then nobody has a reason to switch the check off.

    Known false alarms
    ------------------
    A client that knows this very certificate and looks at nothing else in it.
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
            "it turns away",
            (client_hello(), server_flight("expired"), alert("C", 45), *CLOSES),
            ("TLS05",),
            PORT,
        ),
        Example("it may know the certificate", session("self-signed"), ("TLS07",), PORT),
        Example("nothing to object to", session(), (), PORT),
    )

    def check_tls(self, context: TlsAuditContext, limits: Thresholds) -> Verdict:
        """A client does not check the server's certificate."""
        record, shown = context.record, leaf(context.record)
        where = record.certificates_frame
        if shown is None or where is None or not record.established:
            return None
        state = validity_error(shown, where.time_ns, limits)
        wrong_name = mismatched(shown, record.server_name)
        if state is None and not wrong_name:
            return None
        if wrong_clock(where.time_ns):
            return Unevaluated("the clock of the capture cannot be right")
        profile = context.profile
        if not context.activity.once(
            self.id, profile.client_ip, profile.client_mac, record.server.ip, record.server.port
        ):
            return None
        dates = {"expired": "has expired", "future": "is not valid yet", None: ""}
        return tls_failure(
            context,
            f"the client {profile.client_ip} goes on although the certificate of "
            f"{named(record.server)} {dates[state] or 'is for another name'}",
            record.client_data,
            frames=(where,),
            subject=shown.subject,
            names=list(shown.names),
        )
