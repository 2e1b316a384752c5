"""Wraps frames of a conversation on Ethernet in other link layers and tunnels, with scapy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from samples.build import Frame
from tests.fuzz.records import Record, pcap

Wrap = Callable[[Any], bytes]
STATION_TO_AP, AP_TO_STATION, RELAYED, PROTECTED = 1, 2, 3, 0x40  # bits of frame control
ACCESS_POINT, RELAY = "02:00:00:00:00:aa", "02:00:00:00:00:bb"


def wifi(ether: Any, *, protected: bool = False, quality: bool = False, relay: bool = False) -> Any:
    """An 802.11 data frame; the client is a station, the server is beyond the access point."""
    from scapy.layers.dot11 import Dot11, Dot11QoS
    from scapy.layers.l2 import LLC, SNAP

    outward = ether.src < ether.dst
    ends = {"addr1": ACCESS_POINT, "addr2": ether.src, "addr3": ether.dst}
    if not outward:
        ends = {"addr1": ether.dst, "addr2": ACCESS_POINT, "addr3": ether.src}
    way = STATION_TO_AP if outward else AP_TO_STATION
    if relay:
        way = RELAYED
        ends = {"addr1": RELAY, "addr2": ACCESS_POINT, "addr3": ether.dst, "addr4": ether.src}
    head = Dot11(
        type=2,
        subtype=8 if quality else 0,
        FCfield=way | (PROTECTED if protected else 0),
        **ends,
    )
    if quality:
        head /= Dot11QoS()
    return head / LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(code=ether.type) / ether.payload


def radiotap(ether: Any) -> bytes:
    """Radiotap before 802.11."""
    from scapy.layers.dot11 import RadioTap

    return bytes(RadioTap() / wifi(ether, quality=True))


def radiotap_with_checksum(ether: Any) -> bytes:
    """Radiotap with a frame check sequence after the frame."""
    from scapy.layers.dot11 import RadioTap

    return bytes(RadioTap(present="Flags", Flags="FCS") / wifi(ether)) + b"\x12\x34\x56\x78"


def ppi(ether: Any) -> bytes:
    """Per-packet information before 802.11."""
    from scapy.layers.ppi import PPI

    return bytes(PPI(dlt=105) / wifi(ether))


def nflog(ether: Any, *, order: str = "little") -> bytes:
    """Linux' netlink log: a prefix, the sender's address, the packet."""

    def attribute(kind: int, value: bytes) -> bytes:
        size = len(value) + 4
        head = size.to_bytes(2, order) + kind.to_bytes(2, order)  # type: ignore[arg-type]
        return head + value + bytes(-size % 4)

    family = 10 if ether.type == 0x86DD else 2
    address = b"\0\6\0\0" + bytes.fromhex(ether.src.replace(":", "")) + b"\0\0"
    parts = (attribute(10, b"prefix\0"), attribute(8, address), attribute(9, bytes(ether.payload)))
    return bytes((family, 0, 0, 5)) + b"".join(parts)


def prism(ether: Any) -> bytes:
    """The Prism header before 802.11."""
    from scapy.layers.dot11 import PrismHeader

    return bytes(PrismHeader(msgcode=0x44, len=144) / wifi(ether))


def avs(ether: Any) -> bytes:
    """The AVS header before 802.11."""
    from scapy.contrib.avs import AVSWLANHeader

    return bytes(AVSWLANHeader() / wifi(ether))


def _ppp(ether: Any) -> Any:
    from scapy.layers.ppp import PPP

    return PPP(proto=0x57 if ether.type == 0x86DD else 0x21) / ether.payload


def ppp(ether: Any) -> bytes:
    """PPP."""
    return bytes(_ppp(ether))


def ppp_in_hdlc(ether: Any) -> bytes:
    """PPP in HDLC frames."""
    from scapy.layers.ppp import HDLC

    return bytes(HDLC() / _ppp(ether))


def ppp_with_direction(ether: Any) -> bytes:
    """PPP after a direction byte."""
    from scapy.layers.ppp import DIR_PPP

    return bytes(DIR_PPP() / _ppp(ether))


def hdlc(ether: Any) -> bytes:
    """Cisco HDLC."""
    from scapy.contrib.chdlc import CHDLC

    return bytes(CHDLC(proto=ether.type) / ether.payload)


def pflog(ether: Any) -> bytes:
    """The log of OpenBSD's packet filter (pflog)."""
    from scapy.layers.pflog import PFLog

    return bytes(PFLog(addrfamily=24 if ether.type == 0x86DD else 2) / ether.payload)


def _outer(ether: Any, protocol: int) -> Any:
    from scapy.layers.inet import IP
    from scapy.layers.l2 import Ether

    outer = Ether(src=ether.src, dst=ether.dst)
    return outer / IP(src="192.0.2.1", dst="192.0.2.2", proto=protocol)


def gtp(ether: Any) -> bytes:
    """A user packet in a mobile network: GTP-U on UDP."""
    from scapy.contrib.gtp import GTP_U_Header
    from scapy.layers.inet import UDP

    tunnel = UDP(sport=2152, dport=2152) / GTP_U_Header(gtp_type=255, teid=7)
    return bytes(_outer(ether, 17) / tunnel / ether.payload)


def l2tp(ether: Any) -> bytes:
    """A dial-up tunnel: PPP in L2TP on UDP."""
    from scapy.layers.inet import UDP
    from scapy.layers.l2tp import L2TP

    tunnel = UDP(sport=1701, dport=1701) / L2TP(tunnel_id=1, session_id=2)
    return bytes(_outer(ether, 17) / tunnel / _ppp(ether))


def pptp(ether: Any) -> bytes:
    """A dial-up tunnel: PPP in GRE version 1."""
    from scapy.layers.l2 import GRE_PPTP

    return bytes(_outer(ether, 47) / GRE_PPTP(call_id=3, seqnum_present=1) / _ppp(ether))


def etherip(ether: Any) -> bytes:
    """Ethernet in IP (RFC 3378)."""
    from scapy.contrib.etherip import EtherIP

    return bytes(_outer(ether, 97) / EtherIP() / ether)


def snap(ether: Any) -> bytes:
    """LLC and SNAP only: ATM with the encapsulation of RFC 2684."""
    return b"\xaa\xaa\3\0\0\0" + int(ether.type).to_bytes(2, "big") + bytes(ether.payload)


def _macs(ether: Any) -> list[bytes]:
    return [bytes.fromhex(mac.replace(":", "")) for mac in (ether.dst, ether.src)]


def fddi(ether: Any) -> bytes:
    """FDDI."""
    return b"\x50" + b"".join(_macs(ether)) + snap(ether)


def token_ring(ether: Any) -> bytes:
    """Token ring (802.5)."""
    return b"\x10\x40" + b"".join(_macs(ether)) + snap(ether)


def fibre_channel(ether: Any) -> bytes:
    """IP over Fibre Channel (RFC 2625)."""
    return b"".join(b"\0\0" + mac for mac in _macs(ether)) + snap(ether)


def frame_relay(ether: Any) -> bytes:
    """Frame relay with the protocol numbers of RFC 2427."""
    return b"\x18\x41\3" + (b"\x8e" if ether.type == 0x86DD else b"\xcc") + bytes(ether.payload)


def juniper(ether: Any) -> bytes:
    """Ethernet behind the header of Juniper's routers, with an extension."""
    return b"MGC\x81\0\6\4\1\0\4\0\0" + bytes(ether)


def infiniband(ether: Any) -> bytes:
    """IP over InfiniBand: a global routing header, then an ethertype."""
    return bytes(40) + int(ether.type).to_bytes(2, "big") + b"\0\0" + bytes(ether.payload)


def wrapped(frames: Sequence[Frame], link: int, wrap: Wrap) -> bytes:
    """Writes a conversation as a capture of a link type."""
    from scapy.layers.l2 import Ether

    made = []
    for frame in frames:
        data = wrap(Ether(frame.data))
        made.append(Record(frame.time_ns, link, data, len(data)))
    return pcap(made, nano=False, link=link)
