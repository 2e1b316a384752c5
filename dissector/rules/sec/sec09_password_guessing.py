"""SEC09: a host guesses passwords."""

from __future__ import annotations

from dissector.activity.entities import Refusal
from dissector.rules.audit_rule import *
from dissector.rules.authoring import *

_TRY = (REFUSED_311, *SERVER_CLOSES, "NEW")


class PasswordGuessing(ConnectionAuditRule):
    """One host is refused repeatedly with different credentials.

    What it checks
    --------------
    Refusals of one host because of its credentials (codes 4 and 5, 0x86 and 0x87): at least 5 in 60
    seconds or 20 in 10 minutes, with at least 3 different passwords for one user name, or 3 pairs
    of one client id. Severity error if the host is then accepted with one of these user names and a
    pair that was not refused before. Pairs are compared by a keyed hash.

    Why it matters
    --------------
    Guessing continues until it succeeds, and weak passwords are found soon.

    Fix on the client
    -----------------
    If it is one of your devices: set the right credentials, and increase the delay after each
    refusal.

    Fix on the server
    -----------------
    Slow down or lock out hosts that fail often, close the port to the outside, use certificates.

    Known false alarms
    ------------------
    A person who tries several passwords by hand. Not reported are one wrong pair that is tried
    forever (a device with outdated credentials), and many clients with one wrong pair each, as
    after a server lost its accounts.
    """

    id = "SEC09"
    name = "password-guessing"
    side = Side.CLIENT
    severity = Severity.WARNING
    confidence = Confidence.LIKELY
    references = {
        "CWE": ("307",),
        "OWASP": ("I1",),
        "ETSI": ("5.1-5",),
        "NISTIR": (
            "LA",
            "SA",
        ),
        "MQTT": ("5.4.8",),
    }
    asks = Event.DENIED | Event.AFTER_DENIAL
    bad = (
        Example(
            "five guesses",
            tuple(
                step for n in range(5) for step in (connect("x", "anna", f"Zq7-guess-{n}"), *_TRY)
            )[:-1],
        ),
        Example(
            "five guesses, then accepted",
            (
                *(
                    step
                    for n in range(5)
                    for step in (connect("x", "anna", f"Zq7-guess-{n}"), *_TRY)
                ),
                connect("x", "anna", "Zq7-unlikely-Pw"),
                ACCEPTED_311,
                *GRACEFUL_CLOSE,
            ),
            also=("SEC17",),
        ),
    )
    good = (
        Example(
            "four guesses",
            tuple(
                step for n in range(4) for step in (connect("x", "anna", f"Zq7-guess-{n}"), *_TRY)
            )[:-1],
        ),
        Example(
            "five clients with a wrong pair each, repeatedly",
            tuple(
                step
                for n in range(15)
                for step in (
                    connect(f"plug-{n % 5}{n % 5}", f"plug-{n % 5}", f"Zq7-lost-{n % 5}"),
                    *_TRY,
                )
            )[:-1],
        ),
        Example(
            "always the same pair",
            tuple(
                step for n in range(9) for step in (connect("x", "anna", "Zq7-left-behind"), *_TRY)
            )[:-1],
        ),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports a host that guesses passwords."""
        limits = context.limits
        profile = context.profile
        assert profile is not None
        host = context.host
        refusals = None if host is None else host.refusals
        if host is None or refusals is None or len(refusals) < limits.guesses_per_minute:
            return None
        if refusals.guesses < limits.distinct_guesses:
            return None  # a bound of what is counted below, without looking at each of them
        succeeded = bool(context.event & Event.ACCEPTED)
        if context.activity.reported(self.id, host.ip, succeeded):
            return None
        longer = refusals.since(context.now - 600 * SECOND_NS)
        guessed = {item.secret or item.username for item in longer}
        most = max(len(guessed), len({item.password for item in longer}))
        if most < limits.distinct_guesses:
            return None  # a bound of what `_most_tried` returns, in a fraction of its time
        count = limits.guesses_per_minute
        many = len(longer) >= limits.guesses_in_ten_minutes or any(
            later.time_ns - earlier.time_ns < 60 * SECOND_NS
            for earlier, later in zip(longer, longer[count - 1 :], strict=False)
        )
        if not many or _most_tried(longer) < limits.distinct_guesses:
            return None
        names = {item.username for item in longer}
        if succeeded and (
            profile.username not in names or profile.secret in guessed or profile.anonymous
        ):
            return None
        if not context.activity.once(self.id, host.ip, succeeded):
            return None
        found = failure(
            context,
            f"{host.ip} was refused {len(longer)} times with {len(guessed)} different credentials"
            + (", then accepted" if succeeded else ""),
            Severity.ERROR if succeeded else None,
            refusals=len(longer),
            different=len(guessed),
            succeeded=succeeded,
            host=host.ip,
        )
        found.frames = (*(item.frame for item in longer[:20]), found.at)
        return found


def _most_tried(denials: list[Refusal]) -> int:
    """Returns the most passwords tried for one user name, or pairs tried for one client id."""
    by_name: dict[object, set[str | None]] = {}
    for item in denials:
        by_name.setdefault(("user", item.username), set()).add(item.password)
        if item.client_id:
            pair = item.secret or item.username
            by_name.setdefault(("id", item.client_id), set()).add(pair)
    return max(map(len, by_name.values()), default=0)
