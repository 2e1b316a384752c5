"""A target and a seed in, failing cases in the corpus directory out: one process's work.

The case at work stands in a file, so that a crash or a hang in C, which takes the process with it,
leaves behind what caused it; the supervisor (`__main__`) keeps it and starts another process.
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
from tests.fuzz.invariants import BrokenError, hold
from tests.fuzz.peer import SpeakingPeer
from tests.fuzz.seeds import Seeds, seeds
from tests.fuzz.shrink import shrunk
from tests.fuzz.targets import TARGETS, FuzzCase

CASE_SECONDS = 10
GRACE_SECONDS = 10  # what C code that never looks up gets on top
POOL = 300  # cases that showed something new, kept as seeds
ADDRESS_LIMIT = 3 << 30  # so that no case takes the machine's memory


class Hang(BaseException):
    """A case took too long."""


class WorkerSettings(msgspec.Struct):
    """What a worker is to do; `at_work` is where the case at work stands."""

    target: str
    seconds: float
    seed: int
    corpus: str
    interpreted: str | None = None
    at_work: str | None = None
    most: int = 1 << 62


class WorkerCounts(msgspec.Struct):
    """What a worker did."""

    cases: int = 0
    kinds: int = 0
    failures: dict[str, int] = {}
    peak_mib: int = 0


def _too_long(_number: int, frame: FrameType | None) -> None:
    where = "".join(traceback.format_stack(frame)[-3:]) if frame else ""
    raise Hang(f"more than {CASE_SECONDS} s\n{where}")


@contextlib.contextmanager
def bounded(seconds: float = CASE_SECONDS) -> Iterator[None]:
    """Bound the time of what is done within; where no signal gets through, end the process."""
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
    case: FuzzCase, index: int, peer: SpeakingPeer | None = None
) -> tuple[str, str, frozenset[str]]:
    """Try one case: a short key of what failed, "" if nothing, the whole story, what it showed."""
    try:
        with bounded():
            said, shown = hold(case, index)
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
        if theirs != said:
            return "differ", _difference(said, theirs), frozenset()
    return "", "", shown


def _difference(ours: bytes, theirs: bytes) -> str:
    at = next(
        (at for at, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b),
        min(len(ours), len(theirs)),
    )
    start = max(at - 150, 0)
    return f"at {at}\nours:   {ours[start : at + 150]!r}\ntheirs: {theirs[start : at + 150]!r}"


def suffix(case: FuzzCase) -> str:
    """Give the ending of a case's file: its kind, and whether it is surely a capture."""
    if case.kind == answer.PACKET:
        return ".packet"
    return ".whole" if case.whole else ".capture"


def read_case(path: Path) -> FuzzCase:
    """Read a case that was kept."""
    kind = answer.PACKET if path.suffix == ".packet" else answer.CAPTURE
    return FuzzCase(kind, path.read_bytes(), path.suffix == ".whole")


def keep(
    corpus: Path,
    settings: WorkerSettings,
    case: FuzzCase,
    key: str,
    story: str,
    small: FuzzCase | None,
) -> None:
    """Write a failing case, its small version, and the story."""
    corpus.mkdir(parents=True, exist_ok=True)
    name = f"{settings.target}-{hashlib.sha256(case.data).hexdigest()[:12]}"
    (corpus / f"{name}{suffix(case)}").write_bytes(case.data)
    if small is not None and small.data != case.data:
        (corpus / f"{name}-small{suffix(small)}").write_bytes(small.data)
    reported = {"what": key, "target": settings.target, "seed": settings.seed, "story": story}
    (corpus / f"{name}.json").write_text(json.dumps(reported, indent=1))


def run(settings: WorkerSettings) -> WorkerCounts:
    """Make and try cases until the time is over."""
    rng = random.Random(f"{settings.target} {settings.seed}")
    tally = WorkerCounts()
    peer = SpeakingPeer(settings.interpreted) if settings.interpreted else None
    if peer is not None and (peer.build == "compiled") == answer.compiled():
        print(f"both interpreters are {peer.build}: nothing is compared but runs", file=sys.stderr)
    known: set[str] = set()
    start = seeds()
    grown: list[bytes] = []
    end = time.monotonic() + settings.seconds
    while time.monotonic() < end and tally.cases < settings.most:
        index = tally.cases
        tally.cases += 1
        case = TARGETS[settings.target](rng, _with(start, grown))
        if settings.at_work is not None:
            Path(settings.at_work).write_bytes(suffix(case).encode().ljust(16) + case.data)
        key, story, shown = failure(case, index, peer)
        if shown - known:
            known |= shown
            grown.append(case.data)
            del grown[:-POOL]
        if key:
            tally.failures[key] = tally.failures.get(key, 0) + 1
            if tally.failures[key] == 1:
                print(
                    f"{settings.target}: {key}: {story.strip()[-1500:]}",
                    file=sys.stderr,
                    flush=True,
                )
                small = None
                if key != "hang" and not key.startswith("broken memory"):
                    small = shrunk(case, lambda one, key=key: failure(one, 0, peer)[0] == key)  # type: ignore[misc]
                keep(Path(settings.corpus), settings, case, key, story, small)
            if key.startswith("broken memory"):
                break  # the peak never goes down again in this process
    tally.kinds = len(known)
    tally.peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    if peer is not None:
        peer.close()
    return tally


def _with(start: Seeds, grown: list[bytes]) -> Seeds:
    """The seeds, and the cases that showed something new as files to splice."""
    return start._replace(files=start.files + grown) if grown else start


def main() -> None:
    """Work as a subprocess: settings as JSON in, a tally out."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_LIMIT, ADDRESS_LIMIT))
    settings: Any = msgspec.json.decode(sys.argv[1].encode(), type=WorkerSettings)
    faulthandler.enable()
    print(msgspec.json.encode(run(settings)).decode())


if __name__ == "__main__":
    main()
