"""Looks up the vendor of a MAC address by its registered first half (OUI).

The table is scapy's; it is loaded at the first look-up, which takes 0.15 s.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any

_LOCAL = 0x02  # bit of the first byte: locally administered
_GROUP = 0x01  # bit of the first byte: multicast


@functools.cache
def _table() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings of scapy itself
        from scapy.data import MANUFDB

        return MANUFDB


@functools.lru_cache(maxsize=4096)
def vendor(mac: str) -> str | None:
    """Return the vendor of ``24:0a:c4:…``; None if it is unregistered, local or multicast."""
    if local(mac) or int(mac[:2], 16) & _GROUP or mac.startswith("00:00:00"):
        return None
    name = _table().lookup(mac)[1]
    return None if not name or name.lower() == mac.lower() else str(name)


def local(mac: str) -> bool:
    """Whether an address is locally administered, as of virtual machines and private Wi-Fi."""
    return bool(int(mac[:2], 16) & _LOCAL)
