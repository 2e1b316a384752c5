"""The tables of what is known of servers, hosts, client ids and credentials over all connections.

Every table evicts its oldest entry when it is full, so a live capture can run for months.
"""

from __future__ import annotations

import os

from dissector.activity.entities import (
    TEXT_LIMIT,
    BoundedDict,
    Client,
    Credential,
    Host,
    ServerHistory,
)
from dissector.activity.profile import Profile
from dissector.connections.thresholds import DEFAULT, Thresholds

PROFILES = 65_536
HOSTS = 16_384
CLIENTS = 65_536
CREDENTIALS = 16_384
SERVERS = 1_024
ONCE = 131_072
STEMS = 4_096  # prefixes of client ids that end in a number, over all servers


class ActivityTables:
    """Holds the tables. `key` is the key of the hashes of secrets, random if None.

    `start_ns` is the time of the first CONNECT or CONNACK. `capture` is the id of the capture if
    there are several; `period` counts the calls of `forget`. `limits` are the thresholds of the
    rules.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self.key = os.urandom(16) if key is None else key
        self.profiles: BoundedDict[tuple[object, ...], Profile] = BoundedDict(
            PROFILES, 2 * TEXT_LIMIT
        )
        self.hosts: BoundedDict[str, Host] = BoundedDict(HOSTS)
        self.clients: BoundedDict[tuple[str, int, str], Client] = BoundedDict(CLIENTS)
        self.credentials: BoundedDict[str, Credential] = BoundedDict(CREDENTIALS)
        self.servers: BoundedDict[tuple[str, int], ServerHistory] = BoundedDict(SERVERS)
        # numbers at the end of client ids, by server and prefix
        self.stems: BoundedDict[tuple[str, int, str], set[int]] = BoundedDict(STEMS)
        self.start_ns: int | None = None
        self._once: BoundedDict[tuple[object, ...], None] = BoundedDict(ONCE)
        self.capture: int | None = None
        self.limits: Thresholds = DEFAULT
        self.period = 0

    def forget(self) -> None:
        """Discards all activity but the profiles, since what follows is not later in time."""
        self.period += 1
        for table in (self.hosts, self.clients, self.credentials, self.servers, self.stems,
                      self._once):  # fmt: skip
            table.empty()
        self.start_ns = None

    @property
    def evicted(self) -> int:
        """Number of entries evicted from the tables; without those of `once`, which only repeat."""
        entities = self.profiles.evicted + self.hosts.evicted + self.clients.evicted
        return entities + self.credentials.evicted + self.servers.evicted + self.stems.evicted

    def once(self, *key: object) -> bool:
        """Whether this is the first call with this key."""
        if key in self._once:
            return False
        self._once.keep(key, None)
        return True

    def reported(self, *key: object) -> bool:
        """Whether `once` was called with this key."""
        return key in self._once
