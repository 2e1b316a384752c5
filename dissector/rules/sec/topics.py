"""Detects topics of commands and of sensitive data."""

from __future__ import annotations

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


def sensitive_level(topic: str) -> str | None:
    """Returns the first sensitive level of a topic, or None."""
    if topic.rpartition("/")[2].lower() in _STATUS:
        return None
    for level in topic.split("/"):
        if level.lower() in _SENSITIVE:
            return level
    return None
