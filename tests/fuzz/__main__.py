"""A target's name in, a summary out: `python -m tests.fuzz TARGET`; 1 where anything failed.

It supervises workers: one that dies leaves its case behind, which is kept, and another goes on.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from tests.fuzz.records import Record, records
from tests.fuzz.targets import TARGETS, FuzzCase
from tests.fuzz.worker import WorkerCounts, WorkerSettings, failure, keep, read_case

PACKAGES = ("capture", "net", "mqtt", "connections", "rules")


def main() -> int:
    """Run one target, all of them, or the cases of some files again."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=[*TARGETS, "all", "replay"])
    parser.add_argument("files", nargs="*", type=Path, help="with replay: cases that were kept")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--interpreted", metavar="PYTHON", help="compare with this interpreter")
    parser.add_argument("--corpus", metavar="DIR", help="where failing cases go")
    parser.add_argument("--coverage", action="store_true", help="what is reached (interpreted)")
    arguments = parser.parse_args()
    if arguments.target == "replay":
        return _replay(arguments.files)
    corpus = arguments.corpus or tempfile.mkdtemp(prefix="fuzz-corpus-")
    names = list(TARGETS) if arguments.target == "all" else [arguments.target]
    failed = False
    for name in names:
        settings = WorkerSettings(
            name, arguments.seconds, arguments.seed, corpus, arguments.interpreted
        )
        if arguments.coverage:
            failed |= _covered(settings)
        else:
            failed |= _supervise(settings, arguments.jobs)
    return int(failed)


def _supervise(settings: WorkerSettings, jobs: int) -> bool:
    """Keep as many workers going as there are jobs; say what came of it."""
    began = time.monotonic()
    end = began + settings.seconds
    total = WorkerCounts()
    deaths = 0
    folder = tempfile.mkdtemp(prefix="fuzz-at-work-")
    working: list[tuple[WorkerSettings, subprocess.Popen[bytes]]] = []
    seed = settings.seed
    while True:
        while len(working) < jobs and end - time.monotonic() > 1 and deaths < 50:
            one = msgspec.structs.replace(
                settings, seed=seed, seconds=end - time.monotonic(), at_work=f"{folder}/{seed}"
            )
            command = [sys.executable, "-m", "tests.fuzz.worker", msgspec.json.encode(one).decode()]
            working.append((one, subprocess.Popen(command, stdout=subprocess.PIPE)))
            seed += 1
        if not working:
            break
        one, process = working.pop(0)
        said, _ = process.communicate()
        if process.returncode == 0:
            tally = msgspec.json.decode(said, type=WorkerCounts)
            total.cases += tally.cases
            total.kinds = max(total.kinds, tally.kinds)
            total.peak_mib = max(total.peak_mib, tally.peak_mib)
            for key, count in tally.failures.items():
                total.failures[key] = total.failures.get(key, 0) + count
        else:
            deaths += 1
            key = f"died with {process.returncode}"
            total.failures[key] = total.failures.get(key, 0) + 1
            _keep_last(one, key)
    took = time.monotonic() - began
    print(
        f"{settings.target}: {total.cases} cases in {took:.0f} s ({total.cases / took:.0f}/s), "
        f"{total.kinds} kinds of outcome, peak {total.peak_mib} MiB, "
        f"failures: {total.failures or 'none'}"
    )
    if total.failures:
        print(f"kept in {settings.corpus}")
    return bool(total.failures)


def _keep_last(settings: WorkerSettings, key: str) -> None:
    path = Path(settings.at_work or os.devnull)
    if not path.is_file():
        print(f"{settings.target}: a worker {key} before its first case", file=sys.stderr)
        return
    data = path.read_bytes()
    kind = data[:16].decode().strip()
    case = FuzzCase(b"p" if kind == ".packet" else b"c", data[16:], kind == ".whole")
    print(f"{settings.target}: a worker {key}", file=sys.stderr)
    keep(Path(settings.corpus), settings, case, key, "", None)


def _replay(files: list[Path]) -> int:
    """Try kept cases again and say what they do."""
    failed = 0
    for path in files:
        keys = [failure(read_case(path), index) for index in (0, 1)]
        key, story, _ = next((found for found in keys if found[0]), keys[0])
        failed += bool(key)
        print(f"{path.name}: {key or 'holds'}\n{story}")
        if key and path.suffix != ".packet":
            frames: list[Record] = records(path.read_bytes())
            print(f"{len(frames)} frames")
    return int(bool(failed))


def _covered(settings: WorkerSettings) -> bool:
    """Run in this process under coverage.py and say what was reached."""
    import coverage

    from tests.fuzz.worker import run

    measure = coverage.Coverage(branch=True, source_pkgs=["dissector"], data_file=None)
    measure.start()
    tally = run(settings)
    measure.stop()
    print(f"{settings.target}: {tally.cases} cases, failures: {tally.failures or 'none'}")
    for package in PACKAGES:
        print(f"-- {package}")
        measure.report(include=[f"*/dissector/{package}/*"], show_missing=True, skip_empty=True)
    return bool(tally.failures)


if __name__ == "__main__":
    sys.exit(main())
