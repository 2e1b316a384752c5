"""Deadlines for reactions that the standards require without naming a time: each is our choice.

They are the keys of the configuration table `deadlines`, and known to a connection as
`Connection.deadlines`. A rule that uses one names it (`Rule.deadlines`), so its page shows it.
"""

from __future__ import annotations

from typing import Annotated, get_type_hints

import msgspec

_Seconds = float
LONGEST = 1_000_000  # seconds; more would overflow the times of a capture in nanoseconds


class Deadlines(msgspec.Struct, kw_only=True, frozen=True, rename="kebab"):
    """All deadlines, in seconds, more than 0 and at most `LONGEST`."""

    close_seconds: Annotated[
        _Seconds,
        msgspec.Meta(description="to close after a refusal, a DISCONNECT or a violation"),
    ] = 5
    connect_seconds: Annotated[
        _Seconds, msgspec.Meta(description="from the TCP connection to the CONNECT")
    ] = 30
    connack_seconds: Annotated[
        _Seconds, msgspec.Meta(description="from the CONNECT to its answer")
    ] = 30
    client_wait_seconds: Annotated[
        _Seconds, msgspec.Meta(description="until a client without an answer closes")
    ] = 35
    authentication_seconds: Annotated[
        _Seconds, msgspec.Meta(description="from the CONNECT to the end of its authentication")
    ] = 60

    @property
    def close_ns(self) -> int:
        """`close_seconds` in nanoseconds."""
        return int(self.close_seconds * 1e9)

    @property
    def connect_ns(self) -> int:
        """`connect_seconds` in nanoseconds."""
        return int(self.connect_seconds * 1e9)

    @property
    def connack_ns(self) -> int:
        """`connack_seconds` in nanoseconds."""
        return int(self.connack_seconds * 1e9)

    @property
    def client_wait_ns(self) -> int:
        """`client_wait_seconds` in nanoseconds."""
        return int(self.client_wait_seconds * 1e9)

    @property
    def authentication_ns(self) -> int:
        """`authentication_seconds` in nanoseconds."""
        return int(self.authentication_seconds * 1e9)


DEFAULT = Deadlines()


def described(key: str) -> tuple[float, str]:
    """Returns the default of a key (`close-seconds`) in seconds, and what the deadline is for."""
    name = key.replace("-", "_")
    hint = get_type_hints(Deadlines, include_extras=True)[name]
    return getattr(DEFAULT, name), hint.__metadata__[0].description
