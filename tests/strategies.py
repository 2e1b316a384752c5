"""Hypothesis strategies for valid packets of every version."""

from __future__ import annotations

from hypothesis import strategies as st

from dissector.model import Side, Version
from dissector.mqtt import spec
from dissector.mqtt.packets.auth import Auth
from dissector.mqtt.packets.connack import Connack
from dissector.mqtt.packets.connect import Connect
from dissector.mqtt.packets.disconnect import Disconnect
from dissector.mqtt.properties import Property

# Text without findings: no NUL, no surrogates, no discouraged characters.
text = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xD7FF, exclude_categories=("Cc", "Cs")),
    max_size=12,
)
topic = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x2FF, exclude_categories=("Cc", "Cs"),
                  exclude_characters="+#"),
    min_size=1, max_size=20,
)  # fmt: skip
binary = st.binary(max_size=24)


def _value(row: spec.PropertySpec) -> st.SearchStrategy[object]:
    if row.id in spec.BOOLEAN_PROPERTIES:
        return st.integers(0, 1)
    if row.id == spec.RESPONSE_TOPIC:
        return topic
    lowest = 1 if row.id in spec.NONZERO_PROPERTIES else 0
    return {
        spec.BYTE: st.integers(0, 255),
        spec.U16: st.integers(lowest, 0xFFFF),
        spec.U32: st.integers(lowest, 0xFFFFFFFF),
        spec.VBI: st.integers(1, spec.MAX_REMAINING_LENGTH),
        spec.STRING: text,
        spec.BINARY: binary,
        spec.STRING_PAIR: st.tuples(text, text),
    }[row.type]


@st.composite
def properties(draw: st.DrawFn, place: int, without: tuple[str, ...] = ()) -> tuple[Property, ...]:
    """Properties that the packet allows, in any order; only user properties are repeated."""
    rows = [
        row for row in spec.PROPERTIES.values() if place in row.packets and row.name not in without
    ]
    chosen = draw(st.lists(st.sampled_from(rows), max_size=6))
    found: list[Property] = []
    for row in chosen:
        seen = {item.id for item in found}
        if row.id == spec.USER_PROPERTY or row.id not in seen:
            found.append(Property(row.id, row.name, draw(_value(row)), 0))
    ids = {item.id for item in found}
    if spec.AUTHENTICATION_DATA in ids and 0x15 not in ids:
        found.append(Property(0x15, "authenticationMethod", draw(text), 0))
    return tuple(found)


@st.composite
def connects(draw: st.DrawFn, version: Version | None = None) -> Connect:
    """Valid CONNECTs."""
    version = version or draw(st.sampled_from(Version))
    level = spec.LEVELS[version]
    five = version is Version.V5_0
    will = draw(st.booleans())
    username = draw(st.none() | text)
    may_password = five or username is not None
    password = draw(st.none() | (text.map(str.encode) if version is Version.V3_1 else binary))
    clean = draw(st.booleans())
    client_id = draw(
        st.text("abcXYZ019", min_size=1, max_size=23)
        if version is Version.V3_1 or (version is Version.V3_1_1 and not clean)
        else text
    )
    bridge = not five and draw(st.booleans())
    will_properties = draw(properties(spec.WILL)) if will and five else ()
    message = draw(
        st.text("abc{}:1", max_size=20).map(str.encode) if version is Version.V3_1 else binary
    )
    if any(item.name == "payloadFormatIndicator" and item.value == 1 for item in will_properties):
        message = b"text"
    return Connect(
        type=spec.CONNECT, flags=0, remaining_length=0, size=0,
        protocol_name=spec.PROTOCOL_NAMES[level],
        protocol_level=level | (spec.BRIDGE_BIT if bridge else 0),
        version=version,
        bridge=bridge,
        client_id=client_id,
        clean_session=clean,
        keep_alive=draw(st.integers(0, 0xFFFF)),
        username=username,
        password=password if may_password else None,
        will_flag=will,
        last_will_topic=draw(topic) if will else None,
        last_will_qos=draw(st.integers(0, 2)) if will else 0,
        last_will_message=message if will else None,
        last_will_retain=draw(st.booleans()) if will else False,
        properties=draw(properties(spec.CONNECT)) if five else (),
        last_will_properties=will_properties,
    )  # fmt: skip


@st.composite
def connacks(draw: st.DrawFn, version: Version | None = None) -> Connack:
    """Valid CONNACKs."""
    version = version or draw(st.sampled_from(Version))
    five = version is Version.V5_0
    code = draw(st.sampled_from(sorted(spec.CONNACK_CODES if five else spec.RETURN_CODES)))
    present = code == 0 and version is not Version.V3_1 and draw(st.booleans())
    return Connack(
        type=spec.CONNACK, flags=0, remaining_length=0, size=0, version=version,
        acknowledge_flags=int(present),
        session_present=None if version is Version.V3_1 else present,
        return_code=code,
        properties=draw(properties(spec.CONNACK)) if five else (),
    )  # fmt: skip


@st.composite
def disconnects(draw: st.DrawFn) -> Disconnect:
    """Valid 5.0 DISCONNECTs of either side."""
    side = draw(st.sampled_from(Side))
    own = spec.DISCONNECT_CODES_CLIENT if side is Side.CLIENT else spec.DISCONNECT_CODES_SERVER
    without = ("serverReference",) if side is Side.CLIENT else ("sessionExpiryInterval",)
    return Disconnect(
        type=spec.DISCONNECT, flags=0, remaining_length=0, size=0, version=Version.V5_0, side=side,
        reason_code=draw(st.sampled_from(sorted(spec.DISCONNECT_CODES_BOTH | own))),
        properties=draw(properties(spec.DISCONNECT, without)),
    )  # fmt: skip


@st.composite
def auths(draw: st.DrawFn) -> Auth:
    """Valid AUTHs of either side."""
    side = draw(st.sampled_from(Side))
    codes = spec.AUTH_CODES_CLIENT if side is Side.CLIENT else spec.AUTH_CODES_SERVER
    method = Property(0x15, "authenticationMethod", draw(text), 0)
    rest = draw(properties(spec.AUTH, ("authenticationMethod", "authenticationData")))
    return Auth(
        type=spec.AUTH, flags=0, remaining_length=0, size=0, version=Version.V5_0, side=side,
        reason_code=draw(st.sampled_from(sorted(codes))),
        properties=(method, *rest),
    )  # fmt: skip
