"""SEC01: user name, password or login data are sent without encryption."""

from __future__ import annotations

from dissector.rules.audit_rule import *
from dissector.rules.authoring import *


class CredentialsInClear(ConnectionAuditRule):
    """User name, password or login data are sent without encryption.

    What it checks
    --------------
    A CONNECT with a user name or a password that is not empty, or with Authentication Data of a
    method that holds login data (PLAIN, LOGIN, BASIC), on a connection that is not encrypted.
    Severity info on the loopback interface, in networks that the configuration lists as tunnels,
    and behind a proxy that reports that it terminated TLS. Reported once for each host, client id
    and user name at a server.

    Why it matters
    --------------
    Anyone who can capture traffic on the path can read the credentials, and can use them from
    anywhere.

    Fix on the client
    -----------------
    Connect over TLS (port 8883) and verify the server's certificate. Change the credentials:
    consider them compromised.

    Fix on the server
    -----------------
    Offer TLS, give the devices a certificate to trust, then close the port without TLS.

    Known false alarms
    ------------------
    A VPN or an encrypted link layer underneath: list its network in `tunnels`.
    """

    id = "SEC01"
    name = "credentials-in-clear"
    side = Side.CLIENT
    severity = Severity.ERROR
    confidence = Confidence.PROVEN
    references = {
        "CWE": (
            "319",
            "523",
            "522",
        ),
        "OWASP": (
            "I7",
            "I2",
        ),
        "ETSI": (
            "5.5-1",
            "5.5-6",
            "5.5-7",
        ),
        "NISTIR": ("DP",),
        "MQTT": (
            "5.4.1",
            "5.4.5",
        ),
    }
    asks = Event.CREDENTIALS
    bad = (
        Example(
            "user name and password",
            (connect("a", "anna", "Zq7-unlikely-Pw"), ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
        Example(
            "refused, but sent",
            (connect("a", "anna", "Zq7-unlikely-Pw"), REFUSED_311, *SERVER_CLOSES),
        ),
    )
    good = (
        Example("no credentials", (connect("a"), ACCEPTED_311, *GRACEFUL_CLOSE)),
        Example("empty credentials", (connect("a", "", b""), ACCEPTED_311, *GRACEFUL_CLOSE)),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports credentials that are sent without encryption."""
        limits = context.limits
        connection, profile = context.connection, context.profile
        assert profile is not None
        if encrypted(connection):
            return None
        sent = []
        if profile.username is not None:
            sent.append("a user name")
        if profile.secret is not None:
            sent.append("a password")
        if (profile.method or "").upper() in ("PLAIN", "LOGIN", "BASIC"):
            sent.append("login data")
        if not sent:
            return None
        if not context.activity.once(
            self.id,
            profile.client_ip,
            profile.client_id,
            profile.username,
            profile.server_ip,
            profile.server_port,
        ):
            return None
        way = exposure(connection, limits)
        harmless = way in ("loopback", "tunnel", "proxy")
        return failure(
            context,
            f"{' and '.join(sent)} {'is' if len(sent) == 1 else 'are'} sent without encryption"
            + (EXPOSURE_TEXT[way] if harmless else ""),
            Severity.INFO if harmless else None,
            network=way,
            fields=sent,
        )
