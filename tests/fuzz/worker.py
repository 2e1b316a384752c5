"""Worker process: runs a target with a seed and saves failing cases in the corpus directory.

The current case is written to a file, so that it survives a crash or a hang in C, which ends the
process; the supervisor (`__main__`) saves it and starts another process.
"""

from __future__ import annotations

import contextlib
import faulthandler
import hashlib
import json
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from tests.fuzz import answer
from tests.fuzz.invariants import BrokenError, check_case
from tests.fuzz.peer import PeerInterpreter
from tests.fuzz.seeds import Seeds, seeds
from tests.fuzz.shrink import shrunk
from tests.fuzz.targets import TARGETS, FuzzCase

CASE_SECONDS = 10
GRACE_SECONDS = 10  # additional time for C code that blocks signals
POOL = 300  # number of cases with new kinds of results that are kept as seeds
ADDRESS_LIMIT = 3 << 30  # bytes of address space, to protect the machine


class Hang(BaseException):
    """A case took too long."""


class WorkerSettings(msgspec.Struct):
    """Settings of a worker; `case_file` is the file for the current case."""

    target: str
    seconds: float
    seed: int
    corpus: str
    interpreted: str | None = None
    case_file: str | None = None
    most: int = 1 << 62


class WorkerCounts(msgspec.Struct):
    """Counts of a worker."""

    cases: int = 0
    kinds: int = 0
    failures: dict[str, int] = {}
    peak_mib: int = 0


def _too_long(_number: int, frame: FrameType | None) -> None:
    where = "".join(traceback.format_stack(frame)[-3:]) if frame else ""
    raise Hang(f"more than {CASE_SECONDS} s\n{where}")


@contextlib.contextmanager
def bounded(seconds: float = CASE_SECONDS) -> Iterator[None]:
    """Raises Hang after a timeout; ends the process if the signal is not handled."""
    before = signal.signal(signal.SIGALRM, _too_long)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    faulthandler.dump_traceback_later(seconds + GRACE_SECONDS, exit=True, file=2)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)


def failure(
    case: FuzzCase, index: int, peer: PeerInterpreter | None = None
) -> tuple[str, str, frozenset[str]]:
    """Runs one case; returns a short key of its failure ("" if none), details, kinds of results."""
    try:
        with bounded():
            answered, shown = check_case(case, index)
    except BrokenError as broken:
        return f"broken {str(broken).partition(':')[0]}", str(broken), frozenset()
    except Hang as hang:
        return "hang", str(hang), frozenset()
    except Exception as error:
        stack = [
            entry for entry in traceback.extract_tb(error.__traceback__)
            if "dissector" in entry.filename and "fuzz" not in Path(entry.filename).parts[-2:]
        ]  # fmt: skip
        place = f"{Path(stack[-1].filename).name}:{stack[-1].name}" if stack else "fuzzer"
        return f"raised {type(error).__name__} in {place}", traceback.format_exc(), frozenset()
    if peer is not None:
        theirs = peer.ask(case)
        if theirs != answered:
            return "differ", _difference(answered, theirs), frozenset()
    return "", "", shown


def _difference(ours: bytes, theirs: bytes) -> str:
    at = next(
        (at for at, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b),
        min(len(ours), len(theirs)),
    )
    start = max(at - 150, 0)
    return f"at {at}\nours:   {ours[start : at + 150]!r}\ntheirs: {theirs[start : at + 150]!r}"


def suffix(case: FuzzCase) -> str:
    """Returns the suffix of a case's file, which encodes its kind and `whole`."""
    if case.kind == answer.PACKET:
        return ".packet"
    return ".whole" if case.whole else ".capture"


def read_case(path: Path) -> FuzzCase:
    """Reads a saved case."""
    kind = answer.PACKET if path.suffix == ".packet" else answer.CAPTURE
    return FuzzCase(kind, path.read_bytes(), path.suffix == ".whole")


def keep(
    corpus: Path,
    settings: WorkerSettings,
    case: FuzzCase,
    key: str,
    details: str,
    small: FuzzCase | None,
) -> None:
    """Saves a failing case, its shrunk version, and the details."""
    corpus.mkdir(parents=True, exist_ok=True)
    name = f"{settings.target}-{hashlib.sha256(case.data).hexdigest()[:12]}"
    (corpus / f"{name}{suffix(case)}").write_bytes(case.data)
    if small is not None and small.data != case.data:
        (corpus / f"{name}-small{suffix(small)}").write_bytes(small.data)
    summary = {"what": key, "target": settings.target, "seed": settings.seed, "details": details}
    (corpus / f"{name}.json").write_text(json.dumps(summary, indent=1))


def run(settings: WorkerSettings) -> WorkerCounts:
    """Generates and runs cases until the time is over."""
    rng = random.Random(f"{settings.target} {settings.seed}")
    counts = WorkerCounts()
    peer = PeerInterpreter(settings.interpreted) if settings.interpreted else None
    if peer is not None and (peer.build == "compiled") == answer.compiled():
        print(f"both interpreters are {peer.build}: only runs are compared", file=sys.stderr)
    known: set[str] = set()
    start = seeds()
    grown: list[bytes] = []
    end = time.monotonic() + settings.seconds
    while time.monotonic() < end and counts.cases < settings.most:
        index = counts.cases
        counts.cases += 1
        case = TARGETS[settings.target](rng, _with(start, grown))
        if settings.case_file is not None:
            Path(settings.case_file).write_bytes(suffix(case).encode().ljust(16) + case.data)
        key, details, shown = failure(case, index, peer)
        if shown - known:
            known |= shown
            grown.append(case.data)
            del grown[:-POOL]
        if key:
            counts.failures[key] = counts.failures.get(key, 0) + 1
            if counts.failures[key] == 1:
                print(
                    f"{settings.target}: {key}: {details.strip()[-1500:]}",
                    file=sys.stderr,
                    flush=True,
                )
                small = None
                if key != "hang" and not key.startswith("broken memory"):
                    small = shrunk(case, lambda one, key=key: failure(one, 0, peer)[0] == key)  # type: ignore[misc]
                keep(Path(settings.corpus), settings, case, key, details, small)
            if key.startswith("broken memory"):
                break  # peak memory of a process never decreases
    counts.kinds = len(known)
    counts.peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    if peer is not None:
        peer.close()
    return counts


def _with(start: Seeds, grown: list[bytes]) -> Seeds:
    """Returns the seeds plus the cases with new kinds of results, as files to splice."""
    return start._replace(files=start.files + grown) if grown else start


def main() -> None:
    """Runs a worker with settings as JSON in the first argument; prints its counts as JSON."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_LIMIT, ADDRESS_LIMIT))
    settings: Any = msgspec.json.decode(sys.argv[1].encode(), type=WorkerSettings)
    faulthandler.enable()
    print(msgspec.json.encode(run(settings)).decode())


if __name__ == "__main__":
    main()
