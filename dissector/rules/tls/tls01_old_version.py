"""TLS01: a server selects an old version of TLS."""

from __future__ import annotations

from dissector.net.tls_names import version_name
from dissector.rules.audit_rule import *
from dissector.rules.authoring import *
from dissector.rules.tls.examples import ECDHE_OLD, PORT, V1_0, V1_1, V1_2, session, session_13


class OldTlsVersion(TlsRule):
    """A server selects SSL 3.0, TLS 1.0 or TLS 1.1.

    What it checks
    --------------
    The version in the ServerHello is below TLS 1.2. Reported once for each server and version.

    Why it matters
    --------------
    These versions are deprecated (RFC 8996): their hash functions are broken, and current libraries
    refuse them.

    Fix on the client
    -----------------
    Offer TLS 1.2 and 1.3; update the library, or the device.

    Fix on the server
    -----------------
    Set TLS 1.2 as the minimum version, once the last old device is gone.

    Known false alarms
    ------------------
    None.
    """

    id = "TLS01"
    name = "old-tls-version"
    side = Side.SERVER
    severity = Severity.ERROR
    confidence = Confidence.PROVEN
    references = {
        "CWE": ("326", "327"),
        "OWASP": ("I7", "I5"),
        "ETSI": ("5.5-1",),
        "RFC": ("8996",),
    }
    bad = (
        Example(
            "TLS 1.0", session(versions=(V1_0,), version=V1_0, suite=ECDHE_OLD), ("TLS02",), PORT
        ),
        Example(
            "TLS 1.1", session(versions=(V1_1,), version=V1_1, suite=ECDHE_OLD), ("TLS02",), PORT
        ),
    )
    good = (
        Example("TLS 1.2", session(), (), PORT),
        Example("TLS 1.3", session_13(), (), PORT),
    )

    def check(self, context: TlsAuditContext) -> Verdict:
        """Reports an old version in a ServerHello."""
        record = context.record
        version = record.version
        if version is None or version >= V1_2:
            return None
        if not context.activity.once(self.id, record.server.ip, record.server.port, version):
            return None
        return tls_failure(
            context,
            f"the server {named(record.server)} selects {version_name(version)}",
            record.server_hello_frame,
            frames=(record.client_hello_frame,),
            version=version_name(version),
        )
