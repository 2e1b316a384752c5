"""SEC27: an identifier contains hardware or personal data."""

from __future__ import annotations

from dissector.rules.audit_rule import *
from dissector.rules.authoring import *
from dissector.rules.identifiers import identifier


class IdentifierLeak(ConnectionAuditRule):
    """A client id, user name, Will Topic or User Property contains hardware or personal data.

    What it checks
    --------------
    A MAC address (the host's own, or 12 hex digits with a registered vendor), an IMEI (15 digits
    with check digit and a plausible beginning), an ICCID (19 or 20 digits from 89), an IMSI or a
    serial number that is labelled as such (`imsi-…`, `SN:…`), an e-mail address, a host name
    (`….local`, `….lan`, names that Windows and Apple's systems generate). Severity info if the
    connection is encrypted.

    Why it matters
    --------------
    It makes the person or the device trackable everywhere, and shows an attacker what to look for.

    Fix on the client
    -----------------
    Use an id that means nothing elsewhere: random characters that are stored permanently.

    Fix on the server
    -----------------
    Do not derive accounts from such data; use encryption.

    Known false alarms
    ------------------
    Digits that match by chance.
    """

    id = "SEC27"
    name = "identifier-leak"
    side = Side.CLIENT
    severity = Severity.WARNING
    confidence = Confidence.LIKELY
    references = {
        "CWE": (
            "359",
            "200",
            "319",
        ),
        "OWASP": ("I6",),
        "ETSI": (
            "5.8-1",
            "6.1-4",
        ),
        "NISTIR": (
            "DP",
            "DI",
        ),
        "MQTT": ("5.4.5",),
    }
    asks = Event.IDENTIFIER
    bad = (
        Example(
            "its own MAC address",
            (connect("lamp-02:00:00:00:00:01"), ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
        Example("an IMEI", (connect("356938035643809"), ACCEPTED_311, *GRACEFUL_CLOSE)),
        Example(
            "an e-mail address",
            (connect("lamp", "anna@example.org", "Zq7-unlikely-Pw"), ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
        Example(
            "an IMSI",
            (connect("imsi-262011234567890"), ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
        Example(
            "a serial number",
            (connect("meter-SN:4711A083"), ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
        Example(
            "a host name",
            (connect("sensor@annas-pi.local"), ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
        Example(
            "a host name that Windows generated",
            (connect("mosqpub|4711-DESKTOP-7B2QX1C"), ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
        Example(
            "a registered MAC address", (connect("ESP-240AC4123456"), ACCEPTED_311, *GRACEFUL_CLOSE)
        ),
    )
    good = (
        Example("a name", (connect("lamp"), ACCEPTED_311, *GRACEFUL_CLOSE)),
        Example(
            "random characters",
            (connect("5e2c6a1e-87d3-4a55-9c0e-240ac4123456"), ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
        Example(
            "fifteen digits that are not labelled as an IMSI",
            (connect("262011234567890"), ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
        Example(
            "words that begin like a label",
            (connect("snow-sensor-2025-local"), ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
        Example(
            "a MAC address without a registered vendor",
            (connect("ffeeddccbbaa"), ACCEPTED_311, *GRACEFUL_CLOSE),
        ),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports hardware or personal data in identifiers."""
        connection, profile = context.connection, context.profile
        assert profile is not None
        if profile.client_id is None:
            return None
        places = [
            ("client id", profile.client_id),
            ("user name", profile.username or ""),
            ("Will Topic", connection.last_will_topic or ""),
        ]
        for item in profile.properties:
            if item.name == "userProperty":
                places += [("User Property", str(half)) for half in item.value]
        for where, text in places:
            kind = identifier(text, profile.client_mac)
            if kind is None or not context.activity.once(self.id, profile.client_ip, where, text):
                continue
            clear = not encrypted(connection)
            return failure(
                context,
                f"the {where} contains {kind}" + (", in clear" if clear else ""),
                None if clear else Severity.INFO,
                field=where,
                holds=kind,
            )
        return None
