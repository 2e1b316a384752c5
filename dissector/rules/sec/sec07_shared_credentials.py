"""SEC07: several devices use the same password."""

from __future__ import annotations

from dissector.rules.audit_rule import *
from dissector.rules.authoring import *


class SharedCredentials(ConnectionAuditRule):
    """The same user name and password are used by several client ids on several hosts.

    What it checks
    --------------
    The same pair of user name and password is accepted from at least 3 client ids on at least 3
    hosts; severity error from 20 of each. Pairs are compared by a keyed hash. Addresses listed as
    `gateways` are not counted. For one MAC address either its IPv4 addresses or its IPv6 /64
    networks are counted, whichever are more.

    Why it matters
    --------------
    If one device is taken apart or sold, the credentials of all are exposed, and a single device
    cannot be locked out.

    Fix on the client
    -----------------
    Give each device its own credentials, or its own certificate.

    Fix on the server
    -----------------
    Create an account for each device, and bind it to the client id.

    Known false alarms
    ------------------
    One gateway with several addresses.
    """

    id = "SEC07"
    name = "shared-credentials"
    side = Side.CLIENT
    severity = Severity.WARNING
    confidence = Confidence.PROVEN
    references = {
        "CWE": (
            "798",
            "259",
            "1391",
        ),
        "OWASP": ("I1",),
        "ETSI": (
            "5.1-1",
            "5.4-3",
            "5.4-4",
        ),
        "NISTIR": (
            "LA",
            "DI",
        ),
        "MQTT": ("5.4.1",),
    }
    asks = Event.SHARED
    bad = (
        Example(
            "three client ids on three hosts",
            (
                connect("plug-a", "home", "Zq7-unlikely-Pw"),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
                "HOST 5",
                connect("plug-b", "home", "Zq7-unlikely-Pw"),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
                "HOST 6",
                connect("plug-c", "home", "Zq7-unlikely-Pw"),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
    )
    good = (
        Example(
            "three client ids on one host",
            (
                connect("plug-a", "home", "Zq7-unlikely-Pw"),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
                "NEW",
                connect("plug-b", "home", "Zq7-unlikely-Pw"),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
                "NEW",
                connect("plug-c", "home", "Zq7-unlikely-Pw"),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports credentials that several devices share."""
        limits = context.limits
        profile = context.profile
        assert profile is not None
        credential = context.credential
        if credential is None or profile.secret is None:
            return None
        if len(credential.client_ids) < limits.shared_clients:  # the usual case
            return None
        macs = {ip: mac for ip, mac in credential.hosts.items() if ip not in limits.gateways}
        hosts, count = list(macs), hosts_behind(macs)
        if count < limits.shared_hosts:
            return None
        many = min(len(credential.client_ids), count) >= limits.shared_by_many
        if not context.activity.once(self.id, profile.secret, many):
            return None
        found = failure(
            context,
            f"{len(credential.client_ids)} client ids on {count} hosts use the same "
            "user name and password",
            Severity.ERROR if many else None,
            username=profile.username,
            credentials=profile.secret,
            hosts=hosts,
            clientIds=list(credential.client_ids),
        )
        found.frames = (*credential.frames, found.at)
        return found
