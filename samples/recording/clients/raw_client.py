"""Sends a set of malformed or unusual CONNECTs to a server, each on its own TCP connection.

usage: raw_client.py SET HOST PORT

The connections are open at the same time. No MQTT library sends such packets. A connection that
the server does not close is kept open for `HOLD` seconds after the last packet of either side,
longer than the deadline after which the linter reports that the server should have closed it. The
client id is the name of the case, if the case allows one.
"""

import asyncio
import sys
import time
from dataclasses import dataclass

HOLD = 7.5
STAGGER = 0.08
"""Seconds between the starts of two connections, which keeps their order in the capture."""
PAUSE = 0.3
"""Seconds between two packets of one connection."""

PINGREQ = b"\xc0\x00"
PUBLISH = b"\x30\x06\x00\x01tx21"
WILL = b"\x00\x04will\x00\x04lost"


def field(value: bytes) -> bytes:
    """Encodes a length-prefixed field."""
    return len(value).to_bytes(2) + value


def packet(first: int, body: bytes) -> bytes:
    """Encodes a control packet with the shortest Remaining Length."""
    length, rest = b"", len(body)
    while True:
        rest, digit = divmod(rest, 128)
        length += bytes([digit | (128 if rest else 0)])
        if not rest:
            return bytes([first]) + length + body


@dataclass(frozen=True)
class RawConnect:
    """A CONNECT in which every part can be wrong; `tail` follows the client id."""

    client_id: bytes
    flags: int = 0x02
    tail: bytes = b""
    level: int = 4
    name: bytes = b"MQTT"
    keep_alive: int = 60
    properties: bytes | None = None
    first: int = 0x10

    @property
    def body(self) -> bytes:
        """The bytes after the fixed header."""
        head = field(self.name) + bytes([self.level, self.flags]) + self.keep_alive.to_bytes(2)
        if self.properties is not None:
            head += bytes([len(self.properties)]) + self.properties
        return head + field(self.client_id) + self.tail

    def __bytes__(self) -> bytes:
        """Returns the whole packet."""
        return packet(self.first, self.body)


@dataclass(frozen=True)
class RawCase:
    """The packets that one connection sends, one after the other."""

    name: str
    packets: tuple[bytes, ...]


def five(
    name: str, properties: bytes = b"", flags: int = 0x02, tail: bytes = b"", **more: int
) -> RawCase:
    """Returns a case of one 5.0 CONNECT with these properties."""
    connect = RawConnect(
        name.encode(), flags, tail, level=more.get("level", 5), properties=properties,
        first=more.get("first", 0x10),
    )  # fmt: skip
    return RawCase(name, (bytes(connect),))


def four(name: str, flags: int = 0x02, tail: bytes = b"", level: int = 4) -> RawCase:
    """Returns a case of one 3.1.1 CONNECT."""
    return RawCase(name, (bytes(RawConnect(name.encode(), flags, tail, level)),))


MALFORMED_3_1_1 = [
    four("valid"),
    four("reserved-flag", 0x03),
    four("password-without-user-name", 0x42, field(b"correct-horse")),
    RawCase("empty-id-clean-0", (bytes(RawConnect(b"", 0x00)),)),
    RawCase("second-connect", (bytes(RawConnect(b"second-connect")),) * 2 + (PINGREQ,)),
    RawCase("publish-first", (PUBLISH,)),
    RawCase("pingreq-first", (PINGREQ,)),
    four("will-qos-3", 0x1E, WILL),
    four("will-qos-without-will", 0x0A),
    four("will-retain-without-will", 0x22),
    four("will-topic-wildcard", 0x06, field(b"greenhouse/#") + field(b"lost")),
    four("will-topic-empty", 0x06, field(b"") + field(b"lost")),
    RawCase("id-not-utf-8", (bytes(RawConnect(b"sensor\xc3\x28")),)),
    RawCase("id-surrogate", (bytes(RawConnect(b"sensor\xed\xa0\x80")),)),
    RawCase("id-with-nul", (bytes(RawConnect(b"sensor\x00one")),)),
    four("user-name-not-utf-8", 0x82, field(b"green\xff\xfe")),
    RawCase("name-mqtx", (bytes(RawConnect(b"name-mqtx", name=b"MQTX")),)),
    RawCase("name-mqisdp-level-4", (bytes(RawConnect(b"mqisdp-4", name=b"MQIsdp")),)),
    RawCase("name-mqtt-level-3", (bytes(RawConnect(b"mqtt-3", level=3)),)),
    RawCase("level-9-and-ping", (bytes(RawConnect(b"level-9", level=9)) + PINGREQ,)),
    four("level-0", level=0),
    four("user-name-missing", 0x82),
    four("trailing-bytes", 0x02, b"\x00\x05extra"),
    RawCase("id-too-long", (packet(0x10, b"\x00\x04MQTT\x04\x02\x00\x3c\x00\x40sensor"),)),
    RawCase("no-payload", (packet(0x10, b"\x00\x04MQTT\x04\x02\x00\x3c"),)),
    RawCase("header-flags", (bytes(RawConnect(b"header-flags", first=0x11)),)),
    RawCase("five-byte-length", (b"\x10\x92\x80\x80\x80\x00" + RawConnect(b"length").body,)),
    RawCase("over-long-length", (b"\x10\x97\x00" + RawConnect(b"long-length").body,)),
    RawCase("type-0", (bytes(RawConnect(b"type-0")), b"\x00\x00", PINGREQ)),
    RawCase("auth-in-3.1.1", (bytes(RawConnect(b"auth-in-3.1.1")), b"\xf0\x00", PINGREQ)),
    RawCase(
        "connack-by-client", (bytes(RawConnect(b"connack-by-client")), b"\x20\x02\x00\x00", PINGREQ)
    ),
    RawCase(
        "ping-after-disconnect",
        (bytes(RawConnect(b"ping-after-disconnect")), b"\xe0\x00" + PINGREQ),
    ),
    RawCase("silent", ()),
]

MALFORMED_5_0 = [
    five("valid"),
    five("reserved-flag", flags=0x03),
    five("password-without-user-name", flags=0x42, tail=field(b"correct-horse")),
    RawCase("empty-id-clean-0", (bytes(RawConnect(b"", 0x00, level=5, properties=b"")),)),
    RawCase(
        "second-connect",
        (bytes(RawConnect(b"second-connect", level=5, properties=b"")),) * 2 + (PINGREQ,),
    ),
    RawCase("publish-first", (packet(0x30, b"\x00\x01t\x0021"),)),
    RawCase("auth-first", (b"\xf0\x06\x18\x04\x15\x00\x01M",)),
    five("receive-maximum-0", b"\x21\x00\x00"),
    five("maximum-packet-size-0", b"\x27\x00\x00\x00\x00"),
    five("session-expiry-twice", b"\x11\x00\x00\x00\x01\x11\x00\x00\x00\x02"),
    five("request-problem-2", b"\x17\x02"),
    five("property-unknown", b"\x7f\x00"),
    five("property-of-publish", b"\x23\x00\x01"),
    five("auth-data-alone", b"\x16\x00\x01x"),
    five("user-property-not-utf-8", b"\x26\x00\x02\xc3\x28\x00\x01v"),
    RawCase("no-property-length", (bytes(RawConnect(b"no-property-length", level=5)),)),
    RawCase(
        "properties-past-the-end",
        (packet(0x10, b"\x00\x04MQTT\x05\x02\x00\x3c\x30\x11\x00\x00\x00\x01\x00\x01a"),),
    ),
    five("will-qos-3", flags=0x1E, tail=b"\x00" + WILL),
    five("will-retain-without-will", flags=0x22),
    five("will-topic-wildcard", flags=0x06, tail=b"\x00" + field(b"greenhouse/+") + field(b"lost")),
    five("will-format-2", flags=0x06, tail=b"\x02\x01\x02" + WILL),
    five(
        "will-format-1-binary",
        flags=0x06,
        tail=b"\x02\x01\x01" + field(b"will") + field(b"\xff\xfe"),
    ),
    five("will-response-wildcard", flags=0x06, tail=b"\x06\x08" + field(b"a/#") + WILL),
    five("will-property-of-connect", flags=0x06, tail=b"\x03\x21\x00\x0a" + WILL),
    RawCase("id-not-utf-8", (bytes(RawConnect(b"sensor\xc3\x28", level=5, properties=b"")),)),
    RawCase("name-mqtx", (bytes(RawConnect(b"name-mqtx", name=b"MQTX", level=5, properties=b"")),)),
    five("level-6", level=6),
    five("level-0x85", level=0x85),
    five("header-flags", first=0x11),
    five("trailing-bytes", tail=b"\x00\x05extra"),
    RawCase(
        "auth-without-method",
        (
            bytes(RawConnect(b"auth-alone", level=5, properties=b"")),
            b"\xf0\x06\x18\x04\x15\x00\x01M",
        ),
    ),
    RawCase(
        "expiry-in-disconnect",
        (
            bytes(RawConnect(b"expiry-in-disconnect", level=5, properties=b"")),
            b"\xe0\x07\x00\x05\x11\x00\x00\x00\x0a",
        ),
    ),
    five("unknown-method", b"\x15\x00\x01M\x16\x00\x01x"),
]

REFUSED_5_0 = [
    five("allowed-valid"),
    RawCase("allowed-empty-id", (bytes(RawConnect(b"", level=5, properties=b"")),)),
    five("stranger"),
    five("allowed-will-qos-2", flags=0x16, tail=b"\x00" + WILL),
    five("allowed-will-retain", flags=0x26, tail=b"\x00" + WILL),
    five("allowed-method", b"\x15\x00\x08GS2-KRB5"),
    five("allowed-large", b"\x26" + field(b"note") + field(b"x" * 80), 0x06, b"\x00" + WILL * 8),
]

REFUSED_3_1_1 = [
    four("allowed-valid"),
    RawCase("empty-id", (bytes(RawConnect(b"")),)),
    four("stranger"),
    four("allowed-will-qos-2", 0x16, WILL),
    four("allowed-will-retain", 0x26, WILL),
    four("allowed-level-9", level=9),
    RawCase("empty-id-3.1", (bytes(RawConnect(b"", level=3, name=b"MQIsdp")),)),
]

_RIGHT = field(b"greenhouse") + field(b"correct-horse")
_WRONG = field(b"greenhouse") + field(b"wrong-horse")
SESSION_THEN_WRONG_PASSWORD = [
    RawCase("keep", (bytes(RawConnect(b"logger", 0xC0, _RIGHT)), b"\xe0\x00")),
    RawCase("wrong", (bytes(RawConnect(b"logger", 0xC0, _WRONG)),)),
    RawCase(
        "password-alone", (bytes(RawConnect(b"password-alone", 0x42, field(b"correct-horse"))),)
    ),
    RawCase("empty-id-clean-0", (bytes(RawConnect(b"", 0xC0, _RIGHT)),)),
]

SETS = {
    "malformed-3.1.1": MALFORMED_3_1_1,
    "malformed-5.0": MALFORMED_5_0,
    "refused-3.1.1": REFUSED_3_1_1,
    "refused-5.0": REFUSED_5_0,
    "session-then-wrong-password": SESSION_THEN_WRONG_PASSWORD,
}


async def run_case(case: RawCase, host: str, port: int, delay: float) -> str:
    """Runs one connection; returns a line that describes the server's answer."""
    await asyncio.sleep(delay)
    reader, writer = await asyncio.open_connection(host, port)
    answer, last, closed = b"", time.monotonic(), False
    waiting = list(case.packets)
    while not closed:
        if waiting:
            writer.write(waiting.pop(0))
            last = time.monotonic()
        timeout = PAUSE if waiting else last + HOLD - time.monotonic()
        if timeout <= 0:
            break
        try:
            more = await asyncio.wait_for(reader.read(4096), timeout)
        except TimeoutError:
            continue
        except ConnectionError:
            closed = True
        else:
            closed = not more
            answer += more
            last = time.monotonic()
            if waiting and more:
                await asyncio.sleep(PAUSE)
    end = (
        f"server closed after {time.monotonic() - last:.1f} s" if closed else "server kept it open"
    )
    writer.close()
    return f"{case.name}: {answer.hex(' ') or 'no answer'}; {end}"


async def main(name: str, host: str, port: int) -> None:
    """Runs a set; cases that depend on each other start 0.8 s apart."""
    stagger = 0.8 if name.startswith("session") else STAGGER
    cases = enumerate(SETS[name])
    for line in await asyncio.gather(*(run_case(c, host, port, n * stagger) for n, c in cases)):
        print(line)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
