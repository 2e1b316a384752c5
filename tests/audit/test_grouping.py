"""Grouping of connections into devices by MAC address, IP address, client id and credentials."""

from __future__ import annotations

import io
from itertools import count

from dissector.audit.records import Device
from dissector.audit.run import audit
from dissector.rules.examples import (
    ACCEPTED_311,
    GRACEFUL_CLOSE,
    REFUSED_311,
    SERVER_CLOSES,
    connect,
)
from samples.build import START_NS, Frame, conversation, pcap

SECOND = 1_000_000_000
ROUTER = bytes.fromhex("d80d17102006")
PASSWORD = "Zq7-unlikely-Pw"


class HostConnection:
    """One connection of a host: its address, its login, and its start and end in seconds."""

    ports = count(40000)

    def __init__(
        self, ip: str, client_id: str, start: float, stop: float, *,
        mac: bytes | None = None, user: str | None = None, accepted: bool = True,
    ) -> None:  # fmt: skip
        password = None if user is None else f"{PASSWORD}-{user}"
        ending = GRACEFUL_CLOSE if accepted else SERVER_CLOSES
        answer = ACCEPTED_311 if accepted else REFUSED_311
        steps = (connect(client_id, user, password), answer, f"+{stop - start}", *ending)
        address = bytes(map(int, ip.split(".")))
        self.frames = [
            _with_mac(frame, mac)
            for frame in conversation(
                steps, client_ip=address, client_port=next(self.ports),
                start_ns=START_NS + int(start * SECOND),
            )
        ]  # fmt: skip


def _with_mac(frame: Frame, mac: bytes | None) -> Frame:
    """Returns a frame with another MAC address of the client."""
    if mac is None:
        return frame
    data = frame.data
    addresses = data[:6] + mac if frame.side == "C" else mac + data[6:12]
    return frame._replace(data=addresses + data[12:])


def devices(*hosts: HostConnection) -> list[Device]:
    """Audits the connections, in order of time."""
    frames = sorted((frame for host in hosts for frame in host.frames), key=lambda f: f.time_ns)
    return audit(io.BytesIO(pcap(frames))).devices


def test_a_new_address_is_the_same_device() -> None:
    """A device that changes its address is one by its MAC, even if its client id changes."""
    (device,) = devices(
        HostConnection("10.0.0.7", "x1", 0, 5), HostConnection("10.0.0.8", "x2", 60, 65)
    )
    assert device.kind.value == "device"
    assert device.addresses == ("10.0.0.7", "10.0.0.8")


def test_two_addresses_at_once_are_behind_a_router() -> None:
    """Hosts that share only a MAC address and are connected at the same time are two devices."""
    found = devices(
        HostConnection("10.0.0.7", "lamp", 0, 9, mac=ROUTER),
        HostConnection("10.0.0.8", "plug", 2, 5, mac=ROUTER),
    )
    assert [device.kind.value for device in found] == ["routed", "routed"]
    assert all(device.vendor is None for device in found)


def test_addresses_of_two_networks_are_behind_a_router() -> None:
    """A MAC address with hosts of several networks is a router's, at any time."""
    found = devices(
        HostConnection("192.0.2.7", "lamp", 0, 1, mac=ROUTER),
        HostConnection("203.0.113.8", "plug", 60, 61, mac=ROUTER),
    )
    assert [device.kind.value for device in found] == ["routed", "routed"]


def test_several_ids_with_one_login_are_a_gateway() -> None:
    """One host with several client ids at once and the same credentials is a gateway."""
    (device,) = devices(
        HostConnection("10.0.0.7", "blinds-1", 0, 9, user="panel"),
        HostConnection("10.0.0.7", "blinds-2", 1, 9, user="panel"),
    )
    assert device.kind.value == "gateway"
    assert device.kind_reason is not None
    assert "same credentials" in device.kind_reason


def test_several_ids_without_a_login_may_be_either() -> None:
    """Without credentials a gateway cannot be told from several devices; the reason states that."""
    (device,) = devices(
        HostConnection("10.0.0.7", "a1", 0, 9), HostConnection("10.0.0.7", "a2", 1, 9)
    )
    assert device.kind_reason is not None
    assert "or several devices" in device.kind_reason


def test_ids_one_after_the_other_are_one_device() -> None:
    """A client that generates a new id each time is not a gateway."""
    (device,) = devices(
        HostConnection("10.0.0.7", "a1", 0, 1), HostConnection("10.0.0.7", "a2", 10, 11)
    )
    assert device.kind.value == "device"
    assert device.client_ids == ("a1", "a2")


def test_several_users_at_once_are_behind_one_address() -> None:
    """Each user name is a device; a client that was never accepted is a separate one."""
    found = devices(
        HostConnection("10.0.0.7", "radio", 0, 20, user="radio"),
        HostConnection("10.0.0.7", "clock", 1, 20, user="clock"),
        HostConnection("10.0.0.7", "guess", 5, 6, user="admin", accepted=False),
    )
    assert [(device.kind.value, device.usernames) for device in found] == [
        ("nat", ("radio",)),
        ("nat", ("clock",)),
        ("nat", ("admin",)),
    ]
    assert found[2].kind_reason is not None
    assert "never accepted" in found[2].kind_reason


def test_refused_ids_do_not_distinguish_devices() -> None:
    """An attacker that tries several client ids is one device."""
    (device,) = devices(
        *(HostConnection("10.0.0.7", f"x{n}", 0, 9, user=f"u{n}", accepted=False) for n in range(4))
    )
    assert device.kind.value == "device"
    assert device.client_ids_seen == 4


def test_unshared_credentials_are_right() -> None:
    """Credentials are a device's own if no other device uses them, even with several addresses."""
    one, two, three = devices(
        HostConnection("10.0.0.7", "a", 0, 1, user="both", mac=bytes.fromhex("02000000aa01")),
        HostConnection("10.0.0.8", "b", 2, 3, user="both", mac=bytes.fromhex("02000000aa02")),
        HostConnection("10.0.0.9", "c", 4, 5, user="own", mac=bytes.fromhex("02000000aa03")),
        HostConnection("10.0.0.10", "c", 6, 7, user="own", mac=bytes.fromhex("02000000aa03")),
    )
    texts = [{point.text for point in device.posture.right} for device in (one, two, three)]
    unshared = "no other device was seen with its credentials"
    assert [unshared in each for each in texts] == [False, False, True]
