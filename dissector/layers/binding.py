"""Binds the MQTT layers to TCP ports in scapy, and unbinds them."""

from __future__ import annotations

from scapy.layers.inet import TCP
from scapy.packet import bind_top_down, split_bottom_up, split_top_down

from dissector.layers.packets import MQTT


def bind(*ports: int) -> None:
    """Makes scapy dissect TCP on these ports (default 1883) with these layers.

    They have precedence over other layers bound to the same ports, such as those of
    `scapy.contrib.mqtt`, in whatever order they were bound. `TCP() / MQTT()` then sets the last of
    the ports as destination port.
    """
    unbind(*ports)
    for port in ports or (1883,):
        for end in ("sport", "dport"):
            TCP.payload_guess = [({end: port}, MQTT), *TCP.payload_guess]
        bind_top_down(TCP, MQTT, dport=port)


def unbind(*ports: int) -> None:
    """Undoes `bind` for these ports (default 1883)."""
    for port in ports or (1883,):
        for end in ("sport", "dport"):
            split_bottom_up(TCP, MQTT, {end: port})
        split_top_down(TCP, MQTT, dport=port)
