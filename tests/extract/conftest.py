"""Captures that the tests of extracts use."""

from tests.cli.conftest import bad, good
from tests.report.conftest import hostile

__all__ = ["bad", "good", "hostile"]
