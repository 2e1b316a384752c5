"""Parses the HTTP request and response of a WebSocket upgrade (RFC 6455 section 4).

h11 parses the heads, each with a connection of its own, since h11 acts as one side and an observer
sees both. It is imported only when bytes look like an upgrade. If h11 rejects a head,
NotUpgradeError has h11's message without the bytes that it quotes. Extensions other than
permessage-deflate are not supported.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from dissector.net.first_bytes import HEAD_LIMIT
from dissector.text import decode

if TYPE_CHECKING:
    from collections.abc import Iterable

_QUOTED = re.compile(r":? (bytearray\(|b['\"]).*", re.DOTALL)  # h11 quotes what it rejects
_LOGIN = (b"authorization", b"cookie")
_TEXT = {
    b"host": "host",
    b"origin": "origin",
    b"user-agent": "user_agent",
    b"x-forwarded-for": "forwarded_for",
    b"forwarded": "forwarded",
}


class Request(msgspec.Struct):
    """What the client asks for; fields are None if the request does not have them.

    `query` is what follows "?" in the target: services sign requests there, so it is a secret.
    `login`: it has an Authorization header or a cookie, whose values are not kept. `subprotocols`
    are those that the client offers, in its order.
    """

    path: str
    query: bytes | None = None
    host: str | None = None
    origin: str | None = None
    user_agent: str | None = None
    forwarded_for: str | None = None
    forwarded: str | None = None
    login: bool = False
    subprotocols: tuple[str, ...] = ()
    deflate: Deflate | None = None


class Answer(msgspec.Struct):
    """The server's response; `subprotocol` is the one that it selects, None if it selects none."""

    status: int
    subprotocol: str | None = None
    deflate: Deflate | None = None


class Deflate(msgspec.Struct, frozen=True):
    """permessage-deflate (RFC 7692): whether each side keeps its window from message to message."""

    client_context_takeover: bool = True
    server_context_takeover: bool = True


class NotUpgradeError(Exception):
    """A head that is no WebSocket upgrade; `websocket`: it was meant to be one."""

    def __init__(self, text: str, *, websocket: bool = False) -> None:
        super().__init__(text)
        self.websocket = websocket


def may_refuse(data: bytes | bytearray) -> bool:
    """Whether these bytes (at least one) may begin an answer that is no upgrade."""
    return data[:7] == b"HTTP/1."[: len(data)]


def refusal(data: bytes | bytearray) -> int:
    """Return the status of an answer that may_refuse; 0 while it is incomplete or no number."""
    status = data[9:12]
    return int(status) if len(status) == 3 and status.isdigit() else 0


def request(head: bytes) -> Request:
    """Parse a request's head. Raises NotUpgradeError."""
    import h11

    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
    event = _event(connection, head)
    if not isinstance(event, h11.Request):
        raise NotUpgradeError("it is not an HTTP request")
    if event.method != b"GET" or b"websocket" not in _tokens(event.headers, b"upgrade"):
        raise NotUpgradeError("the request does not ask for WebSocket")
    path, mark, query = event.target.partition(b"?")
    made = Request(
        decode(path),
        query if mark else None,
        subprotocols=tuple(map(decode, _tokens(event.headers, b"sec-websocket-protocol"))),
        deflate=_deflate(event.headers),
    )
    for name, value in event.headers:
        made.login = made.login or name in _LOGIN
        attribute = _TEXT.get(name)
        if attribute is not None:
            before = getattr(made, attribute)
            text = decode(value)
            setattr(made, attribute, text if before is None else f"{before}, {text}")
    return made


def answer(head: bytes) -> Answer:
    """Parse the head of the response. Raises NotUpgradeError if the status is not 101."""
    import h11

    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_LIMIT)
    # h11 accepts a response only to a request of its own; the contents of that do not matter
    asked = [("Host", "host"), ("Upgrade", "websocket"), ("Connection", "Upgrade")]
    connection.send(h11.Request(method="GET", target="/", headers=asked))
    connection.send(h11.EndOfMessage())
    event = _event(connection, head)
    status = getattr(event, "status_code", 0)
    if not isinstance(event, h11.InformationalResponse) or status != 101:
        raise NotUpgradeError(f"the server answered with HTTP status {status}", websocket=True)
    selected = _tokens(event.headers, b"sec-websocket-protocol")
    return Answer(status, decode(selected[0]) if selected else None, _deflate(event.headers))


def _event(connection: object, head: bytes) -> object:
    import h11

    assert isinstance(connection, h11.Connection)
    connection.receive_data(head)
    try:
        return connection.next_event()
    except h11.RemoteProtocolError as error:
        wanted = b"websocket" in head.lower()
        # without the bytes themselves: the target may hold a token, a header a password
        raise NotUpgradeError(_QUOTED.sub("", str(error)), websocket=wanted) from None


def _tokens(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> list[bytes]:
    """Return the members of a list header, from all its lines; those of Upgrade in lower case."""
    values = [value for name, value in headers if name == wanted]
    found = [member.strip() for value in values for member in value.split(b",")]
    if wanted == b"upgrade":
        found = [member.lower() for member in found]
    return [member for member in found if member]


def _deflate(headers: Iterable[tuple[bytes, bytes]]) -> Deflate | None:
    """Return the first permessage-deflate that is offered or accepted; None if there is none."""
    for extension in _tokens(headers, b"sec-websocket-extensions"):
        name, *parameters = (part.strip().lower() for part in extension.split(b";"))
        if name == b"permessage-deflate":
            return Deflate(
                b"client_no_context_takeover" not in parameters,
                b"server_no_context_takeover" not in parameters,
            )
    return None
