"""Lists the network interfaces of this machine with their flags and addresses."""

from __future__ import annotations

import os
import socket
import struct
from typing import NamedTuple

from dissector.errors import CaptureError

ANY = "any"  # all interfaces at once (Linux)
_SYSTEM = "/sys/class/net"
_ETHERNET_TYPES = frozenset({1, 772})  # ARPHRD_ numbers: Ethernet and loopback
_UP, _LOOPBACK = 1, 8


class NetworkInterface(NamedTuple):
    """One interface; `number` is its index. `ethernet`: its frames begin with Ethernet headers."""

    name: str
    number: int
    up: bool
    loopback: bool
    ethernet: bool
    addresses: tuple[str, ...]


def interfaces() -> list[NetworkInterface]:
    """Return all interfaces, in the system's order."""
    addresses = _addresses_v6()
    found = []
    for number, name in socket.if_nameindex():
        flags = int(_read(name, "flags") or "1", 16)
        kind = int(_read(name, "type") or "1")
        own = [address for address in (_address_v4(name),) if address]
        found.append(
            NetworkInterface(
                name,
                number,
                bool(flags & _UP),
                bool(flags & _LOOPBACK),
                kind in _ETHERNET_TYPES,
                (*own, *addresses.get(name, ())),
            )
        )
    return found


def interface(name: str) -> NetworkInterface:
    """Return an interface by its name, "any" included, or by its number as shown by `-D`.

    Raises:
        CaptureError: there is no such interface; the message lists the existing ones.
    """
    known = interfaces()
    for number, each in enumerate(known, 1):
        if name in (each.name, str(number)):
            return each
    if name == ANY:
        return NetworkInterface(ANY, 0, True, False, False, ())
    names = ", ".join(each.name for each in known)
    raise CaptureError(
        f"there is no interface {name}; there are {names}; list them with `dissector live -D`"
    )


def _read(name: str, what: str) -> str:
    """Read a sysfs attribute of an interface; "" if the system has no such file."""
    try:
        with open(os.path.join(_SYSTEM, name, what), encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def _address_v4(name: str) -> str:
    """Return the first IPv4 address; "" if there is none or the system has no SIOCGIFADDR."""
    try:
        import fcntl

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            request = struct.pack("256s", name.encode()[:15])
            answer = fcntl.ioctl(probe.fileno(), 0x8915, request)  # SIOCGIFADDR
    except (ImportError, OSError):
        return ""
    return socket.inet_ntoa(answer[20:24])


def _addresses_v6() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    try:
        with open("/proc/net/if_inet6", encoding="ascii") as file:
            for line in file:
                address, *_, name = line.split()
                text = socket.inet_ntop(socket.AF_INET6, bytes.fromhex(address))
                found.setdefault(name, []).append(text)
    except OSError:
        pass
    return found
