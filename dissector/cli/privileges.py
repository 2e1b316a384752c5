"""Root's rights in, those of the user who called sudo out: only opening a socket needs root."""

from __future__ import annotations

import os
from collections.abc import Mapping


def give_up(environment: Mapping[str, str]) -> str:
    """Become the user who called sudo, for good; give the name, "" where nothing was to be done."""
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
