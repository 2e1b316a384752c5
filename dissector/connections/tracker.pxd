cimport cython
from dissector.connections.analysis_context cimport AnalysisContext
from dissector.connections.connection cimport CaptureQuality, CloseEvent, Connection, PacketRef
from dissector.connections.mqtt_direction cimport MqttDirection
from dissector.connections.event_sink cimport EventSink
from dissector.connections.handshake cimport Close, Handshake
from dissector.connections.known_server cimport KnownServer
from dissector.integers cimport IntegerArray
from dissector.model cimport Endpoint, FrameRef
from dissector.mqtt.packets.connack cimport Connack
from dissector.mqtt.packets.connect cimport Connect
from dissector.mqtt.packets.disconnect cimport Disconnect
from dissector.mqtt.packets.packet cimport Packet, Reasoned
from dissector.mqtt.stream cimport Framer
from dissector.net.reassembly cimport CausalOrder, StreamDirection, TcpConnection
from dissector.net.consumer cimport Consumer

cdef int NEED_DATA, BROKEN, CAPTURE_END, HISTORY_LIMIT
cdef Py_ssize_t FOREIGN_KEPT
cdef int _CONNECT, _CONNACK, _DISCONNECT, _AUTH, _DECODED, _CLIENT_ONLY, _SERVER_ONLY
cdef int _CONNECTING, _AUTHENTICATING, _CONNECTED, _REFUSED, _MIDSTREAM
cdef int _REFUSED_CONNACK, _STAYS, _EVENTS, _INNER_LAYERS
cdef long long _PROPERTY
cdef long long _WITH_CONNECT, _WITH_CONNACK, _WITH_REFUSAL, _WITH_DISCONNECT, _WITH_SESSION
cdef long long _WITH_AUTH, _NO_CLIENT_ID, _SILENT, _IN_WEBSOCKET, _CLIENT_FIRST_OTHER
cdef long long _SERVER_FIRST_OTHER, _BEFORE_CONNACK, _AFTER_REFUSAL, _AFTER_DISCONNECT
cdef long long _UNANSWERED, _LEFT_OPEN
cdef bytes _NEXT, _CONNECT_BYTE
cdef tuple _CLOSES
cdef dict CONNACK_FLAGS, CONNECT_FLAGS
cdef object _CLIENT, _SERVER, _INCOMPLETE, _V3_1, _V3_1_1, _V5_0

cdef class Tracker(Consumer):
    cdef readonly AnalysisContext context
    cdef readonly TcpConnection tcp
    cdef readonly MqttDirection initiator
    cdef readonly MqttDirection responder
    cdef readonly Connection connection
    cdef readonly int client_side
    cdef readonly int phase
    cdef readonly long long order
    cdef public long long charged
    cdef readonly long long connect_end
    cdef readonly long long connack_end
    cdef public int outer_layers
    cdef public object encapsulation
    cdef readonly KnownServer known_server
    cdef begin(self, AnalysisContext context, TcpConnection tcp, MqttDirection initiator, MqttDirection responder)
    cdef MqttDirection direction(self, int side)
    @cython.locals(tcp=TcpConnection, context=AnalysisContext, client=Endpoint, first=FrameRef, made=Connection)
    cdef Connection open(self, int client_side)
    @cython.locals(connection=Connection)
    cdef Connection open_silent(self, tuple gaps)
    cdef begin_packets(self)
    @cython.locals(direction=MqttDirection)
    cpdef bint chunk(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1
    @cython.locals(direction=MqttDirection)
    cpdef bint gap(self, int side, long long missing, long long frame, long long time_ns, str reason) except -1
    @cython.locals(connection=Connection, event=CloseEvent)
    cpdef bint closed(self, int side, int how, long long frame, long long time_ns) except -1
    cpdef capture_ends(self)
    @cython.locals(connection=Connection, known_server=KnownServer)
    cpdef bint finished(self, int reason, long long time_ns) except -1
    @cython.locals(connection=Connection, tcp=TcpConnection, connection_flags=cython.longlong)
    cpdef bint evaluate_now(self, long long time_ns, judge) except -1
    cpdef bint has_record(self) except -1
    cdef record_gap(self, tuple gap)
    @cython.locals(known_server=KnownServer, tcp=TcpConnection, dropped=cython.bint, gap_inside=cython.bint)
    cdef note_server(self)
    @cython.locals(tcp=TcpConnection, context=AnalysisContext, quality=CaptureQuality, client=MqttDirection, server=MqttDirection, acknowledged=cython.longlong)
    cdef _update_quality(self, Connection connection, int reason, long long time_ns)
    @cython.locals(kept=cython.longlong)
    cdef charge(self)
    @cython.locals(framer=Framer, got=cython.int, before=cython.longlong)
    cdef packets(self, MqttDirection direction, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns)
    cdef bint _sends_mqtt(self, MqttDirection direction, bytes window, Py_ssize_t start, Py_ssize_t stop) except -1
    @cython.locals(quality=CaptureQuality)
    cdef _note_foreign(self, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns)
    @cython.locals(kind=cython.int)
    cdef _broken(self, MqttDirection direction, Framer framer)
    cdef bint _first_is_certain(self, MqttDirection direction) noexcept
    @cython.locals(connection=Connection, is_client=cython.bint, kind=cython.int, event=cython.int, before_5=cython.bint, decoded=cython.bint, answered=cython.bint, packet=Packet, where=FrameRef, target=cython.int, raw=bytes)
    cdef _packet(self, MqttDirection direction, Framer framer)
    @cython.locals(kind=cython.int)
    cdef Packet _undecoded_packet(self, Framer framer, bytes raw)
    @cython.locals(wrong=cython.bint)
    cdef _type_defect(self, bint is_client, int kind, bint before_5)
    @cython.locals(connection=Connection, flags=cython.longlong, is_client=cython.bint, other=cython.bint, phase=cython.int, item=Disconnect)
    cdef _set_flags(self, MqttDirection direction, int kind)
    @cython.locals(connection=Connection)
    cdef _defects(self, MqttDirection direction, Packet packet)
    @cython.locals(known=cython.int, item=Reasoned)
    cdef tuple _append_limited(self, tuple kept, Reasoned packet)
    cdef _keep(self, Packet packet, tuple properties)
    @cython.locals(connection=Connection, acknowledged=cython.longlong)
    cdef _disconnect(self, MqttDirection direction, Disconnect packet)
    @cython.locals(connection=Connection)
    cdef _connect(self, MqttDirection direction, Connect packet)
    @cython.locals(framer=Framer, rest=cython.longlong)
    cdef bint _boundary_certain(self, MqttDirection direction) except -1
    @cython.locals(connection=Connection, handshake=Handshake, connect=Connect, passed=cython.longlong)
    cdef bint _connack(self, MqttDirection direction, Connack packet) except -1
    @cython.locals(handshake=Handshake)
    cdef _handshake(self, Connection connection)
    @cython.locals(direction=MqttDirection, framer=Framer, side=cython.int, first=cython.int, received=cython.longlong)
    cdef _incomplete_packets(self, Connection connection)
    @cython.locals(connection=Connection, framer=Framer, connect=Connect)
    cdef _unfinished_connect(self, MqttDirection direction, bytes data, long long received, length)
    @cython.locals(connection=Connection, framer=Framer, kind=cython.int, whole_header=cython.bint)
    cdef _incomplete_packet(self, MqttDirection direction, int first)

@cython.locals(made=Tracker)
cdef Tracker make_tracker(AnalysisContext context, TcpConnection tcp, MqttDirection initiator, MqttDirection responder)
