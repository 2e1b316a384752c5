"""Tells how a client authenticates, from its profile."""

from __future__ import annotations

from dissector.connections.profile import Profile


def login_method(profile: Profile) -> str | None:
    """Returns "none", "password", "user name only", "client certificate" or "method NAME".

    None if it was not seen.
    """
    if profile.tls is not None:
        shown = profile.tls.client_certificates and profile.opaque
        return "client certificate" if shown else None
    if profile.client_id is None:
        return None
    if profile.method is not None:
        return f"method {profile.method}"
    if profile.secret is not None:
        return "password"
    return "none" if profile.username is None else "user name only"
