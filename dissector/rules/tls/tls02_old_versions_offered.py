"""TLS02: a client still offers old versions of TLS."""

from __future__ import annotations

from dissector.net.tls_names import version_name
from dissector.rules.audit_rule import *
from dissector.rules.authoring import *
from dissector.rules.tls.examples import (
    CLOSES,
    PORT,
    V1_0,
    V1_1,
    V1_2,
    V1_3,
    alert,
    client_hello,
    session,
)


class OldTlsVersionsOffered(TlsRule):
    """A client offers SSL 3.0, TLS 1.0 or TLS 1.1, alone or with newer versions.

    What it checks
    --------------
    The newest version in the ClientHello is below TLS 1.2, or its list of versions
    (supported_versions) contains one that is. Reported once for each client and server.

    Why it matters
    --------------
    An offered version can be negotiated, also because of an attacker on the path; and it indicates
    a library that is no longer maintained.

    Fix on the client
    -----------------
    Offer TLS 1.2 and 1.3 only; update the library, or the device.

    Fix on the server
    -----------------
    Refuse versions older than TLS 1.2.

    Known false alarms
    ------------------
    None.
    """

    id = "TLS02"
    name = "old-tls-versions-offered"
    side = Side.CLIENT
    severity = Severity.WARNING
    confidence = Confidence.PROVEN
    references = {
        "CWE": ("326", "757"),
        "OWASP": ("I5",),
        "ETSI": ("5.5-1", "5.5-3"),
        "RFC": ("8996", "9325"),
    }
    bad = (
        Example(
            "only TLS 1.1",
            (client_hello(versions=(V1_1,)), alert("S", 70), *CLOSES),
            (),
            PORT,
        ),
        Example("TLS 1.0 among others", session(versions=(V1_3, V1_2, V1_1, V1_0)), (), PORT),
    )
    good = (
        Example("TLS 1.2 and 1.3", session(), (), PORT),
        Example("TLS 1.2 alone", session(versions=(V1_2,)), (), PORT),
    )

    def check(self, context: TlsAuditContext) -> Verdict:
        """Reports old versions in a ClientHello."""
        record, profile = context.record, context.profile
        hello = record.client_hello
        if hello is None:
            return None
        old = [version for version in hello.versions if version < V1_2]
        if not old or not context.activity.once(
            self.id, profile.client_ip, profile.client_mac, record.server.ip, record.server.port
        ):
            return None
        names = " and ".join(map(version_name, sorted(old, reverse=True)))
        nothing_else = len(old) == len(hello.versions)
        return tls_failure(
            context,
            f"the client {profile.client_ip} "
            + (
                f"offers nothing newer than {version_name(max(old))}"
                if nothing_else
                else f"still offers {names}"
            ),
            record.client_hello_frame,
            versions=[version_name(version) for version in hello.versions],
        )
