"""Names of interfaces in, a live source out: by the best means that this system and user have.

In order: a Linux packet socket; dumpcap, which may have rights that this user has not; scapy, where
there is neither. One that was asked for by name is the only one that is tried.
"""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Sequence

from dissector.capture import interfaces, rights
from dissector.capture.linktypes import EN10MB, RAW
from dissector.capture.live_source import LiveSource
from dissector.capture.packet_filter import compiled, with_vlan
from dissector.errors import CaptureError, EngineError

MEANS = ("socket", "dumpcap", "scapy")


def open_live(
    names: Sequence[str],
    expression: str,
    *,
    vlan_too: bool,
    means: str | None = None,
    buffer: int = 32,
    promiscuous: bool = True,
) -> LiveSource:
    """Begin to capture on interfaces.

    Args:
        names: of interfaces; "any" is all of them.
        expression: a filter in tcpdump's words; "" for all frames.
        vlan_too: let pass what has a VLAN tag and would pass without it.
        means: one of `MEANS`; None: the first that works.
        buffer: MiB that the kernel may keep for us, an interface.
        promiscuous: whether to see frames for others, too.

    Raises:
        CaptureError: no such interface, or no right to capture; says what to do.
        OptionError: the filter is not understood.
    """
    named = [interfaces.interface(name) for name in dict.fromkeys(names)]
    plain = [each.name for each in named]
    wide = with_vlan(expression) if expression and vlan_too else expression
    if means in (None, "socket") and sys.platform == "linux" and hasattr(socket, "AF_PACKET"):
        try:
            return _sockets(named, expression, wide, buffer, promiscuous)
        except PermissionError:
            if means is not None:
                raise CaptureError(_forbidden(plain)) from None
    refusal = ""
    if means in (None, "dumpcap"):
        found, refusal = _dumpcap(plain, wide, buffer)
        if found is not None:
            return found
        if means is not None:
            raise CaptureError(refusal)
    if means == "scapy" or sys.platform != "linux":
        from dissector.capture.scapy_sniffer import ScapySniffer

        try:
            return ScapySniffer(plain, wide)
        except PermissionError:
            pass
    raise CaptureError(_forbidden(plain))


def _sockets(
    named: Sequence[interfaces.NetworkInterface],
    expression: str,
    wide: str,
    buffer: int,
    promiscuous: bool,
) -> LiveSource:
    from dissector.capture.packet_socket import PacketSocket, PacketSockets

    opened: list[PacketSocket] = []
    notices: list[tuple[str, str]] = []
    try:
        for each in named:
            program = None
            try:
                if expression:
                    program = compiled(wide, EN10MB) if each.ethernet else compiled(expression, RAW)
            except EngineError as error:
                if wide == expression:  # the user's own
                    raise
                notices.append(("no-filter", f"every frame is looked at: {error}"))
            opened.append(
                PacketSocket(each, program, blocks=max(buffer, 2), promiscuous=promiscuous)
            )
    except BaseException as error:
        for one in opened:
            one.close()
        if isinstance(error, OSError) and not isinstance(error, PermissionError):
            what = f"{error.strerror}; `dissector live -D` lists the interfaces"
            if error.errno == errno.ENOMEM:
                what = "no memory for the kernel's buffer; a smaller --buffer takes less"
            raise CaptureError(f"{each.name}: {what}") from error
        raise
    source = PacketSockets(opened)
    source.notices += notices
    return source


def _dumpcap(names: Sequence[str], expression: str, buffer: int) -> tuple[LiveSource | None, str]:
    """Give a dumpcap that captures, or None and why there is none."""
    import shutil

    program = shutil.which("dumpcap")
    if program is None:
        return None, "dumpcap is not installed; it comes with Wireshark"
    from dissector.capture.pipe import Dumpcap

    try:
        source = Dumpcap(program, names, expression, buffer)
    except OSError as error:
        return None, f"{program}: {error.strerror}"
    refusal = source.begun()
    if not refusal:
        return source, ""
    source.close()
    if "permission" in refusal.lower():
        refusal = _forbidden(names)
    return None, refusal


def _forbidden(names: Sequence[str]) -> str:
    joined = ",".join(names)
    return f"you may not capture on {joined}: {rights.remedy(joined)}"
