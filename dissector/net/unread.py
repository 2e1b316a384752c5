"""Names the encapsulations that may carry TCP and are not read, and says what to do about them.

A frame in one of them is noted by a number, as the wire has it: an ethertype (or protocol type of
GRE), PROTOCOL plus the number of an IP protocol, DATAGRAM plus a UDP port, or one of the constants
below. `Streams` counts them, and reports each kind once, at the end of the capture. QUIC and
MQTT-SN carry no TCP: they are counted only, for the note that there was no MQTT.
"""

from __future__ import annotations

from typing import NamedTuple

PROTOCOL = 0x10000  # as in segment.py
DATAGRAM = 0x30000
NESTED = 0x50000  # tags or tunnels nested too deep
PPP = 0x50001
PSEUDOWIRE = 0x50002
NOT_IP = 0x50003  # raw IP that is neither IPv4 nor IPv6
GTP = 0x50004
PPTP = 0x50005
SNAP = 0x50006
OTHER_LINK = 0x50007  # read, but as another link type than the file names
CUT = 0x50008  # cut by the snap length before TCP

QUIC_PORTS = frozenset({443, 784, 853, 1883, 4433, 8443, 8883, 14567})
MQTT_SN_PORTS = frozenset({1883, 1884, 1885, 1886, 10000, 20000})
QUIC = DATAGRAM + 443
MQTT_SN = DATAGRAM + 1884


class UnreadKind(NamedTuple):
    """What frames of a number hold; `kind` is that of the capture warning, "" if there is none."""

    kind: str
    what: str
    advice: str = ""


_TSHARK = "--engine tshark decodes it"
_ENCRYPTED = "it is encrypted; capture where the traffic has left the tunnel"
_OUTSIDE = "no engine decodes it; capture where the traffic has left it"
_ESP = UnreadKind("unread-esp", "IPsec (ESP)", _ENCRYPTED)
_L2TP = UnreadKind("unread-l2tp", "L2TP", _TSHARK)
_LWAPP = UnreadKind("unread-lwapp", "LWAPP", _OUTSIDE)
_MPLS = UnreadKind("unread-mpls", "MPLS in IP or UDP", _TSHARK)
_WIREGUARD = UnreadKind("unread-wireguard", "WireGuard", _ENCRYPTED)
_GRE = UnreadKind("unread-gre", "GRE that carries neither IP nor Ethernet", _TSHARK)

ENCAPSULATIONS = {
    # Ethertypes
    0x22F3: UnreadKind("unread-trill", "TRILL", _TSHARK),
    0x4305: UnreadKind("unread-batman", "B.A.T.M.A.N. Advanced", _TSHARK),
    0x8903: UnreadKind(
        "unread-fabricpath",
        "Cisco FabricPath",
        "`editcap -C 16 IN OUT` cuts its header off, where all frames have it",
    ),
    0x8909: UnreadKind("unread-cisco-metadata", "Cisco MetaData tags", _TSHARK),
    0x8926: UnreadKind("unread-vn-tag", "VN-Tag", _TSHARK),
    0x892F: UnreadKind("unread-hsr", "HSR", _TSHARK),
    0x893F: UnreadKind("unread-e-tag", "E-Tag (802.1BR)", _TSHARK),
    0x894F: UnreadKind("unread-nsh", "NSH", _TSHARK),
    0x88BB: _LWAPP,
    0x88E5: UnreadKind(
        "unread-macsec",
        "MACsec",
        "it is usually encrypted: capture where the traffic has left it; --engine tshark decodes "
        "what is only signed",
    ),
    0x88E7: UnreadKind("unread-802.1ah", "802.1ah (PBB)", _TSHARK),
    0xBBBB: _LWAPP,
    0xF1C1: UnreadKind("unread-r-tag", "R-TAG (802.1CB)", _TSHARK),
    # Protocol types of GRE
    **dict.fromkeys((0x6400, 0x6559, 0x880B, 0x8881, 0x88D2), _GRE),
    **dict.fromkeys(range(0x8200, 0x8380, 0x10), _GRE),  # 802.11, of Aruba
    # IP protocols
    PROTOCOL + 50: _ESP,
    PROTOCOL + 55: UnreadKind("unread-minimal-encapsulation", "RFC 2004 tunnels", _OUTSIDE),
    PROTOCOL + 97: UnreadKind("unread-etherip", "EtherIP", _TSHARK),
    PROTOCOL + 99: UnreadKind("unread-encrypted-ip", "private encryption", _ENCRYPTED),
    PROTOCOL + 108: UnreadKind("unread-ipcomp", "compressed IP (IPComp)", _OUTSIDE),
    PROTOCOL + 115: _L2TP,
    PROTOCOL + 137: _MPLS,
    PROTOCOL + 143: UnreadKind("unread-ethernet-in-ip", "Ethernet in IP", _TSHARK),
    # UDP ports
    DATAGRAM + 1194: UnreadKind("unread-openvpn", "OpenVPN", _ENCRYPTED),
    DATAGRAM + 1701: _L2TP,
    DATAGRAM + 3544: UnreadKind("unread-teredo", "Teredo", _TSHARK),
    DATAGRAM + 4341: UnreadKind("unread-lisp", "LISP", _TSHARK),
    DATAGRAM + 4500: _ESP,
    DATAGRAM + 4754: UnreadKind("unread-gre-in-udp", "GRE in UDP", _TSHARK),
    DATAGRAM + 4789: UnreadKind("unread-vxlan", "VXLAN without a network id", _TSHARK),
    DATAGRAM + 4790: UnreadKind("unread-vxlan-gpe", "VXLAN-GPE", _TSHARK),
    DATAGRAM + 5247: UnreadKind(
        "unread-capwap",
        "CAPWAP",
        "--engine tshark decodes it unless it is encrypted (DTLS)",
    ),
    DATAGRAM + 6080: UnreadKind("unread-gue", "GUE", _OUTSIDE),
    DATAGRAM + 6635: _MPLS,
    DATAGRAM + 12222: _LWAPP,
    DATAGRAM + 37008: UnreadKind("unread-tzsp", "TZSP", _TSHARK),
    DATAGRAM + 41641: _WIREGUARD,
    DATAGRAM + 51820: _WIREGUARD,
    QUIC: UnreadKind("", "quic"),
    MQTT_SN: UnreadKind("", "mqtt-sn"),
    # others
    NESTED: UnreadKind("unread-nested", "too many tags or tunnels in one another", _OUTSIDE),
    PPP: UnreadKind(
        "unread-ppp",
        "PPP that is compressed, encrypted, bridged or split over several links",
        "--engine tshark decodes some of it",
    ),
    PSEUDOWIRE: UnreadKind("unread-pseudowire", "MPLS pseudowires", _TSHARK),
    NOT_IP: UnreadKind(
        "unread-raw-ip",
        "neither IPv4 nor IPv6 where the link type or its header says IP",
        "`editcap -T TYPE IN OUT` corrects the link type, if it is wrong",
    ),
    GTP: UnreadKind("unread-gtp-u", "GTP-U without IP, or with wrong lengths", _TSHARK),
    PPTP: UnreadKind("unread-pptp", "PPTP (PPP in GRE)", _TSHARK),
    SNAP: UnreadKind("unread-bridged", "Ethernet bridged over LLC and SNAP", _TSHARK),
}  # fmt: skip

TUNNEL, ENDPOINT = 1, 2
_READ = frozenset({2152, 4789, 6081, 8472})


def _udp_ports() -> bytes:
    made = bytearray(65536)
    for port in QUIC_PORTS | MQTT_SN_PORTS:
        made[port] = ENDPOINT
    for number, found in ENCAPSULATIONS.items():
        if DATAGRAM <= number < DATAGRAM + 65536 and found.kind:
            made[number - DATAGRAM] = TUNNEL
    for port in _READ:
        made[port] = TUNNEL
    return bytes(made)


# For each UDP port what its datagrams may be: TUNNEL, read or not, ENDPOINT (counted only), or 0
UDP_PORTS = _udp_ports()


def warning(number: int, count: int) -> tuple[str, str]:
    """Returns kind and text of the capture warning about `count` frames of one number."""
    found = ENCAPSULATIONS[number]
    frames = "1 frame holds" if count == 1 else f"{count:,} frames hold"
    return (
        found.kind,
        f"{frames} {found.what}, which may carry MQTT and was not read: {found.advice}",
    )
