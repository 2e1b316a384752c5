"""AUT07: AUTH with optional properties that the receiver's limits or requests rule out."""

from __future__ import annotations

from dissector.mqtt.packets import property_value
from dissector.rules.authoring import *
from dissector.rules.properties import find

_TOO_LARGE = {"reasonString": "MQTT-3.15.2-2", "userProperty": "MQTT-3.15.2-3"}
# CONNECT with Maximum Packet Size 10, or with Request Problem Information 0; method "M"
_SMALL = "C 10 17 00 04 4d 51 54 54 05 02 00 3c 09 27 00 00 00 0a 15 00 01 4d 00 01 61"
_NO_PROBLEM_INFORMATION = "C 10 14 00 04 4d 51 54 54 05 02 00 3c 06 17 00 15 00 01 4d 00 01 61"
_CHALLENGE = "S f0 06 18 04 15 00 01 4d"
_CHALLENGE_WITH_REASON = "S f0 0a 18 08 15 00 01 4d 1f 00 01 78"
_RESPONSE = "C f0 06 18 04 15 00 01 4d"


class UnwantedAuthProperties(ConnectionRule):
    """AUTH has a Reason String or User Property that the receiver's limits or requests rule out.

    What it checks
    --------------
    Reason String and User Property must be omitted from AUTH where they make it larger than the
    receiver's Maximum Packet Size (the client's from CONNECT, the server's from CONNACK), and where
    the client sent Request Problem Information 0. An AUTH that is too large without them is
    reported by SEQ21.

    Why it matters
    --------------
    Small devices announce the size of their buffer in Maximum Packet Size. They must treat a larger
    packet as a Protocol Error: the device closes and can never connect.

    Fix on the client
    -----------------
    Keep AUTH below the size that CONNACK announced.

    Fix on the server
    -----------------
    Measure the packet with the optional properties; if it is too large, remove them. Store the
    client's Request Problem Information with the connection.

    Known false alarms
    ------------------
    None. The size is that of the whole packet in the capture, fixed header included.
    """

    id = "AUT07"
    name = "unwanted-auth-properties"
    side = Side.SERVER
    either = True
    severity = Severity.ERROR
    statements = versions(v5=("MQTT-3.15.2-2", "MQTT-3.15.2-3", "MQTT-3.1.2-29"))
    sections = {Version.V5_0: "3.15.2.2"}
    asks = ConnectionFlag.AUTH
    bad = (
        Example(
            "a Reason String beyond the client's limit of 10 bytes",
            (_SMALL, _CHALLENGE_WITH_REASON, _RESPONSE, ACCEPTED_5_METHOD, *GRACEFUL_CLOSE),
        ),
        Example(
            "a Reason String for a client that asked for none",
            (
                _NO_PROBLEM_INFORMATION,
                _CHALLENGE_WITH_REASON,
                _RESPONSE,
                ACCEPTED_5_METHOD,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "a client's Reason String beyond the server's limit of 10 bytes",
            (
                CONNECT_5_METHOD,
                "S 20 0c 00 00 09 15 00 01 4d 27 00 00 00 0a",
                "C f0 0a 19 08 15 00 01 4d 1f 00 01 78",
                "S f0 06 00 04 15 00 01 4d",
                *GRACEFUL_CLOSE,
            ),
            also=("SEQ17",),
        ),
        Example(
            "a server's User Property beyond the client's limit of 10 bytes",
            (
                "C 10 17 00 04 4d 51 54 54 05 02 00 3c 09 15 00 01 4d 27 00 00 00 0a 00 01 61",
                "S f0 0d 18 0b 15 00 01 4d 26 00 01 6b 00 01 76",
                "C f0 06 18 04 15 00 01 4d",
                ACCEPTED_5_METHOD,
                *GRACEFUL_CLOSE,
            ),
        ),
    )
    good = (
        Example(
            "a Reason String for a client without a limit",
            (
                CONNECT_5_METHOD,
                _CHALLENGE_WITH_REASON,
                _RESPONSE,
                ACCEPTED_5_METHOD,
                *GRACEFUL_CLOSE,
            ),
        ),
        Example(
            "a client with a limit, no Reason String",
            (_SMALL, _CHALLENGE, _RESPONSE, ACCEPTED_5_METHOD, *GRACEFUL_CLOSE),
        ),
        Example(
            "a client that asked for none, no Reason String",
            (_NO_PROBLEM_INFORMATION, _CHALLENGE, _RESPONSE, ACCEPTED_5_METHOD, *GRACEFUL_CLOSE),
        ),
    )

    def check(self, connection: Connection) -> Verdict:
        """Compares every AUTH with the limits of its receiver."""
        found: list[Failure] = []
        reason: Unevaluated | None = None
        for auth in connection.auths:
            failure = _failure(connection, auth)
            if failure is None or auth.side is None:
                continue
            incomplete = incomplete_before(connection, auth.side, failure.at, from_start=False)
            if incomplete is None:
                found.append(failure)
            reason = incomplete or reason
        return found or reason


def _failure(connection: Connection, auth: Auth) -> Failure | None:
    connect = connection.connect
    held = [name for name in _TOO_LARGE if find(auth.properties, name) is not None]
    if not held or auth.frame is None or connect is None:
        return None
    limit = _limit(connection, auth)
    cited: list[str] = []
    problems: list[str] = []
    if limit and auth.size > limit:
        cited += [_TOO_LARGE[name] for name in held]
        problems.append(f"its {auth.size} bytes exceed the receiver's Maximum Packet Size {limit}")
    no_problem_information = property_value(connect.properties, "requestProblemInformation") == 0
    if no_problem_information and auth.side is Side.SERVER:
        cited.append("MQTT-3.1.2-29")
        problems.append("the client asked for none with Request Problem Information 0")
    if not cited:
        return None
    first = find(auth.properties, held[0])
    return Failure(
        message=f"AUTH with {' and '.join(held)}: {'; '.join(problems)}",
        at=auth.frame,
        frames=(auth.frame,) if connect.frame is None else (connect.frame, auth.frame),
        evidence={"size": auth.size, "maximumPacketSize": limit, "properties": held},
        side=auth.side,
        statements=tuple(cited),
        packet=auth,
        span=None if first is None else (first.offset, 1),
    )


def _limit(connection: Connection, auth: Auth) -> int | None:
    """Returns the Maximum Packet Size of an AUTH's receiver, None if it is unknown."""
    announced: Packet | None = connection.connect
    if auth.side is Side.CLIENT:
        announced = connection.connack
        if announced is None or announced.frame is None or auth.frame is None:
            return None
        if auth.frame.time_ns <= announced.frame.time_ns:
            return None  # the client could not know the limit yet
    if not isinstance(announced, Connect | Connack):
        return None
    value = property_value(announced.properties, "maximumPacketSize")
    return value if isinstance(value, int) else None
