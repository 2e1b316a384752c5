"""Stores the records of an audit that the page shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dissector.audit.records import Device, Overview, Server
from dissector.connections.handshake import Handshake
from dissector.model import CaptureWarning, Finding
from dissector.report.folding import Folding

if TYPE_CHECKING:
    from dissector.connections.tls_handshake import TlsHandshake


class PageRecords:
    """The records stored for the page."""

    def __init__(self) -> None:
        self.folding = Folding()
        self.findings: list[Finding] = []
        self.count = 0
        self.warnings: dict[str, tuple[int, CaptureWarning]] = {}
        self.devices: list[Device] = []
        self.servers: list[Server] = []
        self.overview = Overview()
        self.drawn: dict[int, tuple[Handshake, list[Finding]]] = {}
        self.flagged = 0
        # by address and port of the server: number of TLS connections, and the first of them
        self.encrypted: dict[tuple[str, int], tuple[int, list[TlsHandshake]]] = {}
