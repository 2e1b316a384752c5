"""Tells how a client logs in, from its profile."""

from __future__ import annotations

from dissector.activity.profile import Profile

# What cannot be seen
INSIDE_TLS = "unknown, inside TLS"
NOT_SEEN = "unknown, no CONNECT seen"
NOT_READABLE = "unknown, CONNECT not readable"
OUTSIDE_MQTT = "none in MQTT, unknown outside"  # a certificate, or a token in the HTTP request


def login_method(profile: Profile) -> str | None:
    """Returns "none", "password", "user name only", "client certificate" or "method NAME".

    If that cannot be seen, one of the texts above; None if the client did not get that far.
    """
    if not profile.used_count():
        return None
    if profile.tls is not None:
        return "client certificate" if profile.tls.client_certificates else INSIDE_TLS
    if profile.client_id is None:
        return NOT_SEEN
    if profile.method is not None:
        return f"method {profile.method}"
    if profile.secret is not None:
        return "password"
    if profile.username is not None:
        return "user name only"
    if not profile.complete:
        return NOT_READABLE
    return OUTSIDE_MQTT if profile.login_possible else "none"
