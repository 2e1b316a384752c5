"""tshark reads the same fields in every CONNECT and CONNACK as we do, but for its known faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from dissector.crosscheck.faults import FAULTS, PACKET
from dissector.mqtt import spec
from samples.describe import entries
from tests.oracle import corpus

Corpus = dict[str, corpus.PairedFields]
MADE_ELSEWHERE = {"split-length"}  # tests/crosscheck/test_compare.py makes it


@pytest.fixture(scope="session")
def recorded(tshark: str, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """The recorded captures, without those of TLS (tests/crosscheck has these, with their keys)."""
    closed = {entry["file"] for entry in entries() if "tls" in entry}
    paths = sorted(path for path in corpus.RECORDED.glob("*.pcap*") if path.name not in closed)
    return dict(corpus.read_files(tmp_path_factory.mktemp("recorded"), paths))


@pytest.fixture(scope="session")
def examples(tshark: str, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """The conversations of the rules' examples."""
    return dict(corpus.read_examples(tmp_path_factory.mktemp("examples")))


@pytest.fixture(scope="session")
def shared(
    tshark: str, tmp_path_factory: pytest.TempPathFactory, shared_captures: list[Path]
) -> Corpus:
    """The captures of others."""
    return dict(corpus.read_files(tmp_path_factory.mktemp("shared"), shared_captures))


@pytest.fixture(params=["recorded", "examples", "shared"])
def captures(request: pytest.FixtureRequest) -> Corpus:
    """Each part of the corpus."""
    part: Corpus = request.getfixturevalue(request.param)
    return part


def test_same_fields(captures: Corpus) -> None:
    """Every field of every CONNECT and CONNACK, and its stream, reads the same."""
    found = [
        (name, each)
        for name, both in captures.items()
        for each in both.differences()
        if each.fault is None
    ]
    assert found == []


def test_same_connects(captures: Corpus) -> None:
    """There are as many CONNECT packets as tshark counts, in the same frames."""
    for name, both in captures.items():
        odd = {each.frame for each in both.differences() if each.field == PACKET}
        mine, other = (
            [
                seen.frame
                for seen in side
                if seen.fields["type"] == spec.CONNECT
                and seen.frame not in odd
                and seen.stream not in both.ours.carried
            ]
            for side in (both.ours.seen, both.tshark)
        )
        assert mine == other, name


def test_corpus_is_not_empty(captures: Corpus) -> None:
    """The test would fail if tshark no longer saw any MQTT."""
    assert sum(len(both.tshark) for both in captures.values()) > len(captures) / 2


def test_every_fault_is_seen(recorded: Corpus, examples: Corpus, shared: Corpus) -> None:
    """Each fault that is listed as known explains something here."""
    seen = {
        each.fault.name
        for part in (recorded, examples, shared)
        for both in part.values()
        for each in both.differences()
        if each.fault is not None
    }
    assert seen | MADE_ELSEWHERE == {fault.name for fault in FAULTS}


def test_every_fault_has_a_reason() -> None:
    """Each fault says in a sentence why we differ."""
    for fault in FAULTS:
        assert len(fault.reason) > 30 and fault.reason.endswith(".")
