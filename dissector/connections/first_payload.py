"""Dismisses flows of other protocols by their first payload, before a tracker is made for them.

It decides as `Tracker` does with the same bytes, and leaves to it whatever is not certain at once:
what may be MQTT or a layer around it, and HTTP requests, which an upgrade may follow.
"""

from __future__ import annotations

import cython

from dissector.connections.analysis_context import AnalysisContext
from dissector.net.consumer import FirstPayload
from dissector.net.first_bytes import TLS_HEADER

if cython.compiled:
    from cython.cimports.dissector.connections.detection import (  # type: ignore[import-not-found]
        encapsulation_of,
        hello_without_mqtt,
        looks_like_connect,
        other_protocol,
        packet_begins,
        plausible_chain,
    )
    from cython.cimports.dissector.integers import cut  # type: ignore[import-not-found]
    from cython.cimports.dissector.net.first_bytes import tls_begins  # type: ignore[import-not-found]
else:
    from dissector.connections.detection import (
        encapsulation_of,
        hello_without_mqtt,
        looks_like_connect,
        other_protocol,
        packet_begins,
        plausible_chain,
    )
    from dissector.integers import cut
    from dissector.net.first_bytes import tls_begins


class FirstPayloadDetector(FirstPayload):
    """The judge of first payloads in one analysis."""

    def __init__(self, context: AnalysisContext) -> None:
        self.context = context
        self.expected = bytearray(65536)  # 1 for each port where MQTT is expected inside TLS
        for port in context.tls_ports:
            self.expected[port] = 1

    def judge(self, window: bytes, start: int, stop: int, ports: int, lost: bool) -> str | None:
        """Returns the kind of other traffic; None if a tracker has to decide."""
        first = window[start]
        if first >> 4 == 1 and looks_like_connect(cut(window, start, min(stop, start + 64)), False):
            return None
        data = cut(window, start, stop)
        if 0x14 <= first <= 0x17:  # the types of TLS records
            expected = self.expected
            if expected[ports >> 16] or expected[ports & 0xFFFF]:
                return None
            if self.context.decrypted is not None:
                return None
            if first == 0x16 and not lost and hello_without_mqtt(data):
                return "tls"
            if tls_begins(window, start, stop):
                # data before any ClientHello: `TlsWatcher` ignores the connection at once
                return "tls" if first == 0x17 and stop - start >= TLS_HEADER else None
        elif first == 0x47 or first == 0x48 or first == 0x50 or first == 0x0D:
            if encapsulation_of(data, 0, lost):
                return None
        if plausible_chain(window, start, stop) or packet_begins(window, start, stop):
            return None
        kind = other_protocol(data)
        return None if kind == "http" and not lost and not data.startswith(b"HTTP/") else kind

    def dismissed(self, kind: str, port: int) -> None:
        """Counts the flow as other traffic."""
        self.context.count_other(kind, port)

    def serves(self, one: bytes, other: bytes, midstream: bool) -> bool:
        """Whether an end is a server that proved to speak MQTT."""
        return self.context.proven.serves(one, other, midstream)
