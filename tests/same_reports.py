"""Checks that two installations give byte-identical reports on every capture.

CI runs it with the compiled and the interpreted command: `python tests/same_reports.py A B`. Each
capture is analyzed and audited as JSON; all together are audited in every other format and
extracted.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACES = (ROOT / "samples", ROOT.parent / "shared" / "captures")
COMMANDS = ("analyze", "audit")
FORMATS = ("table", "csv", "markdown", "html", "sarif", "junit", "eve", "zeek")
WHOLE = (
    *(("audit", "--exit-zero", "--format", form) for form in FORMATS),
    ("audit", "--exit-zero", "--pseudonymize", "--format", "csv"),
    ("extract", "--flagged", "--audit", "-w", "-"),
)


def report(program: str, command: str, path: Path) -> bytes:
    """Returns the JSON report of one command on one capture, without the entry of the tool."""
    environment = {**os.environ, "DISSECTOR_FINGERPRINT_KEY": "same for both"}
    done = subprocess.run(
        [program, command, "--format", "json", "--exit-zero", str(path)],
        capture_output=True,
        env=environment,
        check=False,
    )
    document = json.loads(done.stdout)
    del document["tool"]
    return json.dumps(document, sort_keys=False).encode() + done.stderr


def written(program: str, arguments: tuple[str, ...], paths: list[Path]) -> bytes:
    """Returns exit code and output of one run of a command on all captures."""
    environment = {**os.environ, "DISSECTOR_FINGERPRINT_KEY": "same for both"}
    done = subprocess.run(
        [program, *arguments, *map(str, paths)], capture_output=True, env=environment, check=False
    )
    return b"%d\n" % done.returncode + done.stdout + done.stderr


def main() -> int:
    """Compares all captures; returns 1 if one differs."""
    one, two = sys.argv[1:]
    captures = [path for place in PLACES for path in sorted(place.rglob("*.pcap*"))]
    pairs = [(command, path) for command in COMMANDS for path in captures]
    shipped = sorted(PLACES[0].rglob("*.pcap*"))
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # the work is done by other processes
        same = pool.map(lambda pair: report(one, *pair) == report(two, *pair), pairs)
        alike = pool.map(
            lambda words: written(one, words, shipped) == written(two, words, shipped), WHOLE
        )
        different = [pair for pair, equal in zip(pairs, same, strict=True) if not equal]
        unlike = [words for words, equal in zip(WHOLE, alike, strict=True) if not equal]
    for command, path in different:
        print(f"differs: {command} {path.name}", file=sys.stderr)
    for arguments in unlike:
        print(f"differs: {' '.join(arguments)}", file=sys.stderr)
    failed = len(different) + len(unlike)
    print(f"{len(pairs) + len(WHOLE) - failed} passed, {failed} failed")
    return 1 if failed or not captures else 0


if __name__ == "__main__":
    sys.exit(main())
