"""The network of this machine in, its interfaces and whether this user may capture on them out."""

from __future__ import annotations

import os
import socket
import sys

from dissector.machine.check import Check, State
from dissector.machine.programs import dumpcap, located

_SYSTEM = "/sys/class/net"
_UP = 1  # of an interface's flags


def may_capture() -> bool:
    """Whether this process may open a packet socket: it tries, and captures nothing."""
    if not hasattr(socket, "AF_PACKET"):
        return False
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except OSError:
        return False
    return True


def capture() -> list[Check]:
    """Look by which ways this user may capture: itself, or through dumpcap."""
    itself = may_capture()
    program = dumpcap(may_capture=itself)
    if itself:
        right = Check("capture", "right to capture", State.OK, "this user may open packet sockets")
    elif program.state is State.OK and sys.platform == "linux":
        what = f"this user may not open packet sockets, but dumpcap may ({program.path})"
        right = Check("capture", "right to capture", State.OK, what)
    elif not hasattr(socket, "AF_PACKET"):
        what = "this system has no packet sockets; pipe a capture: `tcpdump -w - | dissector -`"
        right = Check("capture", "right to capture", State.LIMITED, what)
    else:
        what = "this user may capture neither by packet sockets nor by dumpcap"
        right = Check("capture", "right to capture", State.MISSING, what, _remedy(program))
    return [program, right, interfaces()]


def interfaces() -> Check:
    """Name the interfaces, and which of them are up."""
    try:
        names = [name for _, name in socket.if_nameindex()]
    except (OSError, AttributeError) as error:
        return Check("capture", "interfaces", State.LIMITED, f"they cannot be listed: {error}")
    if not names:
        return Check("capture", "interfaces", State.LIMITED, "there are none")
    said = ", ".join(name if _is_up(name) else f"{name} (down)" for name in names)
    return Check("capture", "interfaces", State.OK, said)


def _is_up(name: str) -> bool:
    try:
        with open(os.path.join(_SYSTEM, name, "flags"), encoding="ascii") as file:
            return bool(int(file.read(), 16) & _UP)
    except (OSError, ValueError):
        return True  # a system that does not tell


def _remedy(program: Check) -> str:
    """Give the best way: dumpcap's rights, else to capture as root and judge as this user."""
    if program.path is not None and program.mend is not None:
        return program.mend
    if located("tcpdump")[0] is not None:
        return "sudo tcpdump -i any -U -w - | dissector -"
    return program.mend or "run as root"
