"""A format is one file and one line of a table."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

SAMPLE = ROOT / "samples/made/ses01-session-present-after-clean-session.pcap"
FORMAT = '''
"""Writes the number of findings."""

from dissector.report.reporter import ReporterBase


class Count(ReporterBase):
    def __init__(self, stream):
        self._stream, self._count = stream, 0

    @classmethod
    def create(cls, stream, options):
        return cls(stream)

    def finding(self, record):
        self._count += 1

    def finish(self, capture, summary, not_evaluated):
        self._stream.write(b"%d findings\\n" % self._count)
'''
PROGRAM = """
import importlib.util, sys

found = importlib.util.spec_from_file_location("dissector.report.count", sys.argv.pop(1))
sys.modules["dissector.report.count"] = module = importlib.util.module_from_spec(found)
found.loader.exec_module(module)

from dissector.report.formats import FORMATS, Format

FORMATS["count"] = Format("count.Count", "count.Count")

from dissector.cli.main import main

sys.exit(main())
"""


def test_a_format_is_one_file_and_one_line(tmp_path: Path) -> None:
    """A file and a line in `FORMATS` make a format of `analyze` and of `audit`."""
    place = tmp_path / "count.py"
    place.write_text(FORMAT)
    for command in ("analyze", "audit"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(place), command, "--format", "count",
             "--select", "SES", "--exit-zero", str(SAMPLE)],
            capture_output=True,
            check=False,
        )  # fmt: skip
        assert (done.stdout, done.stderr) == (b"1 findings\n", b"")
