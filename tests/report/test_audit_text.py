"""The tables of an audit for people."""

from __future__ import annotations

import io

from dissector.audit.records import Server
from dissector.model import Capture, Summary
from dissector.report.audit_text import AuditTextReport
from dissector.report.style import Style


def row_of(server: Server) -> str:
    """Returns the server's row on a page wide enough for all of it."""
    stream = io.BytesIO()
    table = AuditTextReport(stream, Style(width=120))
    table.server(server)
    table.finish(Capture(), Summary(), [])
    return stream.getvalue().decode().splitlines()[2]


def test_few_of_many_refusals_are_listed() -> None:
    """The row lists three, one of those that differ only in case, and the number of others."""
    codes = ("not authorized", "Not authorized", "identifier rejected", "Server busy", "Banned")
    server = Server(id=0, name="10.0.0.2:1883", ip="10.0.0.2", port=1883)
    server.refusals = dict.fromkeys(codes, 1)
    assert "  not authorized, identifier rejected, Server busy +1  " in row_of(server)
