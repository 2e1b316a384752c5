"""TLS13: the identity of a pre-shared key contains hardware or personal data."""

from __future__ import annotations

from dissector.rules.audit_rule import *
from dissector.rules.authoring import *
from dissector.rules.identifiers import identifier
from dissector.rules.tls.examples import PORT, by_psk


class PskIdentityTells(TlsRule):
    """The identity of a pre-shared key contains hardware or personal data, in clear.

    What it checks
    --------------
    A client sends the identity of its pre-shared key in clear (up to TLS 1.2), and it contains a
    MAC address, IMEI, ICCID, IMSI, serial number, e-mail address or host name (as in SEC27).
    Reported once for each client and identity.

    Why it matters
    --------------
    It makes the device trackable everywhere, although everything else is encrypted.

    Fix on the client
    -----------------
    Use an identity that means nothing elsewhere: random characters that are stored permanently.

    Fix on the server
    -----------------
    Assign such identities; or use TLS 1.3, where certificates are encrypted.

    Known false alarms
    ------------------
    Digits that match by chance.
    """

    id = "TLS13"
    name = "psk-identity-tells"
    side = Side.CLIENT
    severity = Severity.INFO
    confidence = Confidence.LIKELY
    references = {"CWE": ("200", "359"), "OWASP": ("I6",), "ETSI": ("5.8-1",)}
    bad = (Example("a MAC address", by_psk("lamp-240AC4123456"), (), PORT),)
    good = (Example("a name", by_psk("lamp7"), (), PORT),)

    def check(self, context: TlsAuditContext) -> Verdict:
        """Reports a pre-shared key identity with hardware or personal data."""
        record, profile = context.record, context.profile
        identity = record.psk_identity
        kind = None if not identity else identifier(identity, profile.client_mac)
        if kind is None or not context.activity.once(self.id, profile.client_ip, identity):
            return None
        return tls_failure(
            context,
            f"the identity of the client's pre-shared key contains {kind}, in clear",
            record.psk_identity_frame,
            holds=kind,
        )
