"""Tests the attributes and pages of all rules, and that each defect has at most one rule."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dissector.rules
from dissector.errors import OptionError
from dissector.model import Obligation, Severity, Side, Version
from dissector.mqtt import spec
from dissector.mqtt.decode import decode_packet
from dissector.mqtt.defects import DefectKind as K
from dissector.mqtt.packets import Connect
from dissector.mqtt.statements import STATEMENTS
from dissector.rules.base import ConnectionRule, DefectRule, Example, HandshakeRule, Rule
from dissector.rules.registry import all_rules, find, selected

V31, V311, V5 = Version.V3_1, Version.V3_1_1, Version.V5_0
BEFORE_5, FROM_311, EVERY = (V31, V311), (V311, V5), (V31, V311, V5)

RULES = [pytest.param(rule, id=rule.id) for rule in all_rules()]

# Rules about the handshake; each must have a file.
EXPECTED = [
    *(f"ENC{number:02}" for number in range(1, 14) if number != 8),
    *(f"CON{number:02}" for number in range(1, 19)),
    *(f"ACK{number:02}" for number in range(1, 11)),
    *(f"SEQ{number:02}" for number in range(1, 19)),
    *(f"AUT{number:02}" for number in range(1, 10)),
    "SEQ21",
    "SES01",
]

_CONNECT = (spec.CONNECT,)
_FRAMED = tuple(kind for kind in range(1, 14) if kind != spec.PUBLISH)
_PROPERTIES = (spec.CONNECT, spec.WILL, spec.CONNACK, spec.DISCONNECT, spec.AUTH)
_BODIES = (spec.CONNECT, spec.CONNACK, spec.DISCONNECT, spec.AUTH)

# Defects that decoding and framing record and a rule must judge, by versions and packet types.
# MQTT 3.1 has no requirement about all others.
JUDGED: dict[K, dict[tuple[Version, ...], tuple[int, ...]]] = {
    K.HEADER_FLAGS: {FROM_311: _FRAMED},
    K.TYPE_ZERO: {EVERY: (spec.RESERVED,)},
    K.TYPE_AUTH_BEFORE_5: {BEFORE_5: (spec.AUTH,)},
    K.WRONG_DIRECTION: {
        BEFORE_5: (*spec.CLIENT_ONLY, *spec.SERVER_ONLY, spec.DISCONNECT),
        (V5,): (*spec.CLIENT_ONLY, *spec.SERVER_ONLY),
    },
    K.LENGTH_FIVE_BYTES: {EVERY: tuple(range(16))},
    K.LENGTH_NOT_MINIMAL: {FROM_311: tuple(range(1, 15)), (V5,): (spec.WILL,)},
    K.PROTOCOL_NAME: {EVERY: _CONNECT},
    K.PROTOCOL_LEVEL: {EVERY: _CONNECT},
    K.NAME_LEVEL_DISAGREE: {(V31,): _CONNECT},
    K.CONNECT_RESERVED_FLAG: {FROM_311: _CONNECT},
    K.WILL_FIELD_MISSING: {EVERY: _CONNECT},
    K.WILL_QOS_WITHOUT_FLAG: {FROM_311: _CONNECT},
    K.WILL_RETAIN_WITHOUT_FLAG: {FROM_311: _CONNECT},
    K.WILL_QOS_3: {EVERY: _CONNECT},
    K.USERNAME_MISSING: {FROM_311: _CONNECT},
    K.PASSWORD_MISSING: {FROM_311: _CONNECT},
    K.PASSWORD_WITHOUT_USERNAME: {BEFORE_5: _CONNECT},
    K.FIELD_ORDER: {(V5,): _CONNECT},
    K.CLIENT_ID_MISSING: {EVERY: _CONNECT},
    K.CLIENT_ID_EMPTY_NOT_CLEAN: {(V311,): _CONNECT},
    K.CLIENT_ID_LENGTH: {(V31,): _CONNECT},
    K.CLIENT_ID_NOT_PORTABLE: {FROM_311: _CONNECT},
    K.WILL_TOPIC_EMPTY: {FROM_311: _CONNECT},
    K.WILL_TOPIC_WILDCARD: {FROM_311: _CONNECT},
    K.RESPONSE_TOPIC_EMPTY: {(V5,): (spec.WILL,)},
    K.RESPONSE_TOPIC_WILDCARD: {(V5,): (spec.WILL,)},
    K.WILL_PAYLOAD_NOT_UTF8: {(V5,): _CONNECT},
    K.FIELD_OVERRUN: {EVERY: _CONNECT},
    K.PACKET_UNFINISHED: {EVERY: tuple(range(1, 16))},
    K.TRAILING_BYTES: {BEFORE_5: _CONNECT, (V5,): _BODIES},
    K.CLIENT_ID_NOT_UTF8: {EVERY: _CONNECT},
    K.CLIENT_ID_NUL: {FROM_311: _CONNECT},
    K.USERNAME_NOT_UTF8: {EVERY: _CONNECT},
    K.USERNAME_NUL: {FROM_311: _CONNECT},
    K.WILL_TOPIC_NOT_UTF8: {EVERY: _CONNECT},
    K.WILL_TOPIC_NUL: {FROM_311: _CONNECT},
    K.PASSWORD_NOT_UTF8: {(V31,): _CONNECT},
    K.WILL_MESSAGE_NOT_ASCII: {(V31,): _CONNECT},
    K.TEXT_NOT_UTF8: {(V5,): _PROPERTIES},
    K.TEXT_NUL: {(V5,): _PROPERTIES},
    K.TEXT_CONTROL: {(V311,): _CONNECT, (V5,): _PROPERTIES},
    K.USER_PROPERTY_NOT_UTF8: {(V5,): _PROPERTIES},
    K.USER_PROPERTY_NUL: {(V5,): _PROPERTIES},
    K.PROPERTY_LENGTH_MISSING: {(V5,): (spec.CONNECT, spec.WILL, spec.DISCONNECT, spec.AUTH)},
    K.PROPERTY_LENGTH_OVERRUN: {(V5,): _PROPERTIES},
    K.PROPERTY_OVERRUN: {(V5,): _PROPERTIES},
    K.PROPERTY_UNKNOWN: {(V5,): _PROPERTIES},
    K.PROPERTY_NOT_ALLOWED: {(V5,): _PROPERTIES},
    K.PROPERTY_REPEATED: {(V5,): _PROPERTIES},
    K.PROPERTY_VALUE: {(V5,): (spec.WILL, spec.CONNACK, spec.DISCONNECT, spec.AUTH)},
    K.AUTH_DATA_WITHOUT_METHOD: {(V5,): (spec.CONNECT, spec.CONNACK, spec.AUTH)},
    K.RECEIVE_MAXIMUM_ZERO: {(V5,): _CONNECT},
    K.MAXIMUM_PACKET_SIZE_ZERO: {(V5,): _CONNECT},
    K.REQUEST_INFORMATION_VALUE: {(V5,): _CONNECT},
    K.CONNACK_LENGTH: {EVERY: (spec.CONNACK,)},
    K.CONNACK_FLAGS: {FROM_311: (spec.CONNACK,)},
    K.CONNACK_CODE: {EVERY: (spec.CONNACK,)},
    K.SESSION_PRESENT_WITH_REFUSAL: {FROM_311: (spec.CONNACK,)},
    K.DISCONNECT_FLAGS: {FROM_311: (spec.DISCONNECT,)},
    K.DISCONNECT_LENGTH: {(V311,): (spec.DISCONNECT,)},
    K.DISCONNECT_CODE: {(V5,): (spec.DISCONNECT,)},
    K.DISCONNECT_CODE_SENDER: {(V5,): (spec.DISCONNECT,)},
    K.DISCONNECT_EXPIRY_FROM_SERVER: {(V5,): (spec.DISCONNECT,)},
    K.AUTH_FLAGS: {(V5,): (spec.AUTH,)},
    K.AUTH_CODE: {(V5,): (spec.AUTH,)},
    K.AUTH_METHOD_MISSING: {(V5,): (spec.AUTH,)},
}


def consumers(kind: K, packet_type: int, version: Version) -> list[str]:
    """Returns the ids of the rules that consume a defect of a packet type in a version."""
    found = []
    for rule in all_rules():
        if isinstance(rule, HandshakeRule) or not rule.applies(version):
            continue
        types = rule.consumes.get(kind)
        if types is None or (types and packet_type not in types):
            continue
        only_in = getattr(rule, "only_in", {})
        if version in only_in.get((kind, packet_type), (version,)):
            found.append(rule.id)
    return found


def version_of(example: Example) -> Version | None:
    """Returns the version of an example's first CONNECT, None if it is missing or unknown."""
    for step in example.steps:
        if re.match(r"C 1[0-9a-f] ", step):
            packet = decode_packet(bytes.fromhex(step[2:]))
            return packet.version if isinstance(packet, Connect) else None
    return None


@pytest.mark.parametrize("rule", RULES)
def test_page_is_complete(rule: Rule) -> None:
    """A rule's docstring has every heading, and text under each."""
    page = rule.page()
    assert all(page), page
    assert page.summary.count("\n") <= 1


@pytest.mark.parametrize("rule", RULES)
def test_attributes_are_complete(rule: Rule) -> None:
    """A rule has an id, a kebab-case name, and per version a severity and what it may cite."""
    assert re.fullmatch(r"[A-Z]{2,3}\d\d", rule.id)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", rule.name)
    assert isinstance(rule.side, Side)
    assert isinstance(rule.obligation, Obligation)
    assert rule.statements
    for version, identifiers in rule.statements.items():
        assert isinstance(rule.severity_in(version), Severity)
        if not isinstance(rule.severity, Severity):
            assert version in rule.severity
        assert identifiers or rule.sections.get(version), f"nothing to cite in {version.value}"
        if version is V31:
            assert identifiers == (), "MQTT 3.1 has no numbered statements"
    assert set(rule.sections) <= set(rule.statements)


@pytest.mark.parametrize("rule", RULES)
def test_statements_exist(rule: Rule) -> None:
    """Every statement that a rule may cite is in the catalogue of that version."""
    for version, identifiers in rule.statements.items():
        for identifier in identifiers:
            assert (version, identifier) in STATEMENTS


@pytest.mark.parametrize("rule", RULES)
def test_file_is_named_after_the_rule(rule: Rule) -> None:
    """A rule's file name begins with its id, and its directory is that of its group."""
    module = type(rule).__module__.split(".")
    assert module[-2] == rule.id[:-2].lower()
    assert module[-1].startswith(rule.id.lower() + "_")


def test_ids_and_names_are_unique() -> None:
    """No two rules share an id or a name."""
    rules = all_rules()
    assert len({rule.id for rule in rules}) == len(rules)
    assert len({rule.name for rule in rules}) == len(rules)


@pytest.mark.parametrize("rule_id", EXPECTED)
def test_rule_has_a_file(rule_id: str) -> None:
    """Every rule about the handshake has one file."""
    group = Path(dissector.rules.__file__).parent / rule_id[:-2].lower()
    assert len(list(group.glob(f"{rule_id.lower()}_*.py"))) == 1


@pytest.mark.parametrize("rule", RULES)
def test_examples_cover_the_versions(rule: Rule) -> None:
    """A rule has a bad example in each version where possible, and a good one."""
    assert rule.good
    assert rule.bad
    shown = {version_of(example) for example in rule.bad}
    for version in rule.statements:
        if isinstance(rule, DefectRule) and not _has_defect(rule, version):
            continue
        assert version in shown or None in shown, f"no bad example for {version.value}"


def _has_defect(rule: DefectRule, version: Version) -> bool:
    return any(
        rule.id in consumers(kind, packet_type, version)
        for kind in rule.consumes
        for versions, types in JUDGED[kind].items()
        if version in versions
        for packet_type in types
    )


@pytest.mark.parametrize("rule", RULES)
def test_examples_name_rules_that_exist(rule: Rule) -> None:
    """`also` has ids of existing other rules, and no title occurs twice."""
    known = {other.id for other in all_rules()}
    for example in (*rule.bad, *rule.good):
        assert set(example.also) <= known - {rule.id}
        for step in example.steps:
            assert re.fullmatch(
                r"[CS]( [0-9a-f]{2})+|[CS] (FIN|RST)|NEW|ON \d|\+\d+(\.\d+)?", step
            ), step
    titles = [example.title for example in (*rule.bad, *rule.good)]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("kind", list(K), ids=lambda kind: kind.value)
def test_no_defect_is_consumed_twice(kind: K) -> None:
    """A kind of defect belongs to one rule at most, per packet type and version."""
    for version in Version:
        for packet_type in range(17):
            assert len(consumers(kind, packet_type, version)) <= 1, (version, packet_type)


@pytest.mark.parametrize("kind", list(K), ids=lambda kind: kind.value)
def test_every_defect_is_judged(kind: K) -> None:
    """Every recorded defect is consumed by a rule in each version with a requirement about it."""
    for versions, types in JUDGED[kind].items():
        for version in versions:
            for packet_type in types:
                assert consumers(kind, packet_type, version), (version, packet_type)


def test_the_precedence_of_the_tables_holds() -> None:
    """The more specific of two possible rules consumes a defect."""
    assert consumers(K.CLIENT_ID_NOT_UTF8, spec.CONNECT, V31) == ["ENC05"]
    assert consumers(K.CLIENT_ID_NOT_UTF8, spec.CONNECT, V311) == ["CON12"]
    assert consumers(K.WILL_FIELD_MISSING, spec.CONNECT, V31) == ["ENC13"]
    assert consumers(K.WILL_FIELD_MISSING, spec.CONNECT, V5) == ["CON04"]
    assert consumers(K.WRONG_DIRECTION, spec.DISCONNECT, V31) == ["ENC12"]
    assert consumers(K.WRONG_DIRECTION, spec.DISCONNECT, V311) == ["SEQ13"]
    assert consumers(K.PROPERTY_UNKNOWN, spec.CONNACK, V5) == ["ACK05"]
    assert consumers(K.PROPERTY_UNKNOWN, spec.WILL, V5) == ["ENC11"]
    assert consumers(K.HEADER_FLAGS, spec.CONNECT, V31) == []


def test_connection_rules_have_flags() -> None:
    """A rule about connections has the flags that it is called for."""
    for rule in all_rules():
        if isinstance(rule, ConnectionRule):
            assert int(rule.asks)


def test_find_by_id_or_name() -> None:
    """A rule is found by its id, in any case and with or without a dash, and by its name."""
    assert find("ses-01") is find("SES01") is find("session-present-after-clean-session")
    with pytest.raises(OptionError, match="XYZ99"):
        find("XYZ99")


def test_selection_is_by_prefix() -> None:
    """Prefixes select rules, `ignore` takes precedence, and an unknown prefix is an error."""
    everything = selected((), ())
    assert everything == {rule.id for rule in all_rules()}
    assert selected(("ack", "SES-01"), ("ACK05",)) == {
        identifier
        for identifier in everything
        if (identifier.startswith("ACK") and identifier != "ACK05") or identifier == "SES01"
    }
    with pytest.raises(OptionError, match="XYZ"):
        selected(("XYZ",), ())


@pytest.mark.parametrize("rule", RULES)
def test_rule_declares_the_packets_that_it_is_about(rule: Rule) -> None:
    """A rule on defects of CONNECT or CONNACK alone is about that packet, on a handshake: both."""
    types = {kind for each in rule.consumes.values() for kind in each or (0,)} - {spec.WILL}
    if isinstance(rule, HandshakeRule):
        assert rule.about == (spec.CONNECT, spec.CONNACK)
    elif isinstance(rule, DefectRule):
        assert rule.about == (tuple(types) if types in ({spec.CONNECT}, {spec.CONNACK}) else ())
    assert set(rule.about) <= {spec.CONNECT, spec.CONNACK}
