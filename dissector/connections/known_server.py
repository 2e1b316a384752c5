"""What is known of an MQTT server from the capture of its other connections."""

from __future__ import annotations

from dissector.model import Endpoint


class KnownServer:
    """A server seen by the trackers.

    `last_seen_ns` is the time of the last segment of any of its connections that has ended (at the
    end of the capture: of any). `bytes_missing`: not all of what they carried was captured.
    """

    def __init__(self, endpoint: Endpoint, mac: bytes | None) -> None:
        self.endpoint = endpoint
        self.mac = mac
        self.last_seen_ns = 0
        self.bytes_missing = False
