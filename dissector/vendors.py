"""A MAC address in, the name of its vendor out, by the registered first half (OUI).

The table is scapy's; it is loaded when the first address is asked for, which takes 0.15 s.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any

_LOCAL = 0x02  # the bit of the first byte that says: not from a registry
_GROUP = 0x01


@functools.cache
def _table() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scapy's own making
        from scapy.data import MANUFDB

        return MANUFDB


@functools.lru_cache(maxsize=4096)
def vendor(mac: str) -> str | None:
    """Name the vendor of ``24:0a:c4:…``; None where nobody registered it, or it is a local one."""
    if local(mac) or int(mac[:2], 16) & _GROUP or mac.startswith("00:00:00"):
        return None
    name = _table().lookup(mac)[1]
    return None if not name or name.lower() == mac.lower() else str(name)


def local(mac: str) -> bool:
    """Whether an address was made up on the spot, as virtual machines and private Wi-Fi do."""
    return bool(int(mac[:2], 16) & _LOCAL)
