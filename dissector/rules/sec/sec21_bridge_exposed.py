"""SEC21: a bridge connects from a host that is not listed as a bridge."""

from __future__ import annotations

from dissector.rules.audit_rule import *
from dissector.rules.authoring import *


class BridgeExposed(ConnectionAuditRule):
    """A CONNECT identifies its sender as a bridge, and its host is not listed as one.

    What it checks
    --------------
    The protocol level has bit 0x80 set, as bridges of Mosquitto and RSMB do, and the client's
    address is not in the `bridges` of the configuration.

    Why it matters
    --------------
    A bridge gets messages unchanged, with RETAIN, and often whole topic trees: an easy way to copy
    everything.

    Fix on the client
    -----------------
    Do not set the bit if the client is not a bridge.

    Fix on the server
    -----------------
    Give bridges their own account with few rights; list their addresses in the configuration.

    Known false alarms
    ------------------
    Your own bridges, until they are listed.
    """

    id = "SEC21"
    name = "bridge-exposed"
    side = Side.CLIENT
    severity = Severity.INFO
    confidence = Confidence.PROVEN
    references = {
        "CWE": (
            "923",
            "441",
        ),
        "OWASP": (
            "I2",
            "I3",
        ),
        "ETSI": ("5.6-1",),
        "NISTIR": ("DC",),
    }
    asks = Event.FROM_BRIDGE
    bad = (Example("level 0x84", (connect("bridge-1", level=0x84), ACCEPTED_311, *GRACEFUL_CLOSE)),)
    good = (Example("level 4", (connect("bridge-1"), ACCEPTED_311, *GRACEFUL_CLOSE)),)

    def check(self, context: AuditContext) -> Verdict:
        """Reports a bridge on a host that is not listed as one."""
        limits = context.limits
        profile = context.profile
        assert profile is not None
        if not profile.bridge or profile.client_ip in limits.bridges:
            return None
        if not context.activity.once(
            self.id, profile.client_ip, profile.server_ip, profile.server_port
        ):
            return None
        return failure(
            context,
            f"a bridge connects from {profile.client_ip}, which is not listed as one",
            host=profile.client_ip,
        )
