"""SEC10: a host tries many user names or client ids."""

from __future__ import annotations

from dissector.rules.audit_rule import *
from dissector.rules.authoring import *

_TRY = (REFUSED_311, *SERVER_CLOSES, "NEW")


class PasswordSpraying(ConnectionAuditRule):
    """One host is refused with many user names or client ids, or tries one password for many.

    What it checks
    --------------
    Within 10 minutes one host is refused with at least 10 user names, or with 10 client ids without
    a user name, or with the same password for at least 5 user names. Repeated attempts with the
    same client id and the same pair are not counted: that is a device with outdated credentials.
    Passwords are compared by a keyed hash. Client ids without a user name may belong to many
    devices behind one address: such a finding has confidence possible.

    Why it matters
    --------------
    It reveals which accounts exist, and one weak password among many users is enough.

    Fix on the client
    -----------------
    If it is one of your gateways: set the right credentials.

    Fix on the server
    -----------------
    Answer every failed login in the same way and slowly; lock out the source, not the user.

    Known false alarms
    ------------------
    A gateway whose devices were all deleted on the server.
    """

    id = "SEC10"
    name = "password-spraying"
    side = Side.CLIENT
    severity = Severity.WARNING
    confidence = Confidence.LIKELY
    references = {
        "CWE": (
            "307",
            "203",
        ),
        "OWASP": ("I1",),
        "ETSI": ("5.1-5",),
        "NISTIR": (
            "LA",
            "SA",
        ),
        "MQTT": ("5.4.8",),
    }
    asks = Event.DENIED
    bad = (
        Example(
            "one password, five names",
            tuple(
                step
                for n in range(5)
                for step in (connect("x", f"user-{n}", "Zq7-one-for-all"), *_TRY)
            )[:-1],
            also=("SEC09",),
        ),
        Example(
            "ten client ids",
            tuple(step for n in range(10) for step in (connect(f"pump-{n}"), *_TRY))[:-1],
            also=(),
        ),
    )
    good = (
        Example(
            "ten devices with outdated credentials",
            tuple(
                step
                for n in (*(n // 2 for n in range(20)),)
                for step in (connect(f"pump-{n * n}", f"pump-{n}", f"Zq7-lost-{n}"), *_TRY)
            )[:-1],
        ),
        Example(
            "four names",
            tuple(
                step
                for n in range(4)
                for step in (connect("x", f"user-{n}", "Zq7-one-for-all"), *_TRY)
            )[:-1],
        ),
    )

    def check(self, context: AuditContext) -> Verdict:
        """Reports a host that tries many user names or client ids."""
        limits = context.limits
        host = context.host
        refusals = None if host is None else host.refusals
        if host is None or refusals is None or len(refusals) < limits.names_per_password:
            return None
        if (
            refusals.usernames < limits.names_per_password
            and refusals.without_username < limits.names_tried
        ):
            return None  # a bound of all counts below, without looking at each of them
        if context.activity.reported(self.id, host.ip):
            return None
        latest = refusals.since(context.now - 600 * SECOND_NS)
        tried: dict[tuple[str | None, ...], int] = {}
        for item in latest:
            key = (item.client_id, item.username, item.secret)
            tried[key] = tried.get(key, 0) + 1
        recent = [item for item in latest if tried[item.client_id, item.username, item.secret] == 1]
        confidence = None
        names = {item.username for item in recent if item.username is not None}
        ids = {item.client_id for item in recent if item.username is None and item.client_id}
        by_password: dict[str, set[str]] = {}
        for item in recent:
            if item.password is not None and item.username is not None:
                by_password.setdefault(item.password, set()).add(item.username)
        widest = max(map(len, by_password.values()), default=0)
        if len(names) >= limits.names_tried:
            what = f"{len(names)} user names"
        elif len(ids) >= limits.names_tried:
            what, confidence = f"{len(ids)} client ids", Confidence.POSSIBLE
        elif widest >= limits.names_per_password:
            what = f"one password on {widest} user names"
        else:
            return None
        if not context.activity.once(self.id, host.ip):
            return None
        found = failure(
            context,
            f"{host.ip} tries {what} within ten minutes and is refused",
            host=host.ip,
            usernames=len(names),
            clientIds=len(ids),
            usernamesPerPassword=widest,
        )
        found.confidence = confidence
        found.frames = (*(item.frame for item in recent[:20]), found.at)
        return found
