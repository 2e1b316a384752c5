"""Writes `samples/made/`, one capture for each rule: `python samples/make.py`; `--check` compares.

Each capture is built from the rule's first bad example, so it shows exactly what the rule's page
describes. `samples/README.md` is generated from the same source.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from dissector.rules.registry import all_rules  # noqa: E402  # the checkout, not an install
from samples.build import conversation, pcap  # noqa: E402


def made() -> dict[str, bytes]:
    """Returns the bytes of every made capture by file name."""
    captures = {}
    for rule in all_rules():
        example = rule.bad[0]
        name = f"{rule.id.lower()}-{rule.name}.pcap"
        captures[name] = pcap(conversation(example.steps, server_port=example.port))
    return captures


def main() -> int:
    """Writes the captures, or compares them; returns 1 if one differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    check = parser.parse_args().check
    folder = HERE / "made"
    folder.mkdir(exist_ok=True)
    wanted = made()
    stale = {path.name for path in folder.iterdir()} - set(wanted)
    different = [
        name
        for name, data in wanted.items()
        if not (folder / name).exists() or (folder / name).read_bytes() != data
    ]
    if check:
        for name in sorted([*stale, *different]):
            print(f"differs: {name}", file=sys.stderr)
        return 1 if stale or different else 0
    for name in stale:
        (folder / name).unlink()
    for name in different:
        (folder / name).write_bytes(wanted[name])
    return 0


if __name__ == "__main__":
    sys.exit(main())
