"""Tells how a client logs in, from its profile."""

from __future__ import annotations

from dissector.connections.profile import Profile

INSIDE_TLS = "unknown, inside TLS"
NOT_CAPTURED = "unknown, CONNECT not captured"


def login_method(profile: Profile) -> str | None:
    """Returns "none", "password", "user name only", "client certificate" or "method NAME".

    If it cannot be seen, `INSIDE_TLS` or `NOT_CAPTURED`; None if the client did not get that far.
    """
    if not profile.used:
        return None
    if profile.tls is not None:
        return "client certificate" if profile.tls.client_certificates else INSIDE_TLS
    if profile.client_id is None:
        return NOT_CAPTURED
    if profile.method is not None:
        return f"method {profile.method}"
    if profile.secret is not None:
        return "password"
    return "none" if profile.username is None else "user name only"
