"""Make scapy use the layers for TCP ports, and stop it."""

from __future__ import annotations

from scapy.layers.inet import TCP
from scapy.packet import bind_top_down, split_bottom_up, split_top_down

from dissector.layers.packets import MQTT


def bind(*ports: int) -> None:
    """Have scapy dissect TCP on these ports (1883 if none are given) with these layers.

    They come before other layers bound to the same ports, such as those of `scapy.contrib.mqtt`,
    whichever was bound first. `TCP() / MQTT()` then fills in the last of the ports.
    """
    unbind(*ports)
    for port in ports or (1883,):
        for end in ("sport", "dport"):
            TCP.payload_guess = [({end: port}, MQTT), *TCP.payload_guess]
        bind_top_down(TCP, MQTT, dport=port)


def unbind(*ports: int) -> None:
    """Undo `bind` for these ports (1883 if none are given)."""
    for port in ports or (1883,):
        for end in ("sport", "dport"):
            split_bottom_up(TCP, MQTT, {end: port})
        split_top_down(TCP, MQTT, dport=port)
