"""Describes a file that is not a readable capture by its first bytes, with advice what to do."""

from __future__ import annotations

import codecs

_TSHARK = "Wireshark reads it: convert it with editcap IN OUT.pcapng"
_UNPACK = "unpack it first"
_SIGNATURES = (
    (b"snoop\0\0\0", "a snoop capture (Solaris)", _TSHARK),
    (b"btsnoop\0", "a btsnoop capture (Bluetooth, no IP in it)", "give a capture of IP traffic"),
    (b"GMBU", "a Network Monitor capture", _TSHARK),
    (b"RTSS", "a Network Monitor 1 capture", _TSHARK),
    (b"MNM", "a Network Monitor capture", _TSHARK),
    (b"TRSNIFF data", "a Sniffer capture (DOS)", _TSHARK),
    (b"XCP\0", "a NetXray or Sniffer capture", _TSHARK),
    (b"iptrace ", "an iptrace capture (AIX)", _TSHARK),
    (b"ObserverPktBuffe", "an Observer capture", _TSHARK),
    (b"\xaa\xaa\xaa\xaa", "a 5View capture", _TSHARK),
    (b"PK\3\4", "a zip archive", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!", "a rar archive", _UNPACK),
    (b"\x02\x21\x4c\x18", "a legacy lz4 file", "unpack it first: lz4 -d IN OUT"),
    (b"\x1f\x9d", "a compress (.Z) file", _UNPACK),
    (b"\x5d\0\0", "an lzma file", _UNPACK),
    (b"\x7fELF", "a program", "give a capture file"),
    (b"%PDF", "a PDF document", "give a capture file"),
    (b"\n\r\n", "pcapng after a transfer in text mode", "transfer it again, in binary mode"),
    (b"\r\n\r\r\n", "pcapng after a transfer in text mode", "transfer it again, in binary mode"),
    (b"\n\r\r\n", "pcapng without its byte-order magic, damaged at the start", "get it again"),
    (b"SQLite format 3", "an SQLite database", "give a capture file"),
)
_CAPTURE = "give a pcap or pcapng file"
_HEX = frozenset(b"0123456789abcdefABCDEF:x \t\r\n|>-.")


def describe(head: bytes) -> str:
    """Return a phrase: what a file that begins with `head` looks like, and what to do with it."""
    for magic, what, advice in _SIGNATURES:
        if head.startswith(magic):
            return f"it looks like {what}; {advice}"
    if head[257:262] == b"ustar":
        return f"it looks like a tar archive; {_UNPACK}"
    if not head.strip(b"\0"):
        return f"it holds zeros only; {_CAPTURE}"
    text = _text(head[:512])
    if text is None:
        return f"its first bytes are {head[:4].hex(' ')}; {_CAPTURE}"
    return f"it looks like {_kind_of_text(text)}"


def _text(head: bytes) -> str | None:
    """Decode the beginning of a text file; None if it is not text."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", "replace").lstrip()
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # the end may cut a character
    except UnicodeDecodeError:
        return None
    if any(char < " " and char not in "\t\r\n\f\x1b" for char in text):
        return None
    return text.removeprefix("\ufeff").lstrip()


def _kind_of_text(text: str) -> str:
    if text.startswith(("<?xml", "<pdml", "<psml")):
        return "XML (perhaps from tshark); give the capture file that it was made from"
    if text.startswith(("[", "{")):
        return "JSON; give the capture file that it was made from"
    if text.lower().startswith(("<!doctype", "<html")):
        return "a web page, perhaps an error instead of a download; get the file again"
    if "CLIENT_RANDOM" in text or "TRAFFIC_SECRET" in text:
        return "a TLS key log; give it with --keylog and name the capture file"
    if text.startswith("-----BEGIN"):
        return "a PEM file; give a pcap or pcapng file"
    first = text.splitlines()[0] if text else ""
    if len(first) > 15 and (set(text.encode()) <= _HEX or _is_hex_dump(first)):
        return "a hex dump; make a capture of it with text2pcap IN OUT.pcapng"
    if ": Flags [" in text or " IP " in first or " IP6 " in first:
        return "tcpdump's text output; capture with tcpdump -w FILE instead"
    return "text; give a pcap or pcapng file"


def _is_hex_dump(line: str) -> bool:
    """Whether a line is an offset followed by bytes in hexadecimal."""
    words = line.replace(":", " ").split()[:8]
    return len(words) == 8 and all(
        len(word) % 2 == 0 and set(word.encode()) <= _HEX for word in words
    )
