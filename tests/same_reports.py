"""Two installs in, nothing out if they report alike: every capture, byte for byte.

Run by CI with the compiled and the interpreted command: `python tests/same_reports.py A B`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACES = (ROOT / "samples", ROOT.parent / "shared" / "captures")


def report(command: str, path: Path) -> bytes:
    """Run one analysis; what names the tool itself is taken out."""
    environment = {**os.environ, "DISSECTOR_FINGERPRINT_KEY": "same for both"}
    done = subprocess.run(
        [command, "analyze", "--format", "json", "--exit-zero", str(path)],
        capture_output=True,
        env=environment,
        check=False,
    )
    document = json.loads(done.stdout)
    del document["tool"]
    return json.dumps(document, sort_keys=False).encode() + done.stderr


def main() -> int:
    """Compare all captures; 1 where one differs."""
    one, two = sys.argv[1:]
    captures = [path for place in PLACES for path in sorted(place.rglob("*.pcap*"))]
    different = [path for path in captures if report(one, path) != report(two, path)]
    for path in different:
        print(f"differs: {path.name}", file=sys.stderr)
    print(f"{len(captures) - len(different)} passed, {len(different)} failed")
    return 1 if different or not captures else 0


if __name__ == "__main__":
    sys.exit(main())
