"""Manifest and rules in, `samples/README.md` out: `python samples/describe.py`; `--check` compares.

What is said of a recorded capture stands in `recorded/manifest.toml`, what is said of a made one in
the example that it was made from; the page repeats both and knows nothing of its own.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from dissector.rules.base import Rule  # noqa: E402  # the checkout, not an install
from dissector.rules.registry import all_rules  # noqa: E402

_HEAD = """\
# Captures to try things on

Written by `python samples/describe.py` from `recorded/manifest.toml` and the rules' own examples;
`tests/test_samples.py` holds page, manifest and reports together. "Rules" are the ids of all rules
that `dissector` reports on the capture; many sound clients show CON14, which is only a note (the
client id has more than letters and digits).

- `recorded/`: real servers and clients on the loopback interface, recorded by `recording/`, which
  can do it again. `recorded/observations.md` says what else they show. What TLS carries is read
  with `--keylog` and the keys beside the capture (a pcapng may hold them itself); codes and rules
  of such captures are those with the keys.
- `household/`: a made-up house with devices good and bad, for audits; `household.toml` says who is
  there and what is wrong with whom. `recording/household.py` can do it again.
- `made/`: one conversation for each rule, which breaks that rule. `python samples/make.py` makes
  them again, byte for byte.
"""


def entries() -> list[dict[str, Any]]:
    """Give what the manifest says of each recorded capture."""
    text = (HERE / "recorded" / "manifest.toml").read_text("utf-8")
    captures: list[dict[str, Any]] = tomllib.loads(text)["capture"]
    return captures


def expected() -> dict[str, set[str]]:
    """Give the ids of the rules that each capture must raise, by its path under `samples/`."""
    rules = {f"recorded/{entry['file']}": set(entry["rules"]) for entry in entries()}
    for rule in all_rules():
        rules[f"made/{_name(rule)}"] = {rule.id, *rule.bad[0].also}
    return rules


def page() -> str:
    """Give the text of the page."""
    return "\n".join([_HEAD, *_recorded(), *_made()])


def _recorded() -> Iterator[str]:
    captures = entries()
    for server in dict.fromkeys(_product(entry["server"]) for entry in captures):
        yield f"## Recorded: {server}\n"
        yield "| capture | clients | MQTT | IP, port | contents | codes | rules |"
        yield "|---|---|---|---|---|---|---|"
        for entry in captures:
            if _product(entry["server"]) == server:
                yield _row(
                    f"`{entry['file']}`",
                    ", ".join(map(_product, entry["clients"])),
                    ", ".join(entry["mqtt_versions"]),
                    f"{entry['ip_version']}, {entry['port']}",
                    entry["contains"] + _keys(entry["file"]),
                    ", ".join(map(_code, entry["return_codes"])),
                    _ids(entry["rules"]),
                )
        yield ""


def _keys(file: str) -> str:
    """Say where the keys of a TLS capture are, where they stand beside it."""
    path = (HERE / "recorded" / file).with_suffix(".keys")
    return f" Keys: `{path.name}`." if path.exists() else ""


def _made() -> Iterator[str]:
    yield "## Made\n"
    yield "| capture | made from the example of | contents | rules |"
    yield "|---|---|---|---|"
    for rule in all_rules():
        example = rule.bad[0]
        ids = {rule.id, *example.also}
        yield _row(f"`{_name(rule)}`", f"rule {rule.id}", example.title, _ids(sorted(ids)))
    yield ""


def _name(rule: Rule) -> str:
    return f"{rule.id.lower()}-{rule.name}.pcap"


def _product(product: dict[str, str]) -> str:
    return f"{product['name']} {product['version']}".rstrip()


def _code(code: int) -> str:
    return str(code) if code < 0x80 else f"0x{code:02X}"


def _ids(ids: Iterable[str]) -> str:
    return ", ".join(ids) or "none"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main() -> int:
    """Write the page, or compare; 1 where it differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    path = HERE / "README.md"
    wanted = page()
    if parser.parse_args().check:
        same = path.exists() and path.read_text("utf-8") == wanted
        if not same:
            print("differs: samples/README.md", file=sys.stderr)
        return 0 if same else 1
    path.write_text(wanted, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
