"""Detects sensitive topics and message contents; returns a description, never the content."""

from __future__ import annotations

import re

CONTROL_LEVELS = frozenset(
    {"set", "cmd", "cmnd", "command", "commands", "control", "ctrl", "action", "switch"}
)
_SENSITIVE = CONTROL_LEVELS | {
    "ota", "firmware", "config", "configuration", "credential", "credentials", "password",
    "passwd", "secret", "token", "location", "gps", "person", "persons",
}  # fmt: skip
# a will on a topic that ends in one of these only reports that its device is offline
_STATUS = frozenset(
    {"status", "state", "availability", "available", "online", "connected", "alive", "lwt"}
)
_TOKEN = rb"eyJ[\w-]{8,}\.[\w-]{8,}\."
_KEY = rb"-----BEGIN [A-Z ]+-----"
_SECRET = rb"(?i)\b(?:password|passwd|secret|psk|api_?key|token)\b\W{0,4}[:=]"
# of private networks only: others may be version numbers
_ADDRESS = rb"(?<![\w.])(?:10\.\d{1,3}|192\.168|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d{1,3}){2}(?![\w.])"
# (required substring, pattern, description); most messages have none of the substrings
_CONTENT = (
    ("eyJ", _TOKEN, "a JSON Web Token"),
    ("-----BEGIN ", _KEY, "a key"),
    (":", _SECRET, "a secret"),
    ("=", _SECRET, "a secret"),
    ("10.", _ADDRESS, "an IP address"),
    ("172.", _ADDRESS, "an IP address"),
    ("192.168.", _ADDRESS, "an IP address"),
)


def sensitive_level(topic: str) -> str | None:
    """Returns the first sensitive level of a topic, or None."""
    if topic.rpartition("/")[2].lower() in _STATUS:
        return None
    for level in topic.split("/"):
        if level.lower() in _SENSITIVE:
            return level
    return None


def sensitive_content(message: bytes) -> str | None:
    """Returns what a message seems to contain, such as ``a secret``, or None."""
    head = message[:4096]
    text = head.decode("latin-1")  # searching for a substring is faster in text than in bytes
    for substring, pattern, what in _CONTENT:
        if substring in text and re.search(pattern, head):
            return what
    return None
