"""Checks tshark and dumpcap: where they are, their versions, and permission to capture."""

from __future__ import annotations

import os
import re
import shlex
import stat
import subprocess
import sys

from dissector.machine import install
from dissector.machine.check import Check, State

TSHARK_FLOOR = (3, 4)  # the oldest with the field names that are queried
SECONDS = 20  # timeout of `--version`
_USUAL_FOLDERS = (
    "/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin",
    "/opt/homebrew/bin", "/Applications/Wireshark.app/Contents/MacOS",
)  # fmt: skip
_VERSION = re.compile(r"\b\d+\.\d+(?:\.\d+)*")
_NET_ADMIN, _NET_RAW = 1 << 12, 1 << 13  # bits of Linux capabilities


def tshark() -> Check:
    """Checks for tshark, which decrypts TLS and is the reference of `crosscheck`."""
    return _program("tshark", "decrypting TLS and `crosscheck`", TSHARK_FLOOR)


def dumpcap(*, may_capture: bool) -> Check:
    """Checks for dumpcap and its permissions; `may_capture`: this user may capture without it."""
    found = _program("dumpcap", "capturing without root", (0,))
    path = found.path
    if path is None or sys.platform != "linux":
        return found
    if not os.access(path, os.X_OK):
        what = f"{path} exists, but this user may not run it"
        return found._replace(state=State.MISSING, message=what, fix=permit(path))
    if found.state is not State.OK or may_capture:
        return found
    if not _privileged(path):
        what = f"{found.message}; it has no right to capture"
        return found._replace(state=State.LIMITED, message=what, fix=permit(path))
    return found._replace(message=f"{found.message}; it has the right to capture")


def located(name: str) -> tuple[str | None, bool]:
    """Returns a program's path and whether it is on PATH, also if this user may not run it."""
    on_path = [part for part in os.environ.get("PATH", "").split(os.pathsep) if part]
    for folder in (*on_path, *_USUAL_FOLDERS):
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            return path, folder in on_path
    return None, False


def _program(name: str, needed_by: str, minimum: tuple[int, ...]) -> Check:
    path, on_path = located(name)
    if path is None:
        what = f"not found; {needed_by} needs it"
        return Check("programs", name, State.MISSING, what, install.program(name))
    if not on_path and name == "tshark":
        what = f"{path} exists, but is not on PATH; {needed_by} needs it"
        fix = f'export PATH="$PATH:{os.path.dirname(path)}"'
        return Check("programs", name, State.MISSING, what, fix, None, path)
    version, problem = _version(path)
    if version is None:
        what = f"{path} does not report its version: {problem}"
        return Check("programs", name, State.MISSING, what, install.program(name), None, path)
    if tuple(int(part) for part in version.split(".")) < minimum:
        need = ".".join(map(str, minimum))
        what = f"{version} at {path}; {needed_by} needs {need} or later"
        return Check("programs", name, State.MISSING, what, install.program(name), version, path)
    return Check("programs", name, State.OK, f"{version} at {path}", None, version, path)


def _version(path: str) -> tuple[str | None, str]:
    """Returns the version of a program, else None and the program's error message."""
    if not os.access(path, os.X_OK):
        return None, "this user may not run it"
    try:
        done = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, str(error)
    output = done.stdout.decode("utf-8", "replace")
    match = _VERSION.search(output.partition("\n")[0])
    if done.returncode == 0 and match is not None:
        return match[0], ""
    words = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
    return None, words[-1] if words else f"exit code {done.returncode}"


def _privileged(path: str) -> bool:
    """Whether a program may capture for any user: by file capabilities or as setuid root."""
    status = os.stat(path)
    if status.st_mode & stat.S_ISUID and status.st_uid == 0:
        return True
    try:
        data = os.getxattr(path, "security.capability")
    except OSError:
        return False
    # struct vfs_cap_data: a word whose lowest bit means "effective", then the permitted set
    effective = int.from_bytes(data[:4], "little") & 1
    permitted = int.from_bytes(data[4:8], "little")
    return bool(effective) and permitted & _NET_RAW != 0 and permitted & _NET_ADMIN != 0


def permit(path: str) -> str:
    """Returns the command that lets this user capture with the installed dumpcap."""
    join = f"sudo usermod -aG wireshark {shlex.quote(install.user())}, log in again"
    try:
        import grp

        if os.stat(path).st_gid == grp.getgrnam("wireshark").gr_gid:
            return join
    except (ImportError, KeyError, OSError):
        pass
    if install.system() == "debian":
        return f"sudo dpkg-reconfigure wireshark-common (answer yes), {join}"
    return f"sudo setcap cap_net_raw,cap_net_admin=eip {shlex.quote(os.path.realpath(path))}"
