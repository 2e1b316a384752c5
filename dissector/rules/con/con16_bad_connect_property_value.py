"""CON16: CONNECT with a property value that the standard does not allow."""

from __future__ import annotations

from dissector.rules.authoring import *

_SECTIONS = {
    "receiveMaximum": "3.1.2.11.3",
    "maximumPacketSize": "3.1.2.11.4",
    "requestResponseInformation": "3.1.2.11.6",
    "requestProblemInformation": "3.1.2.11.7",
    "authenticationData": "3.1.2.11.10",
}


class BadConnectPropertyValue(DefectRule):
    """A property of CONNECT has a value that the standard does not allow.

    What it checks
    --------------
    Receive Maximum and Maximum Packet Size must not be 0, Request Response Information and Request
    Problem Information must be 0 or 1, and Authentication Data requires an Authentication Method.

    Why it matters
    --------------
    Each is a Protocol Error: the server closes. A Receive Maximum of 0 would not let the server
    send any QoS 1 or 2 message; a client that sends 0 to mean "no limit" cannot connect at all.

    Fix on the client
    -----------------
    To get "no limit" or the default, omit the property. Send the method whenever there is
    authentication data.

    Fix on the server
    -----------------
    Check the values while reading the properties, and close; a CONNACK with 0x82 (Protocol Error)
    may be sent first.

    Known false alarms
    ------------------
    None. The value is the proof.
    """

    id = "CON16"
    name = "bad-connect-property-value"
    side = Side.CLIENT
    severity = Severity.ERROR
    statements = versions(v5=())
    sections = {Version.V5_0: "3.1.2.11"}
    about = (spec.CONNECT,)
    consumes = dict.fromkeys(
        (
            DefectKind.RECEIVE_MAXIMUM_ZERO,
            DefectKind.MAXIMUM_PACKET_SIZE_ZERO,
            DefectKind.REQUEST_INFORMATION_VALUE,
            DefectKind.AUTH_DATA_WITHOUT_METHOD,
        ),
        (spec.CONNECT,),
    )
    bad = (
        Example(
            "Receive Maximum 0",
            ("C 10 11 00 04 4d 51 54 54 05 02 00 3c 03 21 00 00 00 01 61", *SERVER_CLOSES),
        ),
        Example(
            "Maximum Packet Size 0",
            ("C 10 13 00 04 4d 51 54 54 05 02 00 3c 05 27 00 00 00 00 00 01 61", *SERVER_CLOSES),
        ),
        Example(
            "Request Problem Information 2",
            ("C 10 10 00 04 4d 51 54 54 05 02 00 3c 02 17 02 00 01 61", *SERVER_CLOSES),
        ),
        Example(
            "Authentication Data without a method",
            ("C 10 12 00 04 4d 51 54 54 05 02 00 3c 04 16 00 01 78 00 01 61", *SERVER_CLOSES),
        ),
    )
    good = (
        Example(
            "Receive Maximum 1",
            (
                "C 10 11 00 04 4d 51 54 54 05 02 00 3c 03 21 00 01 00 01 61",
                ACCEPTED_5,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "Request Problem Information 1",
            (
                "C 10 10 00 04 4d 51 54 54 05 02 00 3c 02 17 01 00 01 61",
                ACCEPTED_5,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "Authentication Data with its method",
            (
                ("C 10 16 00 04 4d 51 54 54 05 02 00 3c 08 15 00 01 4d 16 00 01 78 00 01 61"),
                ACCEPTED_5_METHOD,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example("3.1.1 has no properties", (CONNECT_311, ACCEPTED_311, *GRACEFUL_CLOSE)),
    )

    def check(self, fact: DefectFact) -> Verdict:
        """Reports the property and its value, and cites its section."""
        defect = fact.defect
        field = defect.field or ""
        if defect.kind is DefectKind.AUTH_DATA_WITHOUT_METHOD:
            message = "authenticationData without authenticationMethod"
        elif defect.kind is DefectKind.REQUEST_INFORMATION_VALUE:
            message = f"{field} is {defect.seen}; it may only be 0 or 1"
        else:
            message = f"{field} is 0; to set no limit it must be left out"
        return self.failure(fact, message, section=_SECTIONS.get(field))
