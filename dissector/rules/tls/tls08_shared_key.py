"""TLS08: several servers or devices use the same key."""

from __future__ import annotations

from dissector.activity.tls import leaf
from dissector.rules.audit_rule import *
from dissector.rules.authoring import *
from dissector.rules.tls.examples import PORT, session


class SharedKey(TlsRule):
    """Several servers present the same key, or several devices the same client certificate.

    What it checks
    --------------
    The public key of a self-signed certificate, or of different certificates, is presented by
    servers at 2 or more addresses; or one client certificate by at least 3 hosts, which has
    severity error. One certificate of an authority on several addresses is a cluster, and is not
    reported.

    Why it matters
    --------------
    The key is in the firmware, so anyone who has one device has it, and can impersonate all of
    them.

    Fix on the client
    -----------------
    Generate a key for each device, on the device, and never copy it.

    Fix on the server
    -----------------
    Generate a key for each server at its first start; block certificates that are copied.

    Known false alarms
    ------------------
    One owner who copies a self-signed certificate to several servers on purpose.
    """

    id = "TLS08"
    name = "shared-key"
    side = Side.SERVER
    either = True
    severity = Severity.WARNING
    confidence = Confidence.PROVEN
    references = {"CWE": ("1394", "321"), "OWASP": ("I1", "I7"), "ETSI": ("5.4-4", "5.4-3")}
    bad = (
        Example(
            "three devices with one certificate",
            (
                *session(own="device"),
                "HOST 5",
                *session(own="device"),
                "HOST 6",
                *session(own="device"),
            ),
            (),
            PORT,
        ),
    )
    good = (
        Example(
            "one device, three times",
            (
                *session(own="device"),
                "NEW",
                *session(own="device"),
                "NEW",
                *session(own="device"),
            ),
            (),
            PORT,
        ),
    )

    def check(self, context: TlsAuditContext) -> Verdict:
        """Reports a key that several servers or devices use."""
        limits = context.limits
        return self._servers(context) or self._devices(context, limits)

    def _servers(self, context: TlsAuditContext) -> Verdict:
        record, shown, holder = context.record, leaf(context.record), context.server_key
        if holder is None or shown is None or len(holder.addresses) < 2:
            return None
        if not shown.self_signed and len(set(holder.certificates.values())) == 1:
            return None
        if hosts_behind(holder.addresses) < 2:
            return None
        if not context.activity.once(self.id, shown.key_fingerprint):
            return None
        places = sorted(holder.addresses)
        return tls_failure(
            context,
            f"servers at {len(places)} addresses present the same key",
            record.certificates_frame,
            addresses=places,
            key=shown.key_fingerprint,
        )

    def _devices(self, context: TlsAuditContext, limits: Thresholds) -> Verdict:
        record, profile, holder = context.record, context.profile, context.credential
        if holder is None:
            return None
        macs = {ip: mac for ip, mac in holder.hosts.items() if ip not in limits.gateways}
        count = hosts_behind(macs)
        if count < limits.shared_certificates:
            return None
        if not context.activity.once(self.id, "device", profile.secret):
            return None
        return tls_failure(
            context,
            f"{count} hosts present the same client certificate",
            record.client_certificates_frame,
            Severity.ERROR,
            side=Side.CLIENT,
            frames=tuple(holder.frames),
            addresses=sorted(macs),
            credentials=profile.secret,
        )
