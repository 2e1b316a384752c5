"""The display filters of findings, checked with tshark."""

from __future__ import annotations

import subprocess

from dissector.analysis import analyze
from dissector.report.fields import display_filter
from tests.conftest import ROOT

SAMPLE = ROOT / "samples/made/ses01-session-present-after-clean-session.pcap"


def test_tshark_accepts_the_filter(tshark: str) -> None:
    """The filter matches the frames of the finding and no others."""
    (finding,) = analyze(str(SAMPLE)).findings
    done = subprocess.run(
        [tshark, "-r", str(SAMPLE), "-Y", display_filter(finding), "-T", "fields", "-e",
         "frame.number"],
        capture_output=True,
        check=True,
    )  # fmt: skip
    assert [int(line) for line in done.stdout.split()] == [frame.number for frame in finding.frames]
