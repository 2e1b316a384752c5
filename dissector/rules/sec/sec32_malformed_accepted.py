"""SEC32: malformed packets are accepted, or sent in large numbers."""

from __future__ import annotations

from dissector.rules.audit_rule import *
from dissector.rules.authoring import *

CONTINUED = frozenset({"SEQ05", "SEQ17", "ENC02"})


class MalformedAccepted(ConnectionAuditRule):
    """A server continues after malformed packets, or one host sends many of them.

    What it checks
    --------------
    A rule about the standard found that the server continued a connection after a malformed packet
    (SEQ05, ENC02, or SEQ17 because of a malformed packet); or one host sent malformed packets on at
    least 5 connections within 60 seconds, as fuzzing does: then the client is at fault.

    Why it matters
    --------------
    Lax parsers often have vulnerabilities; fuzzing searches for them.

    Fix on the client
    -----------------
    Fix the library that produces such packets.

    Fix on the server
    -----------------
    Close the connection at the first malformed packet, as the standard requires.

    Known false alarms
    ------------------
    A broken device that retries repeatedly.
    """

    id = "SEC32"
    name = "malformed-accepted"
    side = Side.SERVER
    either = True
    severity = Severity.WARNING
    confidence = Confidence.PROVEN
    references = {
        "CWE": (
            "20",
            "1286",
            "130",
        ),
        "OWASP": ("I2",),
        "ETSI": ("5.13-1",),
        "NISTIR": ("SA",),
        "MQTT": ("5.4.8",),
    }
    asks = Event.WITH_FINDINGS
    bad = (
        Example(
            "the server continues",
            ("C 10 0d 00 04 4d 51 54 54 04 03 00 3c 00 01 61", ACCEPTED_311, "+8", *GRACEFUL_CLOSE),
        ),
        Example(
            "five malformed packets",
            tuple(
                step
                for n in range(5)
                for step in (
                    "C 10 0d 00 04 4d 51 54 54 04 03 00 3c 00 01 61",
                    "S FIN",
                    "C FIN",
                    "NEW",
                )
            )[:-1],
        ),
    )
    good = (
        Example(
            "a second CONNECT is well-formed",
            (connect("a"), ACCEPTED_311, connect("a"), "+8", *GRACEFUL_CLOSE),
        ),
        Example(
            "closed at once", ("C 10 0d 00 04 4d 51 54 54 04 03 00 3c 00 01 61", "S FIN", "C FIN")
        ),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports malformed packets that are accepted or sent in large numbers."""
        limits = context.limits
        connection, profile = context.connection, context.profile
        assert profile is not None
        if not connection.findings:
            return None
        found = []
        malformed = {item.rule for item in connection.malformed}
        proofs = [
            item
            for item in connection.findings
            if item.rule in CONTINUED
            and item.side is Side.SERVER
            and (item.provoked_by or item.rule) in (*malformed, item.rule)
        ]
        if proofs and context.activity.once(
            self.id, profile.server_ip, profile.server_port, "accepts"
        ):
            rules = sorted({item.rule for item in proofs})
            found.append(
                failure(
                    context,
                    f"the server {server_name(connection)} continues after a malformed packet "
                    f"({', '.join(rules)})",
                    at=proofs[0].frame,
                    rules=rules,
                )
            )
        host = context.host
        broken = [
            item
            for item in connection.malformed
            if item.side is Side.CLIENT and item.severity is Severity.ERROR
        ]
        if broken and host is not None:
            host.note_malformed(broken[0].time_ns)
            recent = sum(
                time_ns > broken[0].time_ns - 60 * SECOND_NS for time_ns in host.malformed_times
            )
            if recent >= limits.malformed_per_minute and context.activity.once(self.id, host.ip):
                found.append(
                    failure(
                        context,
                        f"{host.ip} sent malformed packets on {recent} connections within a minute",
                        side=Side.CLIENT,
                        at=broken[0].frame,
                        connections=recent,
                        host=host.ip,
                    )
                )
        return found or None
