"""`dissector doctor`: the checks of this machine as text and as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.cli.running import CLEAN, CompletedRun, dissector
from tests.conftest import ROOT

NOBODY = 65534
# The first run imports everything, so that the second needs no read permission as another user
AS_NOBODY = """
import contextlib, io, os, sys
from dissector.cli.main import main
with contextlib.redirect_stdout(io.StringIO()):
    main(["doctor"])
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(%d); os.setuid(%d)
sys.exit(main(["doctor", "--format", "json"]))
"""


def document(ran: CompletedRun) -> dict[str, Any]:
    """Returns the JSON of a run, validated against the schema."""
    found: dict[str, Any] = json.loads(ran.out)
    schema = json.loads((files("dissector") / "report" / "schema_doctor_v1.json").read_text())
    jsonschema.validate(found, schema)
    return found


def check(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Returns the check with a name."""
    (found,) = [each for each in document["checks"] if each["name"] == name]
    return dict(found)


def write_program(folder: Path, name: str, script: str) -> None:
    """Writes a shell script with this name into a folder."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_it_works_here() -> None:
    """On this machine captures can be analyzed and all required packages are installed."""
    ran = dissector("doctor", "--format", "json")
    found = document(ran)
    assert (ran.code, ran.err, found["works"]) == (0, "", True)
    assert found["checks"][0]["name"] == "analyze"
    packages = {each["name"]: each for each in found["checks"] if each["group"] == "dependencies"}
    assert {"msgspec", "scapy", "tabulate"} <= packages.keys()
    assert {each["state"] for each in packages.values()} == {"ok"}
    assert check(found, "Python")["version"] == ".".join(map(str, sys.version_info[:3]))


def test_the_build_is_reported() -> None:
    """The check "core" agrees with `--version`; if interpreted, it has the build command."""
    core = check(document(dissector("doctor", "--format", "json")), "core")
    compiled = "(compiled)" in dissector("--version").out
    assert core["message"].startswith("compiled" if compiled else "interpreted")
    assert core["state"] == ("ok" if compiled else "limited")
    assert (core["mend"] is None) == compiled
    assert compiled or "--force-reinstall" in core["mend"]


def test_for_people() -> None:
    """The text has a line with its state for every check, and a summary at the end."""
    lines = dissector("doctor").out.splitlines()
    found = document(dissector("doctor", "--format", "json"))
    for each in found["checks"]:
        state, name = each["state"], each["name"]
        assert any(line.split(maxsplit=1)[0] == state and name in line for line in lines if line)
    assert lines[0].startswith("dissector ")
    assert "works here" in lines[-1]


def test_an_empty_path() -> None:
    """With an empty PATH programs are missing, but captures can be analyzed."""
    ran = dissector("doctor", "--format", "json", PATH="")
    found = document(ran)
    tshark = check(found, "tshark")
    assert (ran.code, tshark["state"]) == (0, "missing")
    assert tshark["mend"]
    assert tshark["path"] is None or tshark["mend"].startswith("export PATH=")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'TShark (Wireshark) 2.6.20 (Git v2.6.20)'", "needs 3.4 or later"),
        ("echo 'no display'; echo 'tshark: broken' >&2; exit 3", "tshark: broken"),
        ("true", "does not report its version"),
        ("printf '\\033[2J\\n' >&2; exit 1", "does not report its version"),
    ],
    ids=["too old", "fails", "no output", "escape sequence"],
)
def test_an_unusable_tshark(script: str, words: str, tmp_path: Path) -> None:
    """A tshark that is too old or fails is missing, with its error message and a fix."""
    write_program(tmp_path, "tshark", script)
    ran = dissector("doctor", "--format", "json", PATH=f"{tmp_path}:/usr/bin:/bin")
    tshark = check(document(ran), "tshark")
    assert (ran.code, tshark["state"], tshark["path"]) == (0, "missing", str(tmp_path / "tshark"))
    assert words in tshark["message"]
    assert tshark["mend"]
    out = dissector("doctor", PATH=f"{tmp_path}:/usr/bin:/bin").out
    assert "\x1b" not in out


def test_a_usable_tshark(tmp_path: Path) -> None:
    """A tshark that is new enough is reported with version and path."""
    write_program(tmp_path, "tshark", "echo 'TShark (Wireshark) 4.4.2.'")
    found = document(dissector("doctor", "--format", "json", PATH=f"{tmp_path}:/usr/bin:/bin"))
    tshark = check(found, "tshark")
    assert (tshark["state"], tshark["version"], tshark["mend"]) == ("ok", "4.4.2", None)


def test_a_dumpcap_that_this_user_may_not_run(tmp_path: Path) -> None:
    """A dumpcap for a group is found; the fix joins the group or grants the capability."""
    write_program(tmp_path, "dumpcap", "echo 'Dumpcap (Wireshark) 4.0.17'")
    (tmp_path / "dumpcap").chmod(0o644)
    found = document(dissector("doctor", "--format", "json", PATH=f"{tmp_path}:/usr/bin:/bin"))
    dumpcap = check(found, "dumpcap")
    assert (dumpcap["state"], dumpcap["path"]) == ("missing", str(tmp_path / "dumpcap"))
    assert dumpcap["mend"].startswith("sudo ")


def test_a_package_that_is_broken(tmp_path: Path) -> None:
    """If a required package cannot be imported: exit 2, and the command to fix it."""
    (tmp_path / "msgspec.py").write_text("raise ImportError('built for another Python')\n")
    ran = dissector("doctor", "--format", "json", PYTHONPATH=f"{tmp_path}:{ROOT}")
    found = document(ran)
    assert (ran.code, found["works"]) == (2, False)
    broken = check(found, "msgspec")
    assert broken["state"] == "missing"
    assert "built for another Python" in broken["message"]
    assert "pip install --force-reinstall" in broken["mend"]
    assert check(found, "analyze")["mend"] == broken["mend"]
    assert dissector("doctor", PYTHONPATH=f"{tmp_path}:{ROOT}").code == 2


def test_as_another_user() -> None:
    """A user without privileges can analyze captures and gets the fix for capturing."""
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY % (NOBODY, NOBODY)],
        capture_output=True,
        env=CLEAN,
        cwd=ROOT,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    found = document(CompletedRun(done.returncode, done.stdout.decode(), done.stderr.decode()))
    assert found["works"]
    right, dumpcap = check(found, "right to capture"), check(found, "dumpcap")
    if right["message"] == "this user may open packet sockets":
        assert os.geteuid() != 0  # the user who runs the tests may capture
        return
    assert right["state"] == ("ok" if dumpcap["state"] == "ok" else "missing")
    assert (right["mend"] is None) == (right["state"] == "ok")
    if right["state"] == "missing" and dumpcap["path"]:
        assert right["mend"].startswith(dumpcap["mend"])
        assert right["mend"].startswith("sudo ")


def test_file_arguments_are_refused() -> None:
    """A file argument is exit 2 with a hint at the help."""
    ran = dissector("doctor", "capture.pcap")
    assert ran.code == 2
    assert "--help" in ran.err
