"""The activity tables of an audit are bounded, hold no secrets, and see clients behind proxies."""

from __future__ import annotations

import io
from collections.abc import Sequence

import dissector
from dissector import analysis
from dissector.activity.entities import BoundedDict
from dissector.activity.tracker import ActivityTracker
from dissector.audit.run import Collector
from dissector.capture.rings import groups
from dissector.model import Finding
from dissector.options import Options
from dissector.rules.base import Step
from dissector.rules.examples import (
    ACCEPTED_311,
    GRACEFUL_CLOSE,
    REFUSED_311,
    SERVER_CLOSES,
    connect,
)
from samples.build import START_NS, conversation, pcap
from tests.conftest import ROOT

PROXIED = ROOT / "samples" / "recorded" / "aedes-paho-3.1.1-proxy-v2.pcap"
PASSWORD = "Zq7-unlikely-Pw"


def tracked(*steps: Step) -> ActivityTracker:
    """Audits a conversation and returns its activity."""
    activity = ActivityTracker(b"key")
    capture = io.BytesIO(pcap(conversation(steps)))
    analysis.run(groups([capture]), Options(audit=True), Collector(), activity=activity)
    return activity


def test_a_full_table_evicts_its_oldest_entry() -> None:
    """A full table evicts its oldest entries, and counts them."""
    table: BoundedDict[int, str] = BoundedDict(2)
    for number in range(5):
        table.keep(number, "x")
    assert list(table) == [3, 4]
    assert table.evicted == 3


def test_a_table_keeps_only_so_much_text() -> None:
    """Beyond its bytes of text a table evicts its oldest entries, however few they are."""
    table: BoundedDict[str, None] = BoundedDict(1000, 10_000)
    for number in range(5):
        table.keep(f"{number}" * 3000, None)
    assert [key[0] for key in table] == ["2", "3", "4"]
    table.charge("4" * 3000, 5000)
    assert [key[0] for key in table] == ["4"]
    assert table.evicted == 4


def test_short_texts_are_bounded_by_their_number() -> None:
    """Keys of usual length are evicted only when the table has too many of them."""
    table: BoundedDict[str, None] = BoundedDict(1000, 1000)
    for number in range(900):
        table.keep(f"device-{number}", None)
    assert table.evicted == 0


def test_alike_connections_share_one_profile() -> None:
    """A device that reconnects unchanged needs no more memory."""
    steps = (connect("lamp"), ACCEPTED_311, *GRACEFUL_CLOSE, "+3", "NEW")
    activity = tracked(*(steps * 4)[:-1])
    (profile,) = activity.profiles.values()
    assert profile.count == 4


def test_no_secret_is_kept() -> None:
    """Only a keyed hash of a password is kept, also of a refused one."""
    activity = tracked(
        connect("lamp", "anna", PASSWORD), ACCEPTED_311, *GRACEFUL_CLOSE,
        "NEW", connect("lamp", "anna", PASSWORD + "?"), REFUSED_311, *SERVER_CLOSES,
    )  # fmt: skip
    (host,) = activity.hosts.values()
    assert host.refusals is not None
    kept = [getattr(item, name) for item in host.refusals.items for name in item.__slots__]
    for profile in activity.profiles.values():
        kept += [getattr(profile, name) for name in profile.__slots__]
    assert len(activity.profiles) == 2
    assert len(host.refusals) == 1
    assert not [value for value in kept if PASSWORD in str(value)]


def test_throttled_hosts_are_recorded() -> None:
    """A ban, or a missing answer, is recorded for that host and server."""
    banned = connect("lamp", "anna", PASSWORD, version="5.0")
    for steps in ((banned, "S 20 03 00 8a 00", *SERVER_CLOSES), (banned, *SERVER_CLOSES)):
        (host,) = tracked(*steps).hosts.values()
        assert list(host.throttled or ()) == [("10.0.0.2", 1883)]


def test_clients_behind_a_proxy_are_distinguished() -> None:
    """If the PROXY protocol names the client, devices are distinguished by its address."""
    from dissector.audit.run import audit

    report = dissector.analyze(PROXIED)
    named = {
        handshake.encapsulation.proxied.ip
        for handshake in report.handshakes
        if handshake.encapsulation is not None and handshake.encapsulation.proxied is not None
    }
    found = {address for device in audit(PROXIED).devices for address in device.addresses}
    assert named - {None} <= found


SECOND = 1_000_000_000
OPEN = (connect(client_id="a", username="u", password=PASSWORD), ACCEPTED_311)
DENIED = (connect(client_id="a", username="u", password=PASSWORD), REFUSED_311, *SERVER_CLOSES)


class FindingsOnly(Collector):
    """Collects the findings of an audit."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Finding] = []

    def finding(self, record: Finding) -> None:
        """Stores the record."""
        self.found.append(record)


def audited(*captures: tuple[Sequence[Step], int, int]) -> tuple[ActivityTracker, list[Finding]]:
    """Audits captures of one conversation each: its steps, start in seconds, client's host."""
    activity = ActivityTracker(b"key")
    collected = FindingsOnly()
    files = [
        io.BytesIO(
            pcap(
                conversation(
                    steps, client_ip=bytes((10, 0, 0, host)), start_ns=START_NS + start * SECOND
                )
            )
        )
        for steps, start, host in captures
    ]
    analysis.run(groups(files), Options(audit=True), collected, activity=activity)
    return activity, collected.found


def test_activity_goes_on_in_a_later_capture() -> None:
    """What an earlier capture showed of a host counts in one that begins after its end."""
    activity, _ = audited((DENIED, 0, 1), (DENIED, 60, 1))
    (host,) = activity.hosts.values()
    assert host.refusals is not None
    assert len(host.refusals) == 2
    (profile,) = activity.profiles.values()
    assert profile.count == profile.recent == 2
    assert profile.streams == ((0, 0), (1, 0))


def test_activity_is_not_shared_by_captures_that_overlap() -> None:
    """Captures of the same times share the profiles, and nothing that rules conclude from."""
    activity, found = audited((DENIED, 0, 1), (DENIED, 0, 1))
    (host,) = activity.hosts.values()
    assert host.refusals is not None
    assert len(host.refusals) == 1
    (profile,) = activity.profiles.values()
    assert (profile.count, profile.recent) == (2, 1)
    by_capture = [[one.rule for one in found if one.capture == number] for number in (0, 1)]
    assert by_capture[0] == by_capture[1] != []


def test_a_connection_that_a_capture_leaves_open_is_not_live_in_the_next() -> None:
    """A client id from another address is no takeover of a connection of an earlier capture."""
    activity, found = audited((OPEN, 0, 1), (OPEN, 60, 2))
    assert not any(client.live for client in activity.clients.values())
    assert not any(one.rule in ("SEC12", "SEC13") for one in found)
