"""Fixtures: loopback and network namespaces for live traffic."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.harness import LOOPBACK, Place, namespaces, need_root


@pytest.fixture(params=["loopback", "namespace"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """The loopback interface, then a veth pair."""
    need_root()
    if request.param == "loopback":
        yield LOOPBACK
    else:
        with namespaces() as made:
            yield made


@pytest.fixture
def spaces() -> Iterator[Place]:
    """A veth pair between two namespaces."""
    with namespaces() as made:
        yield made
