"""SEC14: a guessable client id is enough to be accepted."""

from __future__ import annotations

from dissector.activity.entities import NUMBERS_KEPT
from dissector.rules.audit_rule import *
from dissector.rules.authoring import *


class GuessableClientId(ConnectionAuditRule):
    """Client ids are consecutive numbers or MAC addresses, with missing or shared credentials.

    What it checks
    --------------
    At least 5 consecutive numbers at the end of otherwise equal client ids, or 5 ids that are the
    MAC address of their host, accepted without credentials or with credentials that several ids
    share.

    Why it matters
    --------------
    Anyone who guesses the next id is accepted as that device: with its session and its messages.

    Fix on the client
    -----------------
    Let the server assign the id, or use random characters that are stored permanently.

    Fix on the server
    -----------------
    Give each device its own credentials, and bind the id to them.

    Known false alarms
    ------------------
    A server that grants no rights to client ids.
    """

    id = "SEC14"
    name = "guessable-client-id"
    side = Side.SERVER
    severity = Severity.WARNING
    confidence = Confidence.PROVEN
    references = {
        "CWE": (
            "340",
            "341",
            "639",
        ),
        "OWASP": (
            "I3",
            "I6",
        ),
        "ETSI": (
            "5.1-2",
            "5.6-2",
        ),
        "NISTIR": ("DI",),
        "MQTT": ("5.4.2",),
    }
    asks = Event.NUMBERED
    bad = (
        Example(
            "five consecutive numbers",
            tuple(
                step
                for n in range(1, 6)
                for step in (connect(f"meter-00{n}"), ACCEPTED_311, *GRACEFUL_CLOSE, "NEW")
            )[:-1],
        ),
    )
    good = (
        Example(
            "with gaps",
            tuple(
                step
                for n in range(1, 6)
                for step in (connect(f"meter-00{2 * n - 1}"), ACCEPTED_311, *GRACEFUL_CLOSE, "NEW")
            )[:-1],
        ),
        Example(
            "each with its own password",
            tuple(
                step
                for n in range(1, 6)
                for step in (
                    connect(f"meter-00{n}", "m", f"Zq7-unlikely-Pw-{n}"),
                    ACCEPTED_311,
                    *GRACEFUL_CLOSE,
                    "NEW",
                )
            )[:-1],
        ),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports guessable client ids that need no credentials of their own."""
        limits = context.limits
        profile = context.profile
        assert profile is not None
        client_id = profile.client_id
        if profile.code != 0 or not client_id:
            return None
        shared = (
            context.credential is not None
            and len(context.credential.client_ids) >= limits.shared_clients
        )
        if not profile.anonymous and not shared:
            return None
        plain = client_id.replace(":", "").replace("-", "").lower()
        if profile.client_mac is not None and plain == profile.client_mac.replace(":", ""):
            stem, number = "(MAC)", int(plain, 16)
        else:
            stem = client_id.rstrip("0123456789")
            digits = client_id[len(stem) :]
            if not digits or len(digits) > 12:
                return None
            number = int(digits)
        place = (profile.server_ip, profile.server_port, stem)
        numbers = context.activity.stems.get(place)
        if numbers is None:
            numbers = context.activity.stems.keep(place, set())
        if len(numbers) < NUMBERS_KEPT:
            numbers.add(number)
        if len(numbers) < limits.consecutive_ids:
            return None
        if stem == "(MAC)":
            what = f"{len(numbers)} client ids are MAC addresses"
        else:
            first = last = number
            while first - 1 in numbers:
                first -= 1
            while last + 1 in numbers:
                last += 1
            if last - first + 1 < limits.consecutive_ids:
                return None
            what = f"client ids are numbered consecutively ({last - first + 1} in a row)"
        if not context.activity.once(self.id, profile.server_ip, profile.server_port, stem):
            return None
        how = "without credentials" if profile.anonymous else "with shared credentials"
        return failure(context, f"{what}, and are accepted {how}", stem=stem, seen=len(numbers))
