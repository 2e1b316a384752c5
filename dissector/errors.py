"""Exceptions for errors of the caller or the machine, with one line that says what to do.

A fault of a peer is a `Finding`, a limit of the capture a `CaptureWarning`; neither is ever raised.
"""

from __future__ import annotations


class DissectorError(Exception):
    """Base of all errors that this package raises on purpose; `str()` is a one-line message."""


class CaptureError(DissectorError):
    """An input is missing, unreadable, or not a capture."""


class EngineError(DissectorError):
    """A tool or library that an engine needs is missing, too old, or ended unexpectedly."""


class OptionError(DissectorError):
    """An option or a configuration value is invalid."""
