"""Captures frames of interfaces with scapy's listening socket, on systems without a better means.

scapy returns bytes only (`recv_raw`); it dissects nothing.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from typing import Any

from dissector.capture.batch import ROOM, Batch
from dissector.capture.linktypes import EN10MB, NULL, RAW
from dissector.capture.live_source import PAUSE, SLACK_NS, LiveSource
from dissector.errors import CaptureError

_LONGEST = 1 << 18  # bytes of a frame
_SOME = 512  # frames of a batch, at most


class ScapySniffer(LiveSource):
    """Frames of one or several interfaces; the number of dropped frames is unknown."""

    how = "scapy"

    def __init__(self, names: Sequence[str], expression: str) -> None:
        super().__init__(",".join(names))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings of scapy's own imports
            import scapy.layers.l2
            from scapy.config import conf
            from scapy.error import Scapy_Exception

        self._links: dict[Any, int] = {scapy.layers.l2.Ether: EN10MB}
        for name, number in (("Loopback", NULL), ("CookedLinux", 113)):
            known = getattr(scapy.layers.l2, name, None)
            if known is not None:
                self._links[known] = number
        self._batch = Batch()
        self._sockets: list[tuple[str, Any]] = []
        try:
            for name in names:
                opened = conf.L2listen(iface=name, filter=expression or None)
                self._sockets.append((name, opened))
        except (OSError, Scapy_Exception, ImportError) as error:
            self.close()
            if isinstance(error, PermissionError):
                raise
            raise CaptureError(f"scapy cannot listen on {self.path}: {error}") from error

    def next_batch(self) -> Batch | None:
        """As `LiveSource.next_batch`."""
        batch = self._batch
        batch.count = 0
        sockets = [own for _, own in self._sockets]
        ready = type(sockets[0]).select(sockets, PAUSE) if sockets else []
        pieces: list[bytes] = []
        at = 0
        for name, own in self._sockets:
            if own not in ready:
                continue
            self.interface = name
            for _ in range(_SOME):
                got = self._frame(own)
                if got is None or batch.count >= ROOM:
                    break
                link, data, time_ns = got
                index = batch.count
                batch.offset[index], batch.time_ns[index], batch.link[index] = at, time_ns, link
                batch.captured[index] = batch.original[index] = len(data)
                batch.count = index + 1
                pieces.append(data)
                at += len(data)
                if not type(own).select([own], 0):
                    break
            break  # a batch has frames of one interface
        batch.window = b"".join(pieces)
        self.hand_out(batch, at)
        return batch

    def now_ns(self) -> int:
        """Return the time before which frames were delivered."""
        behind = self.last_ns if self._batch.count else self.wall_ns()
        return behind - 2 * SLACK_NS

    def close(self) -> None:
        """Close every socket."""
        for _, own in self._sockets:
            own.close()
        self._sockets = []

    def _frame(self, own: Any) -> tuple[int, bytes, int] | None:
        """Read one frame: its link type, bytes and time in ns; None if there is none."""
        kind, data, seconds = own.recv_raw(_LONGEST)
        if data is None:
            return None
        link = self._links.get(kind, RAW)
        if link not in self.links:
            self.links.append(link)
        return link, bytes(data), time.time_ns() if seconds is None else round(seconds * 1e9)
