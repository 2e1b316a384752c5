"""A linter for MQTT traffic: reports handshakes and violations of the standard in captures.

    >>> import dissector
    >>> report = dissector.analyze("capture.pcap")        # doctest: +SKIP
    >>> for finding in report.findings:                   # doctest: +SKIP
    ...     print(finding.rule, finding.message)

Public names are imported when they are first used, so that importing the package is cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dissector import version

if TYPE_CHECKING:
    from dissector.analysis import Report, analyze
    from dissector.connections.handshake import Handshake
    from dissector.errors import CaptureError, DissectorError, EngineError, OptionError
    from dissector.live import sniff
    from dissector.model import (
        Capture,
        CaptureWarning,
        Confidence,
        Endpoint,
        Finding,
        FrameRef,
        NotEvaluated,
        Obligation,
        Outcome,
        Severity,
        Side,
        Summary,
        Version,
    )


__version__ = version.VERSION

_PLACES = {
    "Report": "dissector.analysis",
    "analyze": "dissector.analysis",
    "sniff": "dissector.live",
    "Handshake": "dissector.connections.handshake",
    **dict.fromkeys(
        ("CaptureError", "DissectorError", "EngineError", "OptionError"), "dissector.errors"
    ),
    **dict.fromkeys(
        (
            "Capture", "CaptureWarning", "Confidence", "Endpoint", "Finding", "FrameRef",
            "NotEvaluated", "Obligation", "Outcome", "Severity", "Side", "Summary",
            "Version",
        ),
        "dissector.model",
    ),
}  # fmt: skip

__all__ = [
    "Capture",
    "CaptureError",
    "CaptureWarning",
    "Confidence",
    "DissectorError",
    "Endpoint",
    "EngineError",
    "Finding",
    "FrameRef",
    "Handshake",
    "NotEvaluated",
    "Obligation",
    "OptionError",
    "Outcome",
    "Report",
    "Severity",
    "Side",
    "Summary",
    "Version",
    "__version__",
    "analyze",
    "sniff",
]


def __getattr__(name: str) -> object:
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(place), name)


def __dir__() -> list[str]:
    return __all__
