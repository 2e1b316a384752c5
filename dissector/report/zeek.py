r"""Writes Zeek logs as tab-separated text: `mqtt_connect`, `ssl`, then `notice`.

Rows are in the order of time, as in Zeek. In a directory each log is a file with Zeek's name.
Otherwise all logs are in one stream, each with its own header, as `zeek-cut` accepts them; then
`ssl` is there only if there is TLS. Fields have Zeek's names and types. Bytes that are not
printable are written as `\xNN`, as Zeek does, and so are tabs, backslashes and text that would look
like an unset or empty field.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Self

from dissector.connections.handshake import Handshake
from dissector.model import Capture, Endpoint, Finding, NotEvaluated, Side, Summary
from dissector.mqtt import spec
from dissector.net.tls_names import TLS_1_2, TLS_1_3, alert_name, group_name, version_name
from dissector.report.clock import rfc3339
from dissector.report.community import stream_of_all
from dissector.report.reporter import ByteStream, LogStream, ReporterBase, ReportOptions
from dissector.report.sorted_lines import SortedLines
from dissector.text import decode, encode, printable

if TYPE_CHECKING:
    from dissector.connections.tls_handshake import TlsHandshake

_ID = (("ts", "time"), ("uid", "string"), ("id.orig_h", "addr"), ("id.orig_p", "port"),
       ("id.resp_h", "addr"), ("id.resp_p", "port"))  # fmt: skip
_CONNECT = (
    *_ID,
    ("proto_name", "string"),
    ("proto_version", "string"),
    ("client_id", "string"),
    ("connect_status", "string"),
    ("will_topic", "string"),
    ("will_payload", "string"),
)
_SSL = (
    *_ID, ("version", "string"), ("cipher", "string"), ("curve", "string"),
    ("server_name", "string"), ("resumed", "bool"), ("last_alert", "string"),
    ("next_protocol", "string"), ("established", "bool"), ("cert_chain_fps", "vector[string]"),
    ("client_cert_chain_fps", "vector[string]"), ("subject", "string"), ("issuer", "string"),
    ("client_subject", "string"), ("client_issuer", "string"),
)  # fmt: skip
_TLS_VERSIONS = {0x0300: "SSLv3", 0x0301: "TLSv10", 0x0302: "TLSv11", TLS_1_2: "TLSv12",
                 TLS_1_3: "TLSv13"}  # fmt: skip
_NOTICE = (
    *_ID, ("proto", "enum"), ("note", "enum"), ("msg", "string"), ("sub", "string"),
    ("src", "addr"), ("dst", "addr"), ("p", "port"), ("n", "count"), ("peer_descr", "string"),
    ("actions", "set[enum]"), ("suppress_for", "interval"),
)  # fmt: skip
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_UNSET, _EMPTY = "-", "(empty)"


class Zeek(ReporterBase):
    """The `zeek` format. All is written at the end, in bounded memory (`sorted_lines.py`).

    With `several` captures each log has a last field, `capture_file`, with the name of the file.
    """

    def __init__(self, stream: ByteStream, *, several: bool = False) -> None:
        self._stream = stream
        self._several = several
        self._connects, self._ssl, self._notices = SortedLines(), SortedLines(), SortedLines()

    @classmethod
    def create(cls, stream: ByteStream, options: ReportOptions) -> Self:
        """Creates the reporter with the options that it needs."""
        return cls(stream, several=options.several)

    def handshake(self, record: Handshake) -> None:
        """Stores a row of mqtt_connect."""
        connect, connack = record.connect, record.connack
        began = record.began
        packet = began if began is not None else connack
        frame = None if packet is None else packet.frame
        if frame is None:
            return
        cells = _ends(frame.time_ns, record.client, record.server, record)
        if connect is None:
            cells += [_UNSET] * 3
        else:
            cells += [text(connect.protocol_name), text(_level(connect.protocol_level)),
                      text(connect.client_id)]  # fmt: skip
        code = None if connack is None else connack.return_code
        cells.append(_UNSET if code is None else text(spec.return_code_name(code, record.version)))
        topic = None if connect is None else connect.last_will_topic
        message = None if connect is None else connect.last_will_message
        cells.append(_UNSET if topic is None else text(topic))
        cells.append(_UNSET if message is None else text(decode(message)))
        self._connects.add(frame.time_ns, self._row(cells, frame.file))

    def tls_handshake(self, record: TlsHandshake) -> None:
        """Stores a row of ssl."""
        frame = record.client_hello_frame or record.server_hello_frame or record.first
        cells = _ends(frame.time_ns, record.client, record.server, record)
        cells += _tls(record)
        self._ssl.add(frame.time_ns, self._row(cells, frame.file))

    def finding(self, record: Finding) -> None:
        """Stores a row of notice."""
        client, server = record.client, record.server
        if client is None or server is None:
            return
        note = "".join(part.capitalize() for part in record.name.split("-"))
        source, target = (client, server) if record.side is Side.CLIENT else (server, client)
        cells = _ends(record.time_ns, client, server, record)
        cells += [
            "tcp", f"MQTT::{record.rule}_{note}", text(record.message),
            text(record.client_id or "") if record.client_id is not None else _UNSET,
            source.ip, target.ip, str(server.port), _UNSET, "mqtt-dissector",
            "Notice::ACTION_LOG", "3600.000000",
        ]  # fmt: skip
        self._notices.add(record.time_ns, self._row(cells, record.file))

    def finish(
        self, capture: Capture, summary: Summary, not_evaluated: Sequence[NotEvaluated]
    ) -> None:
        """Writes the logs."""
        ended = "" if capture.end_ns is None else _date(capture.end_ns)
        self._log("mqtt_connect", _CONNECT, self._connects, ended)
        if self._ssl or isinstance(self._stream, LogStream):
            self._log("ssl", _SSL, self._ssl, ended)
        self._log("notice", _NOTICE, self._notices, ended)

    def _row(self, cells: list[str], file: str) -> bytes:
        named = [*cells, text(file)] if self._several else cells
        return "\t".join(named).encode("utf-8", "backslashreplace") + b"\n"

    def _log(
        self, path: str, fields: Sequence[tuple[str, str]], rows: SortedLines, ended: str
    ) -> None:
        if isinstance(self._stream, LogStream):
            self._stream.begin_log(path)
        self._header(path, fields)
        for line in rows.lines():
            self._stream.write(line)
        self._stream.write(f"#close\t{ended}\n".encode())

    def _header(self, path: str, fields: Sequence[tuple[str, str]]) -> None:
        fields = (*fields, ("capture_file", "string")) if self._several else fields
        lines = [
            "#separator \\x09", "#set_separator\t,", f"#empty_field\t{_EMPTY}",
            f"#unset_field\t{_UNSET}", f"#path\t{path}",
            "#fields\t" + "\t".join(name for name, _ in fields),
            "#types\t" + "\t".join(kind for _, kind in fields),
        ]  # fmt: skip
        self._stream.write("\n".join((*lines, "")).encode())


def text(value: str) -> str:
    """Formats captured text as a field."""
    if not value:
        return _EMPTY
    shown = "".join(char if printable(char) == char else _bytewise(char) for char in value)
    if shown in (_UNSET, _EMPTY) or shown[0] == "#":
        shown = _bytewise(shown[0]) + shown[1:]
    return shown


def _bytewise(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in encode(char))


def _ends(
    time_ns: int, client: Endpoint, server: Endpoint, record: Handshake | TlsHandshake | Finding
) -> list[str]:
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return [
        f"{seconds}.{rest // 1000:06d}", _uid(client, server, stream_of_all(record)),
        client.ip, str(client.port), server.ip, str(server.port),
    ]  # fmt: skip


def _uid(client: Endpoint, server: Endpoint, stream: int) -> str:
    """Returns a connection's uid in Zeek's form: a C followed by letters and digits."""
    seed = f"{client.ip} {client.port} {server.ip} {server.port} {stream}".encode()
    value = int.from_bytes(hashlib.sha256(seed).digest()[:12], "big")
    letters = []
    while value:
        value, digit = divmod(value, 62)
        letters.append(_ALPHABET[digit])
    return "C" + "".join(letters)


def _tls(record: TlsHandshake) -> Iterator[str]:
    """Returns the cells of a TLS connection, as far as they were seen."""
    hello, answer = record.client_hello, record.server_hello
    version = record.version
    group = None if answer is None else answer.group
    alerts = [alert.description for alert in record.alerts if alert.description is not None]
    yield _UNSET if version is None else _TLS_VERSIONS.get(version, version_name(version))
    yield record.suite or _UNSET
    yield _UNSET if group is None else group_name(group)
    yield _optional(None if hello is None else hello.server_name)
    yield _flag(bool(record.resumed))
    yield alert_name(alerts[-1]) if alerts else _UNSET
    yield _optional(record.alpn)
    yield _flag(record.established)
    chains = (record.chain, record.client_chain or ())
    for chain in chains:
        yield ",".join(item.fingerprint for item in chain if item is not None) or _UNSET
    for chain in chains:
        leaf = chain[0] if chain else None
        yield _optional(None if leaf is None else leaf.subject)
        yield _optional(None if leaf is None else leaf.issuer)


def _optional(value: str | None) -> str:
    return _UNSET if value is None else text(value)


def _flag(value: bool) -> str:
    return "T" if value else "F"


def _level(level: int) -> str:
    return {3: "3.1", 4: "3.1.1", 5: "5.0"}.get(level & 0x7F, str(level))


def _date(time_ns: int) -> str:
    return rfc3339(time_ns, 6)[:19].replace("T", "-").replace(":", "-")
