"""What may be asked of an analysis, whichever command or function runs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from dissector.connections.deadlines import DEFAULT, Deadlines
from dissector.model import Finding, Stream

if TYPE_CHECKING:
    from dissector.connections.thresholds import Thresholds


class Options(msgspec.Struct, kw_only=True, frozen=True):
    """Options of an analysis.

    `select` and `ignore` are prefixes of rule ids. `ports` are MQTT ports besides 1883, `tls_ports`
    ports of MQTT inside TLS besides the well-known ones, `keylog` is a TLS key log file. `streams`
    and `clients` restrict the analysis to TCP connections and client ids, None means all; a stream
    is a number, in every capture, or a pair of the id of one capture and the number. `audit` adds
    the SEC and TLS rules, with their `thresholds`. `deadlines` are those of missing reactions,
    `pedantic` also reports advice that most real traffic breaks. `engine` is "auto" (native, with
    scapy or tshark for link types that it does not read), "native", "scapy" or "tshark". Findings
    for which `known` is true are neither counted nor passed on.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    ports: frozenset[int] = frozenset()
    tls_ports: frozenset[int] = frozenset()
    keylog: str | None = None
    streams: frozenset[Stream] | None = None
    clients: frozenset[str] | None = None
    audit: bool = False
    thresholds: Thresholds | None = None
    deadlines: Deadlines = DEFAULT
    pedantic: bool = False
    engine: str = "auto"
    known: Callable[[Finding], bool] | None = None
