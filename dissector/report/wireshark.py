"""A finding in, a display filter that tshark 4.0 accepts as it is out."""

from __future__ import annotations

from dissector.model import Finding


def display_filter(finding: Finding) -> str:
    """Give the filter that shows a finding's frames of the file at fault."""
    file = finding.file
    numbers = [frame.number for frame in finding.frames if frame.file == file]
    wanted = dict.fromkeys(numbers or [finding.frame])
    return "||".join([f"frame.number=={number}" for number in wanted])
