"""A topic or a will in, what is sensitive about it out: words, never the content."""

from __future__ import annotations

import re

STEERING = frozenset(
    {"set", "cmd", "cmnd", "command", "commands", "control", "ctrl", "action", "switch"}
)
_SENSITIVE = STEERING | {
    "ota", "firmware", "update", "config", "configuration", "settings", "credential",
    "credentials", "password", "passwd", "secret", "token", "key", "keys", "location", "gps",
    "position", "person", "persons", "people", "presence", "user", "users", "alarm", "lock",
}  # fmt: skip
_CONTENT = (
    (re.compile(rb"eyJ[\w-]{8,}\.[\w-]{8,}\."), "a JSON Web Token"),
    (re.compile(rb"-----BEGIN [A-Z ]+-----"), "a key"),
    (re.compile(rb"(?i)\b(?:password|passwd|secret|psk|api_?key|token)\b\W{0,4}[:=]"), "a secret"),
    (re.compile(rb"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])"), "an IP address"),
)


def sensitive_level(topic: str) -> str | None:
    """Give the first level of a topic that stands for something sensitive."""
    return next((level for level in topic.split("/") if level.lower() in _SENSITIVE), None)


def sensitive_content(message: bytes) -> str | None:
    """Say what a message seems to hold: ``a secret``; None for nothing of the kind."""
    head = message[:4096]
    return next((what for pattern, what in _CONTENT if pattern.search(head)), None)
