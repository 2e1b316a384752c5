"""Options of `dissector live`: its parser, the limits of a capture, the ring of files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dissector.cli.options import (
    LIVE_FORMATS,
    Parser,
    add_baseline_option,
    add_report_and_rule_options,
)
from dissector.errors import OptionError

if TYPE_CHECKING:
    from dissector.capture.recorder import Ring

_EXAMPLES = """\
  dissector live -i eth0                     every handshake, while capturing
  dissector live -i any --format jsonl       one record per line, at once
  dissector live -i eth0 -w seen.pcapng      also write the frames, commented
  dissector live -i eth0 -w ring.pcapng -b filesize:100000 -b files:10
  ssh gateway tcpdump -U -w - | dissector live -
  dissector live -D                          list the interfaces
"""
_MEANS = ("socket", "dumpcap", "scapy")
LARGEST_BUFFER = 2000  # MiB
_SMALLEST_FILE = 16  # kilobytes


def parser() -> Parser:
    """Builds the command's parser."""
    made = Parser("live", "Report handshakes and findings while capturing.", _EXAMPLES)
    group = made.add_argument_group("where to capture")
    group.add_argument("files", metavar="-", nargs="*", help="a capture on standard input")
    group.add_argument(
        "-i", dest="interfaces", metavar="IFACE", action="append", default=[],
        help="an interface or its number; any: all interfaces; repeatable",
    )  # fmt: skip
    group.add_argument("-D", dest="list", action="store_true", help="list the interfaces")
    group.add_argument("-f", dest="filter", metavar="FILTER", help="a capture filter (libpcap)")
    group.add_argument("--all-tcp", action="store_true", help="look for MQTT on every TCP port")
    group.add_argument(
        "-d", "--decode-as", metavar="tcp.port==N,mqtt", action="append",
        help="MQTT also runs on this port (N,tls: inside TLS); N-M is a range; repeatable",
    )  # fmt: skip
    group.add_argument("--client", metavar="ID", action="append", help="this client id only")
    group.add_argument("--means", choices=_MEANS, help="capture only with this method")
    group.add_argument(
        "--buffer", metavar="MIB", type=int, default=32, help="kernel buffer (default: 32)"
    )
    group.add_argument("-p", dest="promiscuous", action="store_false", help="no promiscuous mode")
    kept = made.add_argument_group("what to write")
    kept.add_argument("-w", dest="write", metavar="FILE", help="write the frames, as pcapng")
    kept.add_argument(
        "-b", dest="ring", metavar="filesize:KB|duration:S|files:N", action="append", default=[],
        help="start a new file at this size or age; number of files to keep",
    )  # fmt: skip
    kept.add_argument(
        "--flagged-only", action="store_true", help="write connections with findings only"
    )
    ends = made.add_argument_group("when to stop")
    ends.add_argument(
        "-a", dest="stop", metavar="duration:S|packets:N", action="append", default=[],
        help="after this many seconds or frames",
    )  # fmt: skip
    ends.add_argument("-c", dest="count", metavar="N", type=int, help="after this many frames")
    add_report_and_rule_options(made, LIVE_FORMATS)
    add_baseline_option(made)
    shown = made.add_argument_group("how often to repeat")
    shown.add_argument(
        "--repeat", metavar="S", type=float, default=60.0,
        help="seconds between two lines for the same finding of the same client (default: 60)",
    )  # fmt: skip
    return made


def _pairs(option: str, words: Sequence[str], names: Sequence[str]) -> dict[str, float]:
    """Parses words of the form `name:number`; raises OptionError for others."""
    found: dict[str, float] = {}
    for word in words:
        name, _, number = word.partition(":")
        try:
            value = float(number)
        except ValueError:
            value = 0
        if name not in names or not 0 < value < 1e12:
            known = ", ".join(f"{each}:N" for each in names)
            raise OptionError(f"{option} {word} is not understood; use {known}")
        found[name] = value
    return found


def limits(words: Sequence[str], count: int | None) -> tuple[float | None, int | None]:
    """Returns the seconds and the number of frames after which to stop, None if unlimited."""
    found = _pairs("-a", words, ("duration", "packets"))
    if count is not None and count < 1:
        raise OptionError("-c takes a number of frames, 1 or more")
    packets = [int(found["packets"])] if "packets" in found else []
    packets += [] if count is None else [count]
    return found.get("duration"), min(packets, default=None)


def ring(words: Sequence[str]) -> Ring | None:
    """Returns when a file of `-w` ends and how many are kept; None for a single file."""
    from dissector.capture.recorder import Ring

    found = _pairs("-b", words, ("filesize", "duration", "files"))
    if not found:
        return None
    if "filesize" not in found and "duration" not in found:
        raise OptionError("-b files:N needs -b filesize:KB or -b duration:S as well")
    size = found.get("filesize")
    return Ring(
        size=None if size is None else int(max(size, _SMALLEST_FILE) * 1000),
        seconds=found.get("duration"),
        files=int(found["files"]) if "files" in found else None,
    )
