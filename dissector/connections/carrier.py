"""What carries a connection's MQTT besides TCP, as it was seen: records, nothing judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dissector.model import FrameRef, Side
    from dissector.net.proxy import ProxyHeader
    from dissector.net.upgrade import Answer, Request


class Carrier:
    """The layers between TCP and MQTT. `transport` is "tcp", "tls", "ws" or "wss".

    `proxied` is the PROXY protocol header before everything else. `request` and `answer` are the
    heads of the WebSocket upgrade, with their frames; None where that was not seen. `texts` holds,
    per side, the frame with its first WebSocket text frame, which MQTT never uses.
    """

    def __init__(self, transport: str = "tcp") -> None:
        self.transport = transport
        self.proxied: ProxyHeader | None = None
        self.request: Request | None = None
        self.request_frame: FrameRef | None = None
        self.answer: Answer | None = None
        self.answer_frame: FrameRef | None = None
        self.texts: dict[Side, FrameRef] = {}

    @property
    def websocket(self) -> bool:
        """Whether MQTT is carried in WebSocket frames."""
        return self.transport in ("ws", "wss")
