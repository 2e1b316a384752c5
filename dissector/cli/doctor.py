"""The command `dissector doctor`: checks what works on this machine and how to fix the rest.

It depends on nothing that may be missing: each package is imported only by the check for it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from dissector.cli.options import Parser
from dissector.machine.check import Check, State
from dissector.text import printable

SCHEMA = 1
_EXAMPLES = """\
  dissector doctor                   what works here, how to fix the rest
  dissector doctor --format json     the same for programs
"""
_TITLES = {
    "main": "Analyzing captures",
    "python": "Python",
    "dependencies": "Packages",
    "programs": "Other programs",
    "capture": "Capturing",
}
# The test capture: CONNECT with cleanSession=1, answered with sessionPresent=1
_CONNECT = bytes.fromhex("100d 0004 4d515454 04 02 003c 0001 61")
_CONNACK = bytes.fromhex("2002 0100")
_MUST_FIND = "SES01"


def parser() -> Parser:
    """Builds the command's parser."""
    made = Parser("doctor", "Check what works on this machine and how to fix the rest.", _EXAMPLES)
    made.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    return made


def run(arguments: Sequence[str]) -> int:
    """Runs the command; returns 0 if captures can be analyzed, 2 if not."""
    namespace = parser().parse(arguments)
    checks = all_checks()
    works = all(check.state is not State.MISSING for check in checks if check.group == "main")
    if namespace.format == "json":
        sys.stdout.write(_json(checks, works))
    else:
        for line in _lines(checks, works):
            sys.stdout.write(line + "\n")
    return 0 if works else 2


def all_checks() -> list[Check]:
    """Runs all checks; analyzing a capture comes first."""
    from dissector.machine import programs, python

    packages = python.dependencies()
    return [
        analysis_works(packages),
        configuration(),
        python.python(),
        python.core(),
        *packages,
        programs.tshark(),
        *capturing(),
    ]


def capturing() -> list[Check]:
    """Checks how this user may capture: with packet sockets or through dumpcap."""
    from dissector.capture import rights
    from dissector.machine import programs

    itself = rights.may_open_sockets()
    dumpcap = programs.dumpcap(may_capture=itself)
    if itself:
        right = _right(State.OK, "this user may open packet sockets")
    elif dumpcap.state is State.OK and sys.platform == "linux":
        right = _right(
            State.OK, f"through dumpcap ({dumpcap.path}); this user may not open packet sockets"
        )
    elif sys.platform == "linux":
        what = "this user may capture neither with packet sockets nor with dumpcap"
        right = _right(State.MISSING, what, rights.remedy("any"))
    else:
        what = "this system has no packet sockets: try `dissector live`"
        right = _right(State.LIMITED, what, rights.remedy("any"))
    return [dumpcap, right, _interfaces()]


def _right(state: State, message: str, fix: str | None = None) -> Check:
    return Check("capture", "right to capture", state, message, fix)


def _interfaces() -> Check:
    from dissector.capture.interfaces import interfaces

    try:
        names = [each.name if each.up else f"{each.name} (down)" for each in interfaces()]
    except OSError as error:
        return Check("capture", "interfaces", State.LIMITED, f"they cannot be listed: {error}")
    state = State.OK if names else State.LIMITED
    return Check("capture", "interfaces", state, ", ".join(names) or "there are none")


def analysis_works(packages: Sequence[Check]) -> Check:
    """Analyzes a test capture and checks its finding; `packages` are the required packages."""
    try:
        import io

        from dissector import analyze

        report = analyze(io.BytesIO(_capture()))
    except Exception as error:  # whatever keeps the analysis from working is to be reported
        what = f"a capture cannot be analyzed: {type(error).__name__}: {error}"
        return Check("main", "analyze", State.MISSING, what, _remedy(packages))
    found = [finding.rule for finding in report.findings]
    if found != [_MUST_FIND]:
        what = f"a test capture with the fault {_MUST_FIND} gave {found or 'no finding'}"
        return Check("main", "analyze", State.MISSING, what, _remedy(packages))
    what = f"a test capture was analyzed and its fault found ({_MUST_FIND})"
    return Check("main", "analyze", State.OK, what)


def configuration() -> Check:
    """Checks the configuration that applies here; every command refuses a wrong one."""
    import os

    try:
        from dissector.cli import config
        from dissector.errors import OptionError
    except ImportError as error:
        what = f"it cannot be read: {error}"
        return Check("main", "configuration", State.LIMITED, what)
    try:
        config.resolve({}, os.environ, os.getcwd())
        names = [name for name, _ in config.files(os.environ, os.getcwd()) if name]
    except OptionError as error:
        return Check("main", "configuration", State.MISSING, str(error))
    return Check("main", "configuration", State.OK, ", ".join(names) or "there is no file")


def _remedy(packages: Sequence[Check]) -> str:
    from dissector.machine import install

    needed = (check.fix for check in packages if check.state is State.MISSING)
    return next(filter(None, needed), install.package("mqtt-dissector"))


def _capture() -> bytes:
    """Returns a pcap file of raw IP: SYN, SYN/ACK, ACK, CONNECT, CONNACK."""
    from struct import pack

    client, server = (bytes((10, 0, 0, 1)), 40000), (bytes((10, 0, 0, 2)), 1883)
    parts = [pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)]
    for number, (sender, receiver, seq, ack, flags, data) in enumerate(
        (
            (client, server, 0, 0, 2, b""),
            (server, client, 0, 1, 18, b""),
            (client, server, 1, 1, 16, b""),
            (client, server, 1, 1, 24, _CONNECT),
            (server, client, 1, 1 + len(_CONNECT), 24, _CONNACK),
        )
    ):
        tcp = pack(">HHIIBBHI", sender[1], receiver[1], seq, ack, 5 << 4, flags, 65535, 0) + data
        head = pack(">BBHIBBH", 0x45, 0, 20 + len(tcp), 0, 64, 6, 0)
        packet = head + sender[0] + receiver[0] + tcp
        parts.append(pack("<IIII", 1, number, len(packet), len(packet)) + packet)
    return b"".join(parts)


def _lines(checks: Sequence[Check], works: bool) -> Iterator[str]:
    from dissector.version import VERSION

    yield f"dissector {VERSION}"
    group = ""
    width = max(len(check.name) for check in checks)
    for check in checks:
        if check.group != group:
            group = check.group
            yield ""
            yield _TITLES[group]
        yield f"  {check.state.value:8} {check.name:{width}}  {printable(check.message)}"
        if check.fix is not None:
            yield f"  {'':8} {'':{width}}  to fix it: {printable(check.fix)}"
    yield ""
    missing = [check.name for check in checks if check.state is State.MISSING]
    limited = [check.name for check in checks if check.state is State.LIMITED]
    if not works:
        yield "Captures cannot be analyzed here."
    elif missing:
        yield f"Analyzing captures works here; missing: {', '.join(missing)}."
    else:
        yield "Everything works here" + (f"; limited: {', '.join(limited)}." if limited else ".")


def _json(checks: Sequence[Check], works: bool) -> str:
    import json

    from dissector.version import VERSION

    document = {
        "schema": SCHEMA,
        "tool": {"name": "mqtt-dissector", "version": VERSION},
        "works": works,
        "checks": [_as_json(check) for check in checks],
    }
    return json.dumps(document, indent=1) + "\n"


def _as_json(check: Check) -> dict[str, object]:
    """Returns the JSON object of a check; schema 1 calls `fix` `mend`."""
    made: dict[str, object] = check._asdict()
    made["state"] = check.state.value
    made["mend"] = made.pop("fix")
    return {
        key: made[key] for key in ("group", "name", "state", "message", "mend", "version", "path")
    }
