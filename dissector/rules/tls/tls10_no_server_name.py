"""TLS10: a client sends no server name."""

from __future__ import annotations

from dissector.activity.tls import leaf
from dissector.rules.audit_rule import *
from dissector.rules.authoring import *
from dissector.rules.tls.certificates import is_host_name
from dissector.rules.tls.examples import PORT, session, session_13


class NoServerName(TlsRule):
    """A client sends no server name (SNI) to a server that has a name.

    What it checks
    --------------
    A ClientHello without server_name to a server whose certificate is for host names and not for
    its address. Reported once for each client and server.

    Why it matters
    --------------
    A server with several names may present the wrong certificate, and a client without a name
    cannot verify any.

    Fix on the client
    -----------------
    Connect by host name, and let the library send and verify it.

    Fix on the server
    -----------------
    Nothing.

    Known false alarms
    ------------------
    A client that verifies the name without sending it.
    """

    id = "TLS10"
    name = "no-server-name"
    side = Side.CLIENT
    severity = Severity.INFO
    confidence = Confidence.PROVEN
    references = {"CWE": ("297",), "OWASP": ("I7",), "RFC": ("6066",), "MQTT": ("5.4.3",)}
    bad = (Example("no name", session(name=None), (), PORT),)
    good = (
        Example("with a name", session(), (), PORT),
        Example("certificate is encrypted", session_13(None), (), PORT),
    )

    def check(self, context: TlsAuditContext) -> Verdict:
        """Reports a ClientHello without a server name."""
        record, shown, profile = context.record, leaf(context.record), context.profile
        if record.client_hello is None or record.server_name is not None or shown is None:
            return None
        if record.server.ip in shown.names or not any(map(is_host_name, shown.names)):
            return None
        if not context.activity.once(
            self.id, profile.client_ip, profile.client_mac, record.server.ip, record.server.port
        ):
            return None
        return tls_failure(
            context,
            f"the client {profile.client_ip} sends no server name (SNI) to {named(record.server)}",
            record.client_hello_frame,
            names=list(shown.names),
        )
