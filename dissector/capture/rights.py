"""The system and its user in, how to get the right to capture out: exact commands, one line."""

from __future__ import annotations

import os
import shutil
import sys


def remedy(names: str) -> str:
    """Say what to do where this user may not capture on these interfaces."""
    if sys.platform == "darwin":
        return (
            "install Wireshark's ChmodBPF, or pipe: "
            f"sudo tcpdump -i {names} -U -w - | dissector live -"
        )
    if sys.platform == "win32":
        return "install npcap (npcap.com) without its restriction to administrators"
    ways = [*_by_group(), *_by_pipe(names), *_by_sudo()]
    return "; or ".join(ways) if ways else "run as root"


def _by_group() -> list[str]:
    """Say how to join the group wireshark, whose members may run dumpcap with its rights."""
    if not shutil.which("dumpcap"):
        return []
    user = _user()
    join = f"sudo usermod -aG wireshark {user}, and log in again"
    program = shutil.which("dumpcap") or ""
    try:
        import grp

        group = grp.getgrnam("wireshark")
        if os.stat(program).st_gid == group.gr_gid:
            return [join]
    except (ImportError, KeyError, OSError):
        pass
    if os.path.exists("/etc/debian_version"):
        return [f"sudo dpkg-reconfigure wireshark-common (answer yes), {join}"]
    return [join]


def _by_pipe(names: str) -> list[str]:
    """Say how to capture with tcpdump and its rights, and judge without any."""
    if not shutil.which("tcpdump", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"):
        return []
    first = names.partition(",")[0]
    return [f"sudo tcpdump -i {first} -U -w - | dissector live -"]


def _by_sudo() -> list[str]:
    return ["sudo dissector live (it gives root up once it captures)"] if not _by_pipe("") else []


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "$USER"
