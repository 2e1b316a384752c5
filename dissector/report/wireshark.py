"""Builds the Wireshark display filter of a finding; tshark 4.0 accepts it unchanged."""

from __future__ import annotations

from dissector.model import Finding


def display_filter(finding: Finding) -> str:
    """Returns the filter for a finding's frames in the file at fault."""
    file = finding.file
    numbers = [frame.number for frame in finding.frames if frame.file == file]
    wanted = dict.fromkeys(numbers or [finding.frame])
    return "||".join([f"frame.number=={number}" for number in wanted])
