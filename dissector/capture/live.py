"""Opens a live capture on interfaces by the best means available to this system and user.

In order: a Linux packet socket; dumpcap, which may have privileges that this user does not have;
scapy, on systems other than Linux. If one is requested by name, only that one is tried.
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
    """Start a live capture.

    Args:
        names: interfaces; "any" is all of them.
        expression: a capture filter in pcap-filter syntax; "" for all frames.
        vlan_too: also capture frames with a VLAN tag that would match without it.
        means: one of `MEANS`; None: the first that works.
        buffer: kernel buffer in MiB per interface.
        promiscuous: whether to capture frames for other hosts, too.

    Raises:
        CaptureError: no such interface, or no permission to capture; says what to do.
        OptionError: the filter is invalid.
    """
    named = [interfaces.interface(name) for name in dict.fromkeys(names)]
    plain_names = [each.name for each in named]
    vlan_expression = with_vlan(expression) if expression and vlan_too else expression
    if means in (None, "socket") and sys.platform == "linux" and hasattr(socket, "AF_PACKET"):
        try:
            return _sockets(named, expression, vlan_expression, buffer, promiscuous)
        except PermissionError:
            if means is not None:
                raise CaptureError(_no_permission(plain_names)) from None
    refusal = ""
    if means in (None, "dumpcap"):
        found, refusal = _dumpcap(plain_names, vlan_expression, buffer)
        if found is not None:
            return found
        if means is not None:
            raise CaptureError(refusal)
    if means == "scapy" or sys.platform != "linux":
        from dissector.capture.scapy_sniffer import ScapySniffer

        try:
            return ScapySniffer(plain_names, vlan_expression)
        except PermissionError:
            pass
    raise CaptureError(_no_permission(plain_names))


def _sockets(
    named: Sequence[interfaces.NetworkInterface],
    expression: str,
    vlan_expression: str,
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
                    program = (
                        compiled(vlan_expression, EN10MB)
                        if each.ethernet
                        else compiled(expression, RAW)
                    )
            except EngineError as error:
                if vlan_expression == expression:  # the user's own
                    raise
                notices.append(("no-filter", f"every frame is captured, unfiltered: {error}"))
            opened.append(
                PacketSocket(each, program, blocks=max(buffer, 2), promiscuous=promiscuous)
            )
    except BaseException as error:
        for one in opened:
            one.close()
        if isinstance(error, OSError) and not isinstance(error, PermissionError):
            what = f"{error.strerror}; `dissector live -D` lists the interfaces"
            if error.errno == errno.ENOMEM:
                what = "not enough memory for the kernel's buffer; use a smaller --buffer"
            raise CaptureError(f"{each.name}: {what}") from error
        raise
    source = PacketSockets(opened)
    source.notices += notices
    return source


def _dumpcap(names: Sequence[str], expression: str, buffer: int) -> tuple[LiveSource | None, str]:
    """Start dumpcap; returns it, or None and the reason why it does not capture."""
    import shutil

    program = shutil.which("dumpcap")
    if program is None:
        return None, "dumpcap is not installed; it comes with Wireshark"
    from dissector.capture.pipe import Dumpcap

    try:
        source = Dumpcap(program, names, expression, buffer)
    except OSError as error:
        return None, f"{program}: {error.strerror}"
    refusal = source.wait_until_started()
    if not refusal:
        return source, ""
    source.close()
    if "permission" in refusal.lower():
        refusal = _no_permission(names)
    return None, refusal


def _no_permission(names: Sequence[str]) -> str:
    joined = ",".join(names)
    return f"you may not capture on {joined}: {rights.remedy(joined)}"
