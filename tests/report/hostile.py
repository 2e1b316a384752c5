"""Builds a capture whose client ids, user names and topics attack programs that display them."""

from __future__ import annotations

from samples.build import conversation, pcap

MARKUP = "<img src=x onerror=alert(1)><b>bold"
SCRIPT = "</script><script>document.title='owned'</script>"
TEMPLATE = "{{7*7}}${7*7}{%raw%}"
ANSI = "\x1b[31mred\x1b]0;owned\x07"
BIDI = "a\u202egnp.exe\u2066\u200b\U000e0041"
FORMULA = '=HYPERLINK("http://evil.example/","x")'
DDE = "@SUM(1+1)*cmd|' /C calc'!A0"
PLUS = "+1-1"
WIDE = "\uff1d1+1"
QUOTES = "\"'`;,\t|\\"
LINES = "one\r\ntwo\n\n# three"
MENTION = "@admin https://evil.example/ www.evil.example ![x](javascript:alert(1))"
SURROGATE = b"\xff\xfe\xc0\xaf"
ZEEK = "-"
LONG = "x<" * 32_767  # a text holds at most 65,535 bytes
TEXTS = (
    MARKUP, SCRIPT, TEMPLATE, ANSI, BIDI, FORMULA, DDE, PLUS, WIDE, QUOTES, LINES, MENTION, ZEEK,
    "(empty)", "]]>&amp;<!--", "\x00\x01\u0085\u2028", LONG,
)  # fmt: skip


def _block(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def connect(text: bytes) -> tuple[str, ...]:
    """Returns the steps of a CONNECT with a text as client id, will topic and user name."""
    own = _block(text[:65_535])
    body = b"\0\4MQTT\4\xe6\0\x3c" + own + own + _block(b"will") + own + _block(b"Zq7-unlikely-Pw")
    size, length = len(body), b""
    while True:
        size, low = size >> 7, size & 0x7F
        length += bytes((low | (0x80 if size else 0),))
        if not size:
            break
    data = b"\x10" + length + body
    return tuple(f"C {data[at : at + 1400].hex()}" for at in range(0, len(data), 1400))


def capture() -> bytes:
    """Returns a capture in which each text is the client id of a client on its own host."""
    texts = [*(text.encode() for text in TEXTS), SURROGATE]
    steps: list[str] = []
    for number, text in enumerate(texts):
        steps += [] if not number else [f"HOST {number + 10}"]
        # a false Session Present: a finding that shows the packet, besides those of an audit
        steps += [*connect(text), "S 20 02 01 00", "C e0 00", "C FIN", "S FIN"]
    return pcap(conversation(steps))
