"""The scapy engine: scapy decodes link layers and tunnels, the native engine does the rest.

scapy decodes each frame down to TCP; the IP packet that carries it is put into a new frame with the
MAC addresses that scapy found, so reassembly, decoding and rules are the same. It is slow
(thousands of frames a second, not millions) and meant for what the native engine cannot read:
802.11, PPI, NFLOG, PPP, GTP, L2TP and whatever else scapy has layers for.

scapy may raise any exception on captured bytes; such a frame is skipped, with one warning per kind.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator, Sequence
from typing import Any

from dissector.capture import linktypes
from dissector.capture.batch import Batch
from dissector.capture.source import CaptureReader
from dissector.connections.event_sink import EventSink
from dissector.engines.native import NativeEngine
from dissector.engines.rebuilt_frame import RebuiltBatch, framed
from dissector.errors import EngineError
from dissector.net.link import is_known

# Layers that carry IP, besides those of l2 and inet; importing one registers it. Layers that import
# scapy.all, as contrib.nsh does, are left out
_LAYERS = (
    "layers.inet6", "layers.dot11", "layers.ppi", "layers.ppp", "layers.pptp", "layers.l2tp",
    "layers.pflog", "layers.vxlan", "layers.bluetooth", "layers.bluetooth4LE", "layers.dot15d4",
    "layers.sixlowpan", "layers.usb", "contrib.avs", "contrib.chdlc", "contrib.erspan",
    "contrib.etherip", "contrib.geneve", "contrib.gtp", "contrib.macsec", "contrib.mpls",
    "contrib.tzsp",
)  # fmt: skip
_TO_DS, _FROM_DS, _PROTECTED = 1, 2, 0x40  # bits of 802.11's frame control


class ScapyEngine(NativeEngine):
    """As `NativeEngine`, with scapy for all layers below TCP."""

    name = "scapy"
    unread_advice = "--engine tshark may decode them"

    def __init__(
        self, files: list[str], sink: EventSink, ports: frozenset[int], **more: Any
    ) -> None:
        super().__init__(files, sink, ports, **more)
        self._decoder = Decoder()

    def batches(self, readers: Sequence[CaptureReader]) -> Iterator[tuple[Batch, int, int]]:
        """Yields the frames of all captures, decoded down to IP."""
        try:
            for batch, start, stop in super().batches(readers):
                made = RebuiltBatch.of(batch, start, stop)
                first = batch.file << 40 | made.first_number
                for place, link in enumerate(made.link):
                    if self._decoder.knows(link):
                        found = self._decoder.frame(link, made.data[place], first + place)
                        made.replace(place, *found)
                yield made.batch(), 0, stop - start
        finally:
            for warning in self._decoder.skipped():
                self._warn(*warning, -1)

    def reads(self, link: int) -> bool:
        """Whether native or scapy reads frames of this link type."""
        return is_known(link) or self._decoder.knows(link)

    def unknown(self) -> str:
        """Returns what is said of a file of which no frame can be read."""
        return f"is unknown to scapy, too; {self.context.unread_advice}"


class Decoder:
    """Turns frames of any link type into ones that the native engine reads: Ethernet, SLL, raw IP.

    Frames that could not be read are counted by the reason; `skipped` returns the warnings.
    """

    def __init__(self) -> None:
        logging.getLogger("scapy").setLevel(logging.CRITICAL)  # it comments on what it dissects
        try:
            from scapy.config import conf
            from scapy.layers import dot11, inet, inet6, l2

            for name in _LAYERS:
                importlib.import_module(f"scapy.{name}")
            from dissector.layers.nflog import NFLOG
        except ImportError as error:
            raise EngineError(
                f"--engine scapy: {error}; install it with `pip install scapy`"
            ) from error
        self._types: dict[int, Any] = dict(conf.l2types.num2layer)
        self._types[linktypes.NFLOG] = NFLOG
        self._types[linktypes.EN10MB] = l2.Ether
        self._inet, self._six, self._wifi, self._l2, self._nflog = inet, inet6, dot11, l2, NFLOG
        self._reason: tuple[str, str] | None = None  # why the current frame could not be read
        self._skipped: dict[tuple[str, str], tuple[int, int]] = {}  # by reason: count, first frame

    def knows(self, link: int) -> bool:
        """Whether scapy has a layer for this LINKTYPE_ number."""
        return link in self._types

    def skipped(self) -> list[tuple[str, str, int]]:
        """Returns a warning for each reason why frames could not be read: kind, text, frame."""
        return [
            (kind, f"{count:,} frame{'s' * (count != 1)} {why}", first)
            for (kind, why), (count, first) in self._skipped.items()
        ]

    def frame(self, link: int, data: bytes, key: int) -> tuple[int, bytes]:
        """Returns link type and bytes of a frame that holds the innermost IP packet with TCP.

        If scapy finds none, it is the unchanged frame if the native engine knows its link type.
        `key` names the frame in a warning.
        """
        self._reason = None
        made = None
        try:
            packet = self._types[link](data, stop_dissection_after=self._inet.TCP)
            made = self._innermost(packet)
        except Exception as error:  # scapy may raise anything on captured bytes
            name = f"{type(error).__module__}.{type(error).__name__}".removeprefix("builtins.")
            self._reason = ("undecoded", f"cannot be decoded by scapy ({name}) and were skipped")
        if made is not None:
            return made
        if is_known(link):
            return link, data
        if self._reason is not None:
            count, first = self._skipped.get(self._reason, (0, key))
            self._skipped[self._reason] = (count + 1, first)
        return linktypes.RAW, b""

    def _innermost(self, packet: Any) -> tuple[int, bytes] | None:
        outermost = innermost = None
        ends: tuple[str | None, str | None] = (None, None)  # destination and source, MAC addresses
        found_ends = ends
        layer = packet
        inet, six = self._inet, self._six
        while layer:
            kind = type(layer)
            if kind in (inet.IP, six.IPv6):
                outermost = outermost or (layer, ends)
                innermost, found_ends = layer, ends
                if kind is inet.IP and (layer.frag or layer.flags.MF):
                    return framed(innermost.original, found_ends)
            elif kind is six.IPv6ExtHdrFragment or kind is inet.TCP:
                return framed(innermost.original, found_ends) if innermost else None
            else:
                ends = self._ends(layer, ends)
            layer = layer.payload
        if outermost is None:
            return None
        return framed(outermost[0].original, outermost[1])

    def _ends(
        self, layer: Any, known: tuple[str | None, str | None]
    ) -> tuple[str | None, str | None]:
        """Returns the MAC addresses of a layer, or `known` if it has none."""
        if isinstance(layer, self._l2.Ether | self._l2.Dot3):
            return layer.dst, layer.src
        if isinstance(layer, self._wifi.Dot11):
            if layer.proto == 0 and layer.type == 2 and int(layer.FCfield) & _PROTECTED:
                what = "encrypted by 802.11; decrypt them first, e.g. with airdecap-ng"
                self._reason = ("link-encrypted", what)
            return _wifi_ends(layer)
        if isinstance(layer, self._l2.CookedLinux | self._l2.CookedLinuxV2):
            return None, layer.src[:6].hex(":") if layer.lladdrlen == 6 else None
        if isinstance(layer, self._nflog) and layer.source is not None:
            return None, layer.source.hex(":")
        return known


def _wifi_ends(layer: Any) -> tuple[str | None, str | None]:
    """Returns destination and source by the bits To DS, From DS (IEEE 802.11-2020 table 9-30)."""
    control = int(layer.FCfield)
    if control & _TO_DS:
        return layer.addr3, layer.addr4 if control & _FROM_DS else layer.addr2
    return layer.addr1, layer.addr3 if control & _FROM_DS else layer.addr2
