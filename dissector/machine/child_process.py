"""Starts programs that end when this process ends, whatever signal ends it.

The program is the child of a supervisor, which is this file, run by a bare Python. The supervisor
reads from a pipe whose other end only this process has; the kernel closes that end when this
process ends. The supervisor then ends its process group, which has the program in it. It keeps the
privileges that this process had when it started it, so it can end a program that this process,
without privileges, could not. (The parent-death signal of Linux does not do: it is cleared for
programs with file capabilities, as dumpcap often has.)
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time

_GRACE = 2.0  # seconds between SIGTERM and SIGKILL
_NOT_STARTED = 126  # exit code of shells for a program that cannot be run
TYPE_CHECKING = False
if TYPE_CHECKING:  # the supervisor starts without these imports
    import subprocess
    from collections.abc import Mapping, Sequence
    from typing import IO


class ChildProcess:
    """A running program. `stdout` is its standard output.

    Its standard input is the null device, its standard error is `stderr`, a pipe if None. It
    inherits the descriptors `inherited`. OSError if it cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        stderr: IO[bytes] | None = None,
        inherited: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        import subprocess

        ours = -1
        arguments = list(command)
        kept = list(inherited)
        if hasattr(os, "fork") and sys.executable:
            theirs, ours = os.pipe()
            kept.append(theirs)
            arguments = [sys.executable, "-I", "-S", __file__, str(theirs), *command]
        try:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if stderr is None else stderr,
                env=environment,
                pass_fds=kept,
                start_new_session=True,  # Ctrl-C is not sent to it
            )
        except BaseException:
            if ours >= 0:
                os.close(ours)
            raise
        finally:
            if ours >= 0:
                os.close(theirs)
        self._lifeline = ours
        assert self._process.stdout is not None
        self.stdout = self._process.stdout
        self.stderr = self._process.stderr

    def wait(self, seconds: float | None = None) -> int | None:
        """Waits for the end, at most `seconds`; returns the exit code, None while it runs.

        The exit code is negative for the signal that ended it.
        """
        import subprocess

        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1
            _signal_group(self._process.pid, signal.SIGKILL)  # if the supervisor was killed
        return code

    def end(self) -> int:
        """Ends it: SIGTERM, after two seconds SIGKILL. Returns the exit code."""
        if self.wait(0) is None and self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1
        elif self.wait(0) is None:
            self._process.terminate()
            if self.wait(_GRACE) is None:
                self._process.kill()
        return self._process.wait()


_HANDLED = tuple(
    getattr(signal, name)
    for name in ("SIGCHLD", "SIGTERM", "SIGINT", "SIGHUP")
    if hasattr(signal, name)
)


def _supervise(lifeline: int, command: list[str]) -> int:
    """Runs a command until it ends or the pipe `lifeline` closes; returns its wait status."""
    wakeup, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    for number in _HANDLED:
        signal.signal(number, _noted)
    child = os.fork()
    if child == 0:
        _become(command, (lifeline, wakeup, wake))
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)  # the pipes of the program close when it ends
    limit = None
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        now = time.monotonic()
        if limit is not None and now >= limit:
            _signal_group(os.getpid(), signal.SIGKILL)  # which ends the supervisor, too
        watched = [wakeup] if limit is not None else [wakeup, lifeline]
        ready = select.select(watched, [], [], None if limit is None else limit - now)[0]
        received = os.read(wakeup, 64) if wakeup in ready else b""
        if limit is None and (lifeline in ready or received.strip(bytes([signal.SIGCHLD]))):
            _signal_group(os.getpid(), signal.SIGTERM)  # handled here
            limit = now + _GRACE


def _signal_group(leader: int, number: int) -> None:
    with contextlib.suppress(OSError):  # all of it has ended
        os.killpg(leader, number)


def _become(command: list[str], ours: tuple[int, ...]) -> None:
    """Replaces this process, the fork of the supervisor, by a command."""
    try:
        signal.set_wakeup_fd(-1)
        for number in (*_HANDLED, signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores the last two
            signal.signal(number, signal.SIG_DFL)
        for descriptor in ours:
            os.close(descriptor)
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]} cannot be run: {error.strerror}\n".encode())
    finally:
        os._exit(_NOT_STARTED)


def _noted(number: int, frame: object) -> None:
    """Does nothing: the number of the signal was written to the wakeup pipe."""


def _end_like(status: int) -> None:
    """Ends the supervisor as its program ended, without a core dump."""
    if os.WIFSIGNALED(status):
        import resource

        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    _end_like(_supervise(int(sys.argv[1]), sys.argv[2:]))
