"""Runs another interpreter as a subprocess that answers cases over a pipe."""

from __future__ import annotations

import select
import subprocess
from pathlib import Path
from typing import IO

from tests.fuzz import answer
from tests.fuzz.targets import FuzzCase

TIMEOUT = 60.0  # seconds; interpreted code is slow


class PeerInterpreter:
    """Another Python with another build of the package."""

    def __init__(self, python: str) -> None:
        self._python = python
        self._start()

    def _start(self) -> None:
        script = str(Path(answer.__file__).resolve())
        # -P: imports the package installed there, not the one beside the script
        self._process = subprocess.Popen(
            [self._python, "-P", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/"
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests: IO[bytes] = self._process.stdin
        self._answers: IO[bytes] = self._process.stdout
        self.build = self._read().decode()

    def ask(self, case: FuzzCase) -> bytes:
        """Returns the answer to a case; after a crash or a hang the error, and restarts it."""
        try:
            self._requests.write(len(case.data).to_bytes(4, "big") + case.kind + case.data)
            self._requests.flush()
            return self._read()
        except (OSError, TimeoutError, EOFError) as error:
            self.close()
            self._start()
            return f"peer: {type(error).__name__} {error}".encode()

    def _read(self) -> bytes:
        ready, _, _ = select.select([self._answers], [], [], TIMEOUT)
        if not ready:
            raise TimeoutError
        head = self._answers.read(4)
        data = self._answers.read(int.from_bytes(head, "big"))
        if len(head) < 4:
            raise EOFError
        return data

    def close(self) -> None:
        """Kills the process."""
        self._process.kill()
        self._process.wait()
        self._requests.close()
        self._answers.close()
