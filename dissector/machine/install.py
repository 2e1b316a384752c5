"""Returns the commands that install programs and packages on this system."""

from __future__ import annotations

import os
import platform
import shlex
import sys

# By id of os-release: the install command, and the names of packages
_INSTALL = {
    "debian": "sudo apt-get install",
    "fedora": "sudo dnf install",
    "suse": "sudo zypper install",
    "arch": "sudo pacman -S",
    "alpine": "sudo apk add",
    "darwin": "brew install",
}
_NAMES = {
    "tshark": {
        "fedora": "wireshark-cli",
        "suse": "wireshark",
        "arch": "wireshark-cli",
        "darwin": "wireshark",
    },
    "dumpcap": {
        "debian": "wireshark-common",
        "fedora": "wireshark-cli",
        "suse": "wireshark",
        "arch": "wireshark-cli",
        "alpine": "wireshark-common",
        "darwin": "wireshark",
    },
    "compiler": {
        "debian": "gcc python3-dev",
        "fedora": "gcc python3-devel",
        "suse": "gcc python3-devel",
        "arch": "gcc",
        "alpine": "gcc musl-dev python3-dev",
        "darwin": "gcc",
    },
}
_ELSEWHERE = {
    "tshark": "install Wireshark 4.0 or later: https://www.wireshark.org/download.html",
    "dumpcap": "install Wireshark: https://www.wireshark.org/download.html",
    "compiler": "install a C compiler and Python's headers",
}


def system() -> str:
    """Returns the distribution family, a key of `_INSTALL`; "" if it is unknown."""
    if sys.platform == "darwin":
        return "darwin"
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return ""
    words = [release.get("ID", ""), *release.get("ID_LIKE", "").split()]
    return next((word.split("-")[0] for word in words if word.split("-")[0] in _INSTALL), "")


def program(name: str) -> str:
    """Returns the command that installs a program ("tshark", "dumpcap", "compiler")."""
    family = system()
    if not family:
        return _ELSEWHERE[name]
    return f"{_INSTALL[family]} {_NAMES[name].get(family, name)}"


def package(requirement: str) -> str:
    """Returns the command that installs a Python package for this Python."""
    return f"{shlex.quote(sys.executable)} -m pip install {shlex.quote(requirement)}"


def rebuild(source: str | None, editable: bool) -> str:
    """Returns the command that rebuilds this package; `source`: where it was installed from."""
    if source is None:
        target = "--no-binary mqtt-dissector mqtt-dissector"
    else:
        target = ("-e " if editable else "") + shlex.quote(source)
    pip = f"{shlex.quote(sys.executable)} -m pip"
    return f"{pip} install --force-reinstall --no-deps --no-cache-dir {target}"


def user() -> str:
    """Returns the name of this user, for use in a command."""
    try:
        import pwd

        return pwd.getpwuid(os.geteuid()).pw_name
    except (ImportError, AttributeError, KeyError):
        return os.environ.get("USER") or "$USER"
