"""SEC20: an old version of MQTT is in use."""

from __future__ import annotations

from dissector.rules.audit_rule import *
from dissector.rules.authoring import *


class OldProtocolVersion(ConnectionAuditRule):
    """A server accepts MQTT 3.1, which predates the OASIS standard.

    What it checks
    --------------
    An accepted CONNECT of MQTT 3.1. If the configuration requires 5.0 (`oldest-version`), 3.1.1 is
    reported, too, with severity info.

    Why it matters
    --------------
    3.1 is not a standard, its libraries are no longer maintained, and it has no Reason String for
    refusals.

    Fix on the client
    -----------------
    Use a library that supports 3.1.1 or 5.0; most need one option.

    Fix on the server
    -----------------
    Refuse 3.1 with code 1 once the last device is updated.

    Known false alarms
    ------------------
    None.
    """

    id = "SEC20"
    name = "old-protocol-version"
    side = Side.CLIENT
    severity = Severity.WARNING
    confidence = Confidence.PROVEN
    references = {
        "CWE": (
            "477",
            "1104",
        ),
        "OWASP": ("I5",),
        "ETSI": ("5.3-1",),
        "NISTIR": ("SU",),
    }
    asks = Event.OLD_VERSION
    bad = (Example("3.1", (connect("a", version="3.1"), ACCEPTED_311, *GRACEFUL_CLOSE)),)
    good = (
        Example("3.1.1", (connect("a"), ACCEPTED_311, *GRACEFUL_CLOSE)),
        Example("3.1, refused", (connect("a", version="3.1"), "S 20 02 00 01", *SERVER_CLOSES)),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports an old version of MQTT."""
        limits = context.limits
        profile = context.profile
        assert profile is not None
        version = profile.version
        if profile.code != 0 or version is None or version is Version.V5_0:
            return None
        old = version is Version.V3_1
        if not old and limits.oldest_version != Version.V5_0._value_:
            return None
        if not context.activity.once(
            self.id,
            profile.client_ip,
            profile.client_id,
            version,
            profile.server_ip,
            profile.server_port,
        ):
            return None
        return failure(
            context,
            f"the client uses MQTT {version.value}",
            None if old else Severity.INFO,
            version=version.value,
        )
