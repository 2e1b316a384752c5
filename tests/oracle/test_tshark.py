"""Dissector and tshark read the same fields from CONNECT and CONNACK, except for known faults."""

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
    """The recorded captures without TLS (tests/crosscheck has those with TLS, and their keys)."""
    encrypted = {entry["file"] for entry in entries() if "tls" in entry}
    paths = sorted(path for path in corpus.RECORDED.glob("*.pcap*") if path.name not in encrypted)
    return dict(corpus.read_files(tmp_path_factory.mktemp("recorded"), paths))


@pytest.fixture(scope="session")
def examples(tshark: str, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """The conversations of the rule examples."""
    return dict(corpus.read_examples(tmp_path_factory.mktemp("examples")))


@pytest.fixture(scope="session")
def shared(
    tshark: str, tmp_path_factory: pytest.TempPathFactory, shared_captures: list[Path]
) -> Corpus:
    """Captures from other sources."""
    return dict(corpus.read_files(tmp_path_factory.mktemp("shared"), shared_captures))


@pytest.fixture(params=["recorded", "examples", "shared"])
def captures(request: pytest.FixtureRequest) -> Corpus:
    """Each part of the corpus."""
    part: Corpus = request.getfixturevalue(request.param)
    return part


def test_same_fields(captures: Corpus) -> None:
    """Every field of every CONNECT and CONNACK, and its stream, is the same."""
    found = [
        (name, each)
        for name, both in captures.items()
        for each in both.differences()
        if each.fault is None
    ]
    assert found == []


def test_same_connects(captures: Corpus) -> None:
    """CONNECT packets are found in the same frames as by tshark."""
    for name, both in captures.items():
        different = {each.frame for each in both.differences() if each.field == PACKET}
        mine, other = (
            [
                seen.frame
                for seen in side
                if seen.fields["type"] == spec.CONNECT
                and seen.frame not in different
                and seen.stream not in both.ours.carried
            ]
            for side in (both.ours.seen, both.tshark)
        )
        assert mine == other, name


def test_corpus_is_not_empty(captures: Corpus) -> None:
    """Tshark finds MQTT in the captures, so that the comparison is not empty."""
    assert sum(len(both.tshark) for both in captures.values()) > len(captures) / 2


def test_every_fault_is_seen(recorded: Corpus, examples: Corpus, shared: Corpus) -> None:
    """Each known fault explains a difference in the corpus."""
    seen = {
        each.fault.name
        for part in (recorded, examples, shared)
        for both in part.values()
        for each in both.differences()
        if each.fault is not None
    }
    assert seen | MADE_ELSEWHERE == {fault.name for fault in FAULTS}


def test_every_fault_has_a_reason() -> None:
    """Each known fault explains the difference in a sentence."""
    for fault in FAULTS:
        assert len(fault.reason) > 30 and fault.reason.endswith(".")
