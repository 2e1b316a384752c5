"""SEC34: a known client id changes its identity."""

from __future__ import annotations

from dissector.rules.audit_rule import *
from dissector.rules.authoring import *
from dissector.vendors import local


def _vendor(mac: str | None, other: str | None) -> str | None:
    """Returns the vendor part of a MAC address; None if either address is locally administered."""
    if mac is None or other is None or local(mac) or local(other):
        return None
    return mac[:8]


class IdentityChange(ConnectionAuditRule):
    """A known client id returns with other hardware, user name, version, or settings.

    What it checks
    --------------
    Between two accepted connections of one client id at least 2 of these change: the vendor part of
    the MAC address (if both are registered ones), the user name, the version of MQTT, the keep
    alive, the Will Topic.

    Why it matters
    --------------
    Somebody may have taken over the device's identity.

    Fix on the client
    -----------------
    If the device was replaced or updated: nothing.

    Fix on the server
    -----------------
    Bind the client id to an account or a certificate.

    Known false alarms
    ------------------
    An update, a replaced device, a test tool with the same id.
    """

    id = "SEC34"
    name = "identity-change"
    side = Side.CLIENT
    severity = Severity.WARNING
    confidence = Confidence.LIKELY
    references = {
        "CWE": ("290",),
        "OWASP": ("I3",),
        "ETSI": ("5.4-2",),
        "NISTIR": ("DI",),
        "MQTT": ("5.4.7",),
    }
    asks = Event.CHANGED
    bad = (
        Example(
            "another user and keep alive",
            (
                connect("lamp", "anna", "Zq7-unlikely-Pw"),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
                "NEW",
                connect("lamp", "otto", "Zq7-unlikely-Px", keep_alive=120),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
    )
    good = (
        Example(
            "another keep alive",
            (
                connect("lamp"),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
                "NEW",
                connect("lamp", keep_alive=120),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
        ),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports a client id whose properties change."""
        limits = context.limits
        profile = context.profile
        assert profile is not None
        former = context.former
        if former is None or not profile.client_id:
            return None
        before_mac, mac = former.client_mac, profile.client_mac
        changed = [
            name
            for name, before, after in (
                ("vendor", _vendor(before_mac, mac), _vendor(mac, before_mac)),
                ("user name", former.username, profile.username),
                ("version", former.version, profile.version),
                ("keep alive", former.keep_alive, profile.keep_alive),
                ("will", former.will and former.will[0], profile.will and profile.will[0]),
            )
            if before != after
        ]
        if len(changed) < limits.identity_changes:
            return None
        if not context.activity.once(
            self.id, profile.client_id, profile.server_ip, profile.server_port, *changed
        ):
            return None
        return failure(
            context,
            f"the client id returned with another {' and '.join(changed)}",
            changed=changed,
        )
