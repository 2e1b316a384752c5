"""Paths in, an inventory of devices and servers with findings out: the wiring of an audit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from dissector.analysis import Options, Outcome, Progress, Sink, Source
from dissector.audit.records import Audit, Device, Overview, Server


class AuditSink(Sink, Protocol):
    """A sink of the analysis that takes the inventory, too, at the end and before the outcome.

    Findings come as they are proven; `Device.findings` are the numbers of the calls of `finding`,
    counted from 0.
    """

    def device(self, record: Device) -> None:
        """Take a device, in order of id."""

    def server(self, record: Server) -> None:
        """Take a server, in order of id."""


class AuditOutcome(Outcome, kw_only=True):
    """What is known at the end of an audit."""

    overview: Overview


def run(
    paths: Sequence[Source],
    options: Options,
    sink: AuditSink,
    progress: Progress | None = None,
    *,
    key: bytes | None = None,
) -> AuditOutcome:
    """Audit captures as one, in time order; as `analysis.run`, with the rules of SEC and TLS.

    `key` is that of the fingerprints (random for each run if None): the same that the reporter has,
    so that both spell credentials alike.
    """
    raise NotImplementedError


def audit(*paths: Source, key: bytes | None = None, **options: Callable[..., object]) -> Audit:
    """Audit captures and collect everything: the record for formats that need the whole."""
    raise NotImplementedError
