"""Runs fuzz targets: `python -m tests.fuzz TARGET`; exit code 1 if a case failed.

It supervises worker processes: if one dies, its current case is kept and another is started.
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
    """Runs one target, all targets, or saved cases."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=[*TARGETS, "all", "replay"])
    parser.add_argument("files", nargs="*", type=Path, help="with replay: saved cases")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--interpreted", metavar="PYTHON", help="compare with this interpreter")
    parser.add_argument("--corpus", metavar="DIR", help="directory for failing cases")
    parser.add_argument("--coverage", action="store_true", help="report coverage (interpreted)")
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
            failed |= _measure_coverage(settings)
        else:
            failed |= _supervise(settings, arguments.jobs)
    return int(failed)


def _supervise(settings: WorkerSettings, jobs: int) -> bool:
    """Keeps as many workers running as there are jobs; prints the totals, returns any failure."""
    began = time.monotonic()
    end = began + settings.seconds
    total = WorkerCounts()
    deaths = 0
    folder = tempfile.mkdtemp(prefix="fuzz-current-")
    working: list[tuple[WorkerSettings, subprocess.Popen[bytes]]] = []
    seed = settings.seed
    while True:
        while len(working) < jobs and end - time.monotonic() > 1 and deaths < 50:
            one = msgspec.structs.replace(
                settings, seed=seed, seconds=end - time.monotonic(), case_file=f"{folder}/{seed}"
            )
            command = [sys.executable, "-m", "tests.fuzz.worker", msgspec.json.encode(one).decode()]
            working.append((one, subprocess.Popen(command, stdout=subprocess.PIPE)))
            seed += 1
        if not working:
            break
        one, process = working.pop(0)
        output, _ = process.communicate()
        if process.returncode == 0:
            counts = msgspec.json.decode(output, type=WorkerCounts)
            total.cases += counts.cases
            total.kinds = max(total.kinds, counts.kinds)
            total.peak_mib = max(total.peak_mib, counts.peak_mib)
            for key, count in counts.failures.items():
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
    path = Path(settings.case_file or os.devnull)
    if not path.is_file():
        print(f"{settings.target}: a worker {key} before its first case", file=sys.stderr)
        return
    data = path.read_bytes()
    kind = data[:16].decode().strip()
    case = FuzzCase(b"p" if kind == ".packet" else b"c", data[16:], kind == ".whole")
    print(f"{settings.target}: a worker {key}", file=sys.stderr)
    keep(Path(settings.corpus), settings, case, key, "", None)


def _replay(files: list[Path]) -> int:
    """Runs saved cases again and prints their results."""
    failed = 0
    for path in files:
        keys = [failure(read_case(path), index) for index in (0, 1)]
        key, details, _ = next((found for found in keys if found[0]), keys[0])
        failed += bool(key)
        print(f"{path.name}: {key or 'passed'}\n{details}")
        if key and path.suffix != ".packet":
            frames: list[Record] = records(path.read_bytes())
            print(f"{len(frames)} frames")
    return int(bool(failed))


def _measure_coverage(settings: WorkerSettings) -> bool:
    """Runs a target in this process under coverage.py and prints the coverage."""
    import coverage

    from tests.fuzz.worker import run

    measure = coverage.Coverage(branch=True, source_pkgs=["dissector"], data_file=None)
    measure.start()
    counts = run(settings)
    measure.stop()
    print(f"{settings.target}: {counts.cases} cases, failures: {counts.failures or 'none'}")
    for package in PACKAGES:
        print(f"-- {package}")
        measure.report(include=[f"*/dissector/{package}/*"], show_missing=True, skip_empty=True)
    return bool(counts.failures)


if __name__ == "__main__":
    sys.exit(main())
