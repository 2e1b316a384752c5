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
_TOKEN = rb"eyJ[\w-]{8,}\.[\w-]{8,}\."
_KEY = rb"-----BEGIN [A-Z ]+-----"
_SECRET = rb"(?i)\b(?:password|passwd|secret|psk|api_?key|token)\b\W{0,4}[:=]"
# of a private network: others may be versions
_ADDRESS = rb"(?<![\w.])(?:10\.\d{1,3}|192\.168|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d{1,3}){2}(?![\w.])"
# what must be there (most messages have none of it), the pattern, what it is
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
    """Give the first level of a topic that stands for something sensitive."""
    if topic.rpartition("/")[2].lower() in _STATUS:
        return None
    for level in topic.split("/"):
        if level.lower() in _SENSITIVE:
            return level
    return None


def sensitive_content(message: bytes) -> str | None:
    """Say what a message seems to hold: ``a secret``; None for nothing of the kind."""
    head = message[:4096]
    text = head.decode("latin-1")  # in which a sign is found sooner than in bytes
    for sign, pattern, what in _CONTENT:
        if sign in text and re.search(pattern, head):
            return what
    return None
