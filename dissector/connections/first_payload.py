"""Dismisses flows of other protocols by their first payload, before a tracker is made for them.

It decides as `Tracker` does with the same bytes, and leaves to it whatever is not certain at once:
what may be MQTT or a layer around it, and HTTP requests, which an upgrade may follow.
"""

from __future__ import annotations

import cython

from dissector.connections.analysis_context import AnalysisContext
from dissector.net.consumer import FirstPayload

if cython.compiled:
    from cython.cimports.dissector.connections.detection import (  # type: ignore[import-not-found]
        hello_without_mqtt,
        looks_like_connect,
        may_have_layer,
        other_protocol,
        packet_begins,
        plausible_chain,
    )
    from cython.cimports.dissector.integers import cut  # type: ignore[import-not-found]
else:
    from dissector.connections.detection import (
        hello_without_mqtt,
        looks_like_connect,
        may_have_layer,
        other_protocol,
        packet_begins,
        plausible_chain,
    )
    from dissector.integers import cut

_RECORD_HEADER = 5  # bytes of the header of a TLS record


class FirstPayloadDetector(FirstPayload):
    """The judge of first payloads in one analysis."""

    def __init__(self, context: AnalysisContext) -> None:
        self.context = context

    def judge(self, window: bytes, start: int, stop: int, ports: int, lost: bool) -> str | None:
        """Returns the kind of other traffic; None if a tracker has to decide."""
        if looks_like_connect(cut(window, start, min(stop, start + 64)), False) != 0:
            return None
        first = window[start]
        data = cut(window, start, stop)
        if 0x14 <= first <= 0x17:  # the types of TLS records
            context = self.context
            tls_ports = context.tls_ports
            if context.decrypted is not None or ports >> 16 in tls_ports:
                return None
            if ports & 0xFFFF in tls_ports:
                return None
            if first == 0x16 and not lost and hello_without_mqtt(data):
                return "tls"
            if first == 0x17 and len(data) >= _RECORD_HEADER and data[1] == 3 and data[2] <= 4:
                return "tls"  # data before any ClientHello: `TlsWatcher` ignores it at once
            if len(data) < 2 or data[1] == 3:
                from dissector.net import tls

                if tls.may_begin(data):
                    return None
        elif first == 0x47 or first == 0x48 or first == 0x50 or first == 0x0D:
            if may_have_layer(data):
                from dissector.connections.encapsulation.layer import encapsulation_of

                if encapsulation_of(data, 0, lost=lost):
                    return None
        if plausible_chain(window, start, stop) or packet_begins(window, start, stop):
            return None
        kind = other_protocol(data)
        return None if kind == "http" and not lost and data[:5] != b"HTTP/" else kind

    def dismissed(self, kind: str, port: int) -> None:
        """Counts the flow as other traffic."""
        self.context.count_other(kind, port)

    def serves(self, one: bytes, other: bytes, midstream: bool) -> bool:
        """Whether an end is a server that proved to speak MQTT."""
        return self.context.proven.serves(one, other, midstream)
