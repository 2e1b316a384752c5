"""Drops root privileges under sudo: only opening a socket needs root."""

from __future__ import annotations

import os
from collections.abc import Mapping


def drop(environment: Mapping[str, str]) -> str:
    """Switches permanently to the user who called sudo; returns the name, "" if not under sudo."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return ""
    user, group = environment.get("SUDO_UID", ""), environment.get("SUDO_GID", "")
    if not (user.isdigit() and group.isdigit()) or int(user) == 0:
        return ""
    import pwd

    try:
        name = pwd.getpwuid(int(user)).pw_name
        os.initgroups(name, int(group))
    except KeyError:
        name = user
        os.setgroups([])
    os.setgid(int(group))
    os.setuid(int(user))
    return name
