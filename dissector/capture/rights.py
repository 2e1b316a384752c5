"""The system and its user in, how to get the right to capture out: exact commands, one line."""

from __future__ import annotations

import os
import shutil
import socket
import sys

from dissector.machine import programs


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


def may_open_sockets() -> bool:
    """Whether this process may open a packet socket of Linux: it tries, and captures nothing."""
    if not hasattr(socket, "AF_PACKET"):
        return False
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except OSError:
        return False
    return True


def _by_group() -> list[str]:
    """Say how to be one who may capture with dumpcap; one that may not be run yet is found, too."""
    path, _ = programs.located("dumpcap")
    return [] if path is None else [programs.permit(path)]


def _by_pipe(names: str) -> list[str]:
    """Say how to capture with tcpdump and its rights, and judge without any."""
    if not shutil.which("tcpdump", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"):
        return []
    first = names.partition(",")[0]
    return [f"sudo tcpdump -i {first} -U -w - | dissector live -"]


def _by_sudo() -> list[str]:
    return ["sudo dissector live (it gives root up once it captures)"] if not _by_pipe("") else []
