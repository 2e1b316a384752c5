"""Lists the members of the records of a TLS connection: what is visible without keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dissector.net.tls_names import alert_name, group_name, suite_name, version_name
from dissector.report.clock import rfc3339
from dissector.report.fields import CLOSE, ENDPOINT, FRAME, PROXIED_MEMBER, Field, Kind

if TYPE_CHECKING:
    from dissector.connections.certificate import Certificate
    from dissector.connections.tls_handshake import Alert, TlsHandshake
    from dissector.net.tls_messages import ClientHello, ServerHello

_LEVELS = {1: "warning", 2: "fatal"}


def _client_hello(record: TlsHandshake) -> TlsHandshake | None:
    seen = record.client_hello is not None and record.client_hello_frame is not None
    return record if seen else None


def _server_hello(record: TlsHandshake) -> TlsHandshake | None:
    seen = record.server_hello is not None and record.server_hello_frame is not None
    return record if seen else None


def _versions(hello: ClientHello) -> list[str]:
    return [version_name(number) for number in hello.versions]


def _suites(hello: ClientHello) -> list[str]:
    return [suite_name(number) for number in hello.suites]


def _groups(hello: ClientHello) -> list[str]:
    return [group_name(number) for number in hello.groups]


def _resumes(hello: ClientHello) -> bool:
    return hello.ticket or hello.pre_shared_key


def _version(hello: ServerHello) -> str:
    return version_name(hello.version)


def _suite(hello: ServerHello) -> str:
    return suite_name(hello.suite)


def _group(hello: ServerHello) -> str | None:
    return None if hello.group is None else group_name(hello.group)


def _level(alert: Alert) -> str | None:
    return _LEVELS.get(alert.level or 0)


def _description(alert: Alert) -> str | None:
    return None if alert.description is None else alert_name(alert.description)


def _not_before(found: Certificate) -> str:
    return rfc3339(found.not_before_ns, 6)


def _not_after(found: Certificate) -> str:
    return rfc3339(found.not_after_ns, 6)


def _blind(record: TlsHandshake) -> str | None:
    return record.quality.incomplete_reason()


ALERT = (
    Field("side"),
    Field("", Kind.INLINE, "frame", members=FRAME),
    Field("level", source=_level),
    Field("description", source=_description),
)
CERTIFICATE = (
    Field("subject"),
    Field("issuer"),
    Field("names"),
    Field("serial"),
    Field("notBefore", source=_not_before),
    Field("notAfter", source=_not_after),
    Field("keyType"),
    Field("keyBits"),
    Field("curve"),
    Field("signatureHash"),
    Field("selfSigned"),
    Field("authority", source="is_authority"),
    Field("fingerprint"),
    Field("keyFingerprint"),
)
CLIENT_HELLO = (
    Field("serverName"),
    Field("versions", source=_versions),
    Field("suites", source=_suites),
    Field("alpn"),
    Field("groups", source=_groups),
    Field("signatureAlgorithms"),
    Field("extensions"),
    Field("resumes", source=_resumes),
)
SERVER_HELLO = (
    Field("version", source=_version),
    Field("suite", source=_suite),
    Field("alpn"),
    Field("group", source=_group),
)
TLS_HANDSHAKE = (
    Field("id"),
    Field("capture", several=True),
    Field("stream"),
    Field("client", Kind.OBJECT, members=ENDPOINT),
    Field("server", Kind.OBJECT, members=ENDPOINT),
    Field("because"),
    Field("decrypted"),
    Field("established"),
    Field("resumed"),
    Field(
        "clientHello",
        Kind.OBJECT,
        _client_hello,
        members=(
            Field("", Kind.INLINE, "client_hello_frame", members=FRAME),
            Field("", Kind.INLINE, "client_hello", members=CLIENT_HELLO),
        ),
    ),
    Field(
        "serverHello",
        Kind.OBJECT,
        _server_hello,
        members=(
            Field("", Kind.INLINE, "server_hello_frame", members=FRAME),
            Field("", Kind.INLINE, "server_hello", members=SERVER_HELLO),
            Field("retried"),
        ),
    ),
    Field("certificates", Kind.OBJECTS, "chain", members=CERTIFICATE),
    Field("certificateRequested"),
    Field("clientCertificates", Kind.OBJECTS, "client_chain", members=CERTIFICATE),
    Field("pskIdentity"),
    Field("pskHint"),
    Field("alerts", Kind.OBJECTS, members=ALERT),
    Field("clientData", Kind.OBJECT, members=FRAME),
    Field("serverData", Kind.OBJECT, members=FRAME),
    Field("clientBytes"),
    Field("serverBytes"),
    Field("blind", source=_blind),
    Field("close", Kind.OBJECT, members=CLOSE),
    PROXIED_MEMBER,
)
