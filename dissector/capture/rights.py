"""Explains how to get permission to capture on this system, in one line with exact commands."""

from __future__ import annotations

import os
import shutil
import socket
import sys

from dissector.machine import programs


def remedy(names: str) -> str:
    """Return what to do if this user may not capture on these interfaces (joined by commas)."""
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
    """Whether this process may open a Linux packet socket; opens one without capturing."""
    if not hasattr(socket, "AF_PACKET"):
        return False
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except OSError:
        return False
    return True


def _by_group() -> list[str]:
    """Return how to get permission for dumpcap, if installed (even if this user cannot run it)."""
    path, _ = programs.located("dumpcap")
    return [] if path is None else [programs.permit(path)]


def _by_pipe(names: str) -> list[str]:
    """Return how to run only tcpdump with privileges and pipe its capture, if it is installed."""
    if not shutil.which("tcpdump", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"):
        return []
    first = names.partition(",")[0]
    return [f"sudo tcpdump -i {first} -U -w - | dissector live -"]


def _by_sudo() -> list[str]:
    if _by_pipe(""):
        return []
    return ["sudo dissector live (it drops root privileges once it captures)"]
