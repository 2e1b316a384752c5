"""A topic or a will in, what is sensitive about it out: words, never the content."""

from __future__ import annotations

import re

STEERING = frozenset(
    {"set", "cmd", "cmnd", "command", "commands", "control", "ctrl", "action", "switch"}
)
_SENSITIVE = STEERING | {
    "ota", "firmware", "config", "configuration", "credential", "credentials", "password",
    "passwd", "secret", "token", "location", "gps", "person", "persons",
}  # fmt: skip
# where a topic ends in one of these, a will there says no more than that its device is gone
_STATUS = frozenset(
    {"status", "state", "availability", "available", "online", "connected", "alive", "lwt"}
)
_CONTENT = (
    (re.compile(rb"eyJ[\w-]{8,}\.[\w-]{8,}\."), "a JSON Web Token"),
    (re.compile(rb"-----BEGIN [A-Z ]+-----"), "a key"),
    (re.compile(rb"(?i)\b(?:password|passwd|secret|psk|api_?key|token)\b\W{0,4}[:=]"), "a secret"),
    # of a private network: others may be versions
    (
        re.compile(
            rb"(?<![\w.])(?:10\.\d{1,3}|192\.168|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d{1,3}){2}(?![\w.])"
        ),
        "an IP address",
    ),
)


def sensitive_level(topic: str) -> str | None:
    """Give the first level of a topic that stands for something sensitive."""
    if topic.rpartition("/")[2].lower() in _STATUS:
        return None
    return next((level for level in topic.split("/") if level.lower() in _SENSITIVE), None)


def sensitive_content(message: bytes) -> str | None:
    """Say what a message seems to hold: ``a secret``; None for nothing of the kind."""
    head = message[:4096]
    return next((what for pattern, what in _CONTENT if pattern.search(head)), None)
