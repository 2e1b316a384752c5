"""tshark reads the same fields in every CONNECT and CONNACK as we do."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dissector.mqtt import spec
from tests.oracle import corpus
from tests.oracle.sighting import Sighting

KNOWN = Path(__file__).with_name("known_tshark.toml")
PACKET = "packet"
NOTHING: tuple[Any, ...] = (0, b"", [])  # tshark has no line for what holds no bit and no byte
Divergence = tuple[str, int, str]  # capture, frame, field


def known(names: set[str]) -> set[Divergence]:
    """Give the divergences that are explained, those of some captures only."""
    return {
        (entry["capture"], entry["frame"], entry["field"])
        for entry in tomllib.loads(KNOWN.read_text("utf-8"))["divergence"]
        if entry["capture"] in names
    }


def comparable(value: Any) -> Any:
    """Give a field's value without that of unknown properties, whose end nobody knows."""
    if not isinstance(value, list):
        return value
    return [(number, item if number in spec.PROPERTIES else None) for number, item in value]


def field_differs(mine: Sighting, other: Sighting, field: str) -> bool:
    """Whether we and tshark tell different things of a field."""
    left, right = mine.fields.get(field), other.fields.get(field)
    if field not in other.fields and left in NOTHING:
        return False
    return bool(comparable(left) != comparable(right))


def differences(name: str, both: corpus.Both) -> Iterator[Divergence]:
    """Give all in which we and tshark differ on one capture."""
    mine = {(seen.frame, seen.place): seen for seen in both.ours}
    other = {(seen.frame, seen.place): seen for seen in both.tshark}
    for place in mine.keys() ^ other.keys():
        yield name, place[0], PACKET
    for place in mine.keys() & other.keys():
        left, right = mine[place], other[place]
        for field in left.fields.keys() | right.fields.keys():
            if field_differs(left, right, field):
                yield name, place[0], field


Corpus = dict[str, corpus.Both]


@pytest.fixture(scope="session")
def recorded(tshark: str, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """The recorded captures."""
    paths = sorted(corpus.RECORDED.glob("*.pcap*"))
    return dict(corpus.read_files(tshark, tmp_path_factory.mktemp("recorded"), paths))


@pytest.fixture(scope="session")
def examples(tshark: str, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """The conversations of the rules' examples."""
    return dict(corpus.read_examples(tshark, tmp_path_factory.mktemp("examples")))


@pytest.fixture(scope="session")
def shared(
    tshark: str, tmp_path_factory: pytest.TempPathFactory, shared_captures: list[Path]
) -> Corpus:
    """The captures of others."""
    return dict(corpus.read_files(tshark, tmp_path_factory.mktemp("shared"), shared_captures))


@pytest.fixture(params=["recorded", "examples", "shared"])
def captures(request: pytest.FixtureRequest) -> Corpus:
    """Each part of the corpus."""
    part: Corpus = request.getfixturevalue(request.param)
    return part


def all_of(captures: Corpus, tell: Callable[[str, corpus.Both], Iterator[Divergence]]) -> set[Any]:
    """Collect what is told of each capture."""
    return {each for name, both in captures.items() for each in tell(name, both)}


def test_same_fields(captures: Corpus) -> None:
    """Every field of every CONNECT and CONNACK reads the same, but for the known divergences."""
    found = all_of(captures, differences)
    explained = known(set(captures))
    assert sorted(found - explained) == []
    assert sorted(explained - found) == [], "listed, but no longer different"


def test_same_streams(captures: Corpus) -> None:
    """Each CONNECT and CONNACK is on the connection that tshark counts it on."""
    for name, both in captures.items():
        numbers = {(seen.frame, seen.place): seen.stream for seen in both.tshark}
        wrong = [
            seen
            for seen in both.ours
            if numbers.get((seen.frame, seen.place), seen.stream) != seen.stream
        ]
        assert wrong == [], name


def test_same_connects(captures: Corpus) -> None:
    """There are as many CONNECT packets as tshark counts, in the same frames."""
    explained = {(name, frame) for name, frame, field in known(set(captures)) if field == PACKET}
    for name, both in captures.items():
        mine, other = (
            [
                seen.frame
                for seen in side
                if seen.fields["type"] == spec.CONNECT and (name, seen.frame) not in explained
            ]
            for side in both
        )
        assert mine == other, name


def test_corpus_is_not_empty(captures: Corpus) -> None:
    """The test would fail if tshark no longer saw any MQTT."""
    assert sum(len(both.tshark) for both in captures.values()) > len(captures) / 2


def test_every_divergence_has_a_reason() -> None:
    """Each entry says in a sentence why we differ."""
    for entry in tomllib.loads(KNOWN.read_text("utf-8"))["divergence"]:
        assert len(entry["reason"]) > 30
