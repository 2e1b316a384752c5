"""Turns a TLS connection into its object of schema 1: what is visible without keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dissector.model import FrameRef
from dissector.net.tls_messages import ClientHello
from dissector.net.tls_names import alert_name, group_name, suite_name, version_name
from dissector.report.clock import rfc3339
from dissector.report.json_values import set_text, set_value
from dissector.text import lossless

if TYPE_CHECKING:
    from dissector.connections.certificate import Certificate
    from dissector.connections.tls_handshake import Alert, TlsHandshake
    from dissector.report.json_v1 import Writer


def tls_handshake(record: TlsHandshake, writer: Writer) -> dict[str, Any]:
    """Returns one TLS connection."""
    digits = writer.digits
    made: dict[str, Any] = {
        "id": record.id,
        **({"capture": record.capture} if writer.several else {}),
        "stream": record.stream,
        "client": writer.endpoint(record.client),
        "server": writer.endpoint(record.server),
        "because": record.because,
        "decrypted": record.decrypted,
        "established": record.established,
        "resumed": record.resumed,
        "clientHello": _client_hello(record, digits),
        "serverHello": _server_hello(record, digits),
        "certificates": [_certificate(found) for found in record.chain],
        "certificateRequested": record.certificate_requested,
        "clientCertificates": (
            None
            if record.client_chain is None
            else [_certificate(found) for found in record.client_chain]
        ),
    }
    set_text(made, "pskIdentity", record.psk_identity)
    set_text(made, "pskHint", record.psk_hint)
    made["alerts"] = [_alert(alert, digits) for alert in record.alerts]
    made["clientData"] = _place(record.client_data, digits)
    made["serverData"] = _place(record.server_data, digits)
    made["clientBytes"] = record.client_bytes
    made["serverBytes"] = record.server_bytes
    made["blind"] = record.quality.incomplete_reason()
    close = record.close
    made["close"] = (
        None
        if close is None
        else {"by": close.by.value, "how": close.how, **_at(close.frame, digits)}
    )
    if record.encapsulation is not None:
        proxied = writer.proxied(record.encapsulation)
        if isinstance(proxied, dict):
            made["proxied"] = proxied
    return made


def _at(frame: FrameRef, digits: int | None) -> dict[str, Any]:
    return {
        "file": lossless(frame.file),
        "frame": frame.number,
        "time": rfc3339(frame.time_ns, digits),
    }


def _place(frame: FrameRef | None, digits: int | None) -> dict[str, Any] | None:
    return None if frame is None else _at(frame, digits)


def _client_hello(record: TlsHandshake, digits: int | None) -> dict[str, Any] | None:
    hello: ClientHello | None = record.client_hello
    if hello is None or record.client_hello_frame is None:
        return None
    made = _at(record.client_hello_frame, digits)
    set_text(made, "serverName", hello.server_name)
    made["versions"] = [version_name(number) for number in hello.versions]
    made["suites"] = [suite_name(number) for number in hello.suites]
    set_value(made, "alpn", hello.alpn)
    made["groups"] = [group_name(number) for number in hello.groups]
    made["signatureAlgorithms"] = list(hello.signature_algorithms)
    made["extensions"] = list(hello.extensions)
    made["resumes"] = hello.ticket or hello.pre_shared_key
    return made


def _server_hello(record: TlsHandshake, digits: int | None) -> dict[str, Any] | None:
    hello = record.server_hello
    if hello is None or record.server_hello_frame is None:
        return None
    made = _at(record.server_hello_frame, digits)
    made["version"] = version_name(hello.version)
    made["suite"] = suite_name(hello.suite)
    set_text(made, "alpn", hello.alpn)
    made["group"] = None if hello.group is None else group_name(hello.group)
    made["retried"] = record.retried
    return made


def _alert(alert: Alert, digits: int | None) -> dict[str, Any]:
    return {
        "side": alert.side.value,
        **_at(alert.frame, digits),
        "level": {1: "warning", 2: "fatal"}.get(alert.level or 0),
        "description": None if alert.description is None else alert_name(alert.description),
    }


def _certificate(found: Certificate | None) -> dict[str, Any] | None:
    """Returns one certificate, None if it cannot be parsed."""
    if found is None:
        return None
    made: dict[str, Any] = {}
    for name in ("subject", "issuer", "names", "serial"):
        set_value(made, name, getattr(found, name))
    made["notBefore"] = rfc3339(found.not_before_ns, 6)
    made["notAfter"] = rfc3339(found.not_after_ns, 6)
    made["keyType"] = found.key_type
    made["keyBits"] = found.key_bits
    made["curve"] = found.curve
    made["signatureHash"] = found.signature_hash
    made["selfSigned"] = found.self_signed
    made["authority"] = found.is_authority
    made["fingerprint"] = found.fingerprint
    made["keyFingerprint"] = found.key_fingerprint
    return made
