"""Record of the layers between TCP and MQTT: PROXY protocol, TLS, WebSocket."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dissector.model import FrameRef, Side
    from dissector.net.proxy import ProxyHeader
    from dissector.net.upgrade import Answer, Request


PROXY, WEBSOCKET, TLS = 1, 2, 4  # as bits: several of them may be around each other


class Encapsulation:
    """The layers between TCP and MQTT. `transport` is "tcp", "tls", "ws" or "wss".

    `proxied` is the PROXY protocol header at the start of the connection. `request` and `answer`
    are the HTTP headers of the WebSocket upgrade, with their frames; None if they were not seen.
    `refused` is the HTTP status of an answer that is no upgrade, None if there was none.
    `texts` holds, per side, the frame with its first WebSocket text frame, which MQTT never uses.
    `mqtt`: MQTT was found inside.
    """

    def __init__(self, transport: str = "tcp") -> None:
        self.transport = transport
        self.proxied: ProxyHeader | None = None
        self.request: Request | None = None
        self.request_frame: FrameRef | None = None
        self.answer: Answer | None = None
        self.answer_frame: FrameRef | None = None
        self.refused: int | None = None
        self.texts: dict[Side, FrameRef] = {}
        self.mqtt = False

    @property
    def websocket(self) -> bool:
        """Whether MQTT is carried in WebSocket frames."""
        return self.transport in ("ws", "wss")

    @property
    def behind_tls_proxy(self) -> bool:
        """Whether a proxy reports that it terminates TLS: it forwards the connection in clear."""
        if self.proxied is not None and self.proxied.tls is not None:
            return True
        forwarded = None if self.request is None else self.request.forwarded
        return forwarded is not None and "proto=https" in forwarded.lower().replace('"', "")

    @property
    def login_possible(self) -> bool:
        """Whether the client may have shown who it is in these layers, besides its CONNECT.

        By a certificate in TLS, also to a proxy that terminates it; by a header or the query of its
        WebSocket request, where some services expect a token, or if that request was not seen.
        """
        if self.transport in ("tls", "wss") or self.behind_tls_proxy:
            return True
        if not self.websocket:
            return False
        request = self.request
        return request is None or request.query is not None or request.login

    @property
    def forwarders(self) -> tuple[str, ...]:
        """The headers by which a proxy passes on the client's address."""
        found = []
        if self.proxied is not None:
            found.append(f"PROXY protocol {self.proxied.version}")
        if self.request is not None and self.request.forwarded_for is not None:
            found.append("X-Forwarded-For")
        if self.request is not None and self.request.forwarded is not None:
            found.append("Forwarded")
        return tuple(found)

    @property
    def forwarded(self) -> str | None:
        """The address of the client behind a proxy, as the proxy states it."""
        if self.proxied is not None and self.proxied.ip is not None:
            return self.proxied.ip
        if self.request is None or self.request.forwarded_for is None:
            return None
        return self.request.forwarded_for.partition(",")[0].strip() or None


def carried_by(transport: str, encapsulation: Encapsulation | None) -> str:
    """Names the layers between TCP and MQTT: "ws", "tls, proxied", …, "" for plain TCP."""
    words = [] if transport == "tcp" else [transport]
    if encapsulation is not None and encapsulation.proxied is not None:
        words.append("proxied")
    return ", ".join(words)
