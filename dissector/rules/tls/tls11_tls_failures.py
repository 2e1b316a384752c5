"""TLS11: TLS handshakes fail repeatedly."""

from __future__ import annotations

from dissector.activity.tls import failing
from dissector.net.tls_names import alert_name
from dissector.rules.audit_rule import *
from dissector.rules.authoring import *
from dissector.rules.tls.examples import CLOSES, PORT, alert, client_hello, server_flight

FAILED = (client_hello(), server_flight(), alert("C", 48), *CLOSES)


class TlsFailures(TlsRule):
    """The TLS handshakes of one client fail repeatedly.

    What it checks
    --------------
    At least 3 connections of one client within 10 minutes end with one of the alerts
    handshake_failure, bad_certificate, certificate_expired, unknown_ca, decrypt_error, from either
    side. In TLS 1.3 alerts are encrypted and cannot be seen. Reported once for each client and
    server.

    Why it matters
    --------------
    The device is cut off, and there may be an attacker in the middle; the usual next step is that
    somebody disables verification.

    Fix on the client
    -----------------
    Look at the alert: renew the trusted authority, the device's certificate, or set its clock;
    increase the delay after each failure.

    Fix on the server
    -----------------
    Renew the certificate, and keep the suites that old devices need until they are replaced.

    Known false alarms
    ------------------
    A scanner that tests what a server supports.
    """

    id = "TLS11"
    name = "tls-failures"
    side = Side.CLIENT
    severity = Severity.WARNING
    confidence = Confidence.PROVEN
    references = {"CWE": ("295",), "OWASP": ("I8",), "ETSI": ("5.9-3",)}
    bad = (Example("three times", (*FAILED, "NEW", *FAILED, "NEW", *FAILED), (), PORT),)
    good = (
        Example("twice", (*FAILED, "NEW", *FAILED), (), PORT),
        Example(
            "three times, far apart",
            (*FAILED, "+400", "NEW", *FAILED, "+400", "NEW", *FAILED),
            (),
            PORT,
        ),
    )

    def check(self, context: TlsAuditContext) -> Verdict:
        """Reports a client whose TLS handshakes fail repeatedly."""
        limits = context.limits
        record, profile = context.record, context.profile
        fatal = [item for item in record.alerts if failing(item.description)]
        if not fatal:
            return None
        latest = fatal[0].frame.time_ns
        count = sum(latest - 600 * SECOND_NS < time_ns <= latest for time_ns in context.failures)
        if count < limits.tls_failures:
            return None
        if not context.activity.once(
            self.id, profile.client_ip, profile.client_mac, record.server.ip, record.server.port
        ):
            return None
        name = alert_name(fatal[0].description or 0)
        return tls_failure(
            context,
            f"{count} TLS handshakes of {profile.client_ip} fail within ten minutes; "
            f"the {fatal[0].side.value} sends {name}",
            fatal[0].frame,
            failures=count,
            alert=name,
        )
