cimport cython
from dissector.connections.connection cimport Connection, PacketRef, CaptureQuality
from dissector.connections.packet_framing cimport PacketFraming
from dissector.connections.handshake cimport Close, Handshake
from dissector.connections.analysis_context cimport EventSink, KnownServer, AnalysisContext
from dissector.model cimport Endpoint, FrameRef
from dissector.mqtt.packets cimport Auth, Connack, Connect, Disconnect, Packet, _Reasoned
from dissector.mqtt.stream cimport Framer
from dissector.net.reassembly cimport StreamDirection, TcpConnection

cdef int HISTORY_LIMIT, DECODED
cdef int _CONNECT, _CONNACK, _AUTH
cdef long long _PROPERTY
cdef int _CONNECTING, _AUTHENTICATING, _REFUSED
cdef int _WITH_CONNECT, _WITH_CONNACK, _WITH_REFUSAL, _WITH_DISCONNECT, _WITH_SESSION
cdef int _NO_CLIENT_ID, _INNER_LAYERS, _REFUSED_CONNACK, _STAYS, _EVENTS
cdef bytes _NEXT, _CONNECT_BYTE
cdef dict CONNACK_FLAGS, CONNECT_FLAGS
cdef object _CLIENT, _SERVER, _INCOMPLETE, _V3_1, _V3_1_1

cdef class HandshakeTracker(PacketFraming):
    @cython.locals(kind=cython.int, event=cython.int, connection=Connection, before_5=cython.bint, decoded=cython.bint, answered=cython.bint, packet=Packet, where=FrameRef, target=cython.int, raw=bytes)
    cdef _handle_packet(self, int side, Framer framer)
    @cython.locals(connection_flags=cython.int, connection=Connection, first=cython.bint, lost=cython.bint, phase=cython.int, item=Disconnect)
    cdef _connection_flags(self, int side, who, int kind)
    @cython.locals(known=cython.int, item=_Reasoned)
    cdef tuple _append_limited(self, tuple kept, _Reasoned packet)
    cdef _keep(self, Packet packet, tuple properties)
    @cython.locals(connection=Connection, acknowledged=cython.longlong)
    cdef _disconnect(self, who, Disconnect packet)
    @cython.locals(connection=Connection, consumed=cython.longlong)
    cdef _connect(self, int side, Connect packet, Framer framer)
    @cython.locals(rest=cython.longlong)
    cdef bint _boundary_certain(self, int side, Framer framer) except -1
    @cython.locals(connection=Connection, handshake=Handshake, connect=Connect, passed=cython.longlong)
    cdef bint _connack(self, int side, Connack packet, Framer framer) except -1
    @cython.locals(handshake=Handshake)
    cdef _handshake(self, Connection connection)
    cdef _assigned_id(self, Connection connection)
    @cython.locals(framer=Framer, first=cython.int)
    cdef _incomplete_packets(self, Connection connection)
    @cython.locals(connection=Connection, connect=Connect)
    cdef _unfinished_connect(self, int side, Framer framer, bytes data, long long received, length)
    @cython.locals(connection=Connection, kind=cython.int, whole_header=cython.bint)
    cdef _incomplete_packet(self, int side, int first, Framer framer)
    @cython.locals(connection=Connection)
    cdef _defects(self, int side, Packet packet)
