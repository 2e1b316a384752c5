"""Describes a file that is not a readable capture by its first bytes, with advice what to do."""

from __future__ import annotations

import codecs
import struct

_TSHARK = "Wireshark reads it: convert it with editcap IN OUT.pcapng"
# Formats with a link type for each frame, which editcap 4.0 converts only if it is given one
_ETHERNET = "Wireshark reads it: convert it with editcap -T ether IN OUT.pcapng"
_ISDN = "Wireshark reads it: convert it with editcap -T ppp IN OUT.pcapng"
_UNPACK = "unpack it first"
_SIGNATURES = (
    (b"snoop\0\0\0", "a snoop capture (Solaris)", _TSHARK),
    (b"TR\0d\0\0\0\0\0\0\0\x80", "a nettl capture (HP-UX)", _ETHERNET),
    (b"\0\0\0\1\0\0\0\0\0\x07\xd0\0", "a nettl capture (HP-UX)", _ETHERNET),
    (b"\x05VNF", "a Visual Networks capture", _TSHARK),
    (b"\x01\x10", "a LANalyzer capture", _TSHARK),
    (b"\x07\x10", "a LANalyzer capture", _TSHARK),
    (b"+---------+---------------+----------+", "a K12 text capture", _ETHERNET),
    (b"\0\0\2\0\x12\5\0\x10", "a K12 capture (rf5)", _TSHARK),
    (b"\x42\xd2\0\x34\x12\x66\x22\x88", "a RADCOM capture", _TSHARK),
    (b"EyeSDN", "an EyeSDN capture", _ISDN),
    (b"V0208", "an Aethra capture", _TSHARK),
    (b"cpse", "a Capsa capture", _TSHARK),
    (b"\x7fver", "a Peek capture (OmniPeek, AiroPeek, EtherPeek)", _TSHARK),
    (b"LOGG", "a Vector BLF log", _TSHARK),
    (b"#Format=4\r\n", "a Daintree capture", _TSHARK),
    (b"Session Transcript", "a Catapult DCT2000 capture", _TSHARK),
    (b"btsnoop\0", "a btsnoop capture (Bluetooth, no IP in it)", "give a capture of IP traffic"),
    (b"GMBU", "a Network Monitor capture", _TSHARK),
    (b"RTSS", "a Network Monitor 1 capture", _TSHARK),
    (b"MNM", "a Network Monitor capture", _TSHARK),
    (b"TRSNIFF data", "a Sniffer capture (DOS)", _TSHARK),
    (b"XCP\0", "a NetXray or Sniffer capture", _TSHARK),
    (b"VL\0\0", "a NetXray capture", _TSHARK),
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
# Words in the first lines of captures that are text
_TEXTS = (
    (b"T O S H I B A", "a trace of a Toshiba router", _ISDN),
    (b"COMMUNICATIONS TRACE", "a communications trace of an IBM iSeries", _TSHARK),
    (
        "COMMUNICATIONS TRACE".encode("utf-16-le"),
        "a communications trace of an IBM iSeries",
        _TSHARK,
    ),
    (b"TCPIPtrace", "a TCPIPtrace of VMS", _TSHARK),
    (b"TCPtrace", "a TCPtrace of VMS", _TSHARK),
    (b"INTERnet trace", "a trace of VMS", _TSHARK),
    (b"ETHERWATCH ", "a trace of DBS Etherwatch (VMS)", _TSHARK),
    (b"l2-tx", "a debug trace of a CoSine router", _TSHARK),
    (b"l2-rx", "a debug trace of a CoSine router", _TSHARK),
    (b"(i) len=", "a snoop trace of a NetScreen device", _TSHARK),
    (b"(o) len=", "a snoop trace of a NetScreen device", _TSHARK),
    (b"PRI-XMIT-", "a trace of an Ascend router", _TSHARK),
    (b"PRI-RCV-", "a trace of an Ascend router", _TSHARK),
    (b"WD_DIALOUT_DISP", "a trace of an Ascend router", _TSHARK),
    (b"NetScaler Performance Data", "a NetScaler trace", _TSHARK),
    (b"NetScaler V20 Performance Data", "a NetScaler trace", _TSHARK),
    (b"Netscaler V30 Performance Data", "a NetScaler trace", _TSHARK),
    (b"NetScaler V35 Performance Data", "a NetScaler trace", _TSHARK),
)
_FIRST_LINES = 4096  # bytes
_CAPTURE = "give pcap or pcapng (editcap IN OUT.pcapng, if Wireshark opens it)"
_HEX = frozenset(b"0123456789abcdefABCDEF:x \t\r\n|>-.")


def describe(head: bytes) -> str:
    """Return a phrase: what a file that begins with `head` looks like, and what to do with it."""
    for magic, what, advice in _SIGNATURES:
        if head.startswith(magic):
            return f"it looks like {what}; {advice}"
    for words, what, advice in _TEXTS:
        if words in head[:_FIRST_LINES]:
            return f"it looks like {what}; {advice}"
    if _is_commview(head):
        return f"it looks like a CommView capture; {_ETHERNET}"
    if _is_erf(head):
        return f"it looks like an ERF capture (Endace); {_TSHARK}"
    if head[257:262] == b"ustar":
        return f"it looks like a tar archive; {_UNPACK}"
    if not head.strip(b"\0"):
        return f"it holds zeros only; {_CAPTURE}"
    text = _text(head[:512])
    if text is None:
        return f"its first bytes are {head[:4].hex(' ')}; {_CAPTURE}"
    return f"it looks like {_kind_of_text(text)}"


def _is_commview(head: bytes) -> bool:
    """Whether a file begins with a record of CommView's NCF or NCFX: lengths, version 0, a date."""
    if len(head) < 24:
        return False
    for at, size in (
        (5, struct.unpack_from("<H", head)[0]),
        (4, struct.unpack_from("<I", head)[0]),
    ):
        year, month, day, hour, minute, second = struct.unpack_from("<H5B", head, at)
        microseconds = struct.unpack_from("<I", head, at + 7)[0]
        if (
            1970 <= year < 2038 and 1 <= month <= 12 and 1 <= day <= 31
            and hour < 24 and minute < 60 and second <= 60 and microseconds < 1_000_000
            and 14 <= size <= 1 << 18 and (at == 4 or head[4] == 0)
        ):  # fmt: skip
            return True
    return False


def _is_erf(head: bytes) -> bool:
    """Whether a file begins with three ERF records: a time, a type, two lengths that fit."""
    at = before = 0
    for count in range(3):
        if len(head) < at + 16:
            return count > 0 and at == len(head)
        seconds, kind, _, size, _, wire = struct.unpack_from("<4xIBBHHH", head, at)
        size = int.from_bytes(size.to_bytes(2, "little"), "big")
        wire = int.from_bytes(wire.to_bytes(2, "little"), "big")
        if not 1 <= kind & 0x7F <= 48 or size < 16 or wire == 0 or seconds < 10**8:
            return False
        if before and abs(seconds - before) > 86400 * 365:
            return False
        before = seconds
        at += size
    return True


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
