cimport cython
from dissector.connections.connection cimport CloseEvent, Connection, PacketRef, View
from dissector.connections.handshake cimport Close, Handshake
from dissector.connections.tracking cimport Listener, Server, Tracking
from dissector.model cimport Endpoint, FrameRef
from dissector.mqtt.packets cimport Auth, Connack, Connect, Disconnect, Packet
from dissector.mqtt.stream cimport Framer
from dissector.net.consumer cimport Consumer
from dissector.net.tcp cimport Direction, TcpConnection

cdef long long _CLOSE_GRACE_NS
cdef int HISTORY_LIMIT, HELD_LIMIT, TRIES_LIMIT
cdef int UNDECIDED, MQTT, IGNORED, NEED_DATA, BROKEN, FIN
cdef int _CONNECT, _CONNACK, _DISCONNECT, _AUTH, _DECODED, _CLIENT_ONLY, _SERVER_ONLY
cdef bytes _USUAL_CLIENT, _USUAL_SERVER
cdef int _CONNECTING, _AUTHENTICATING, _CONNECTED, _REFUSED, _MIDSTREAM
cdef int _WITH_CONNECT, _WITH_CONNACK, _WITH_REFUSAL, _WITH_DISCONNECT, _WITH_SESSION
cdef int _NO_CLIENT_ID, _REFUSED_CONNACK, _STAYS, _EVENTS
cdef bytes _NEXT
cdef dict CONNACK_TRAITS, _CLOSES, _ENDINGS
cdef object _CLIENT, _SERVER, _INCOMPLETE, _V3_1, _V3_1_1

cdef class Tracker(Consumer):
    # what every chunk asks for, in few cache lines
    cdef public Tracking tracking
    cdef public int mode
    cdef public int client
    cdef public int phase
    cdef public bint resync_a
    cdef public bint resync_b
    cdef public Framer framer_a
    cdef public Framer framer_b
    cdef public long long spoke_a
    cdef public long long spoke_b
    cdef public long long packets_a
    cdef public long long packets_b
    cdef public long long order
    cdef public long long last_a
    cdef public long long last_b
    cdef public long long last_time_a
    cdef public long long last_time_b
    # the rest
    cdef public TcpConnection tcp
    cdef public bint known_port
    cdef public int tries
    cdef public list held
    cdef public Py_ssize_t held_bytes
    cdef public bint lost_a
    cdef public bint lost_b
    cdef public bint torn_a
    cdef public bint torn_b
    cdef public long long connect_end
    cdef public list gaps
    cdef public Connection connection
    cdef public Server server
    cdef public object carrier
    cdef public int inside
    cdef public Consumer unwrapper
    cdef begin(self, Tracking tracking, TcpConnection tcp)
    cpdef bint chunk(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1
    @cython.locals(framer=Framer)
    cpdef bint gap(self, int side, long long missing, long long frame, long long time_ns, str reason) except -1
    @cython.locals(connection=Connection, event=CloseEvent)
    cpdef bint closed(self, int side, int how, long long frame, long long time_ns) except -1
    @cython.locals(connection=Connection)
    cpdef bint finished(self, int reason, long long time_ns) except -1
    @cython.locals(connection=Connection, tcp=TcpConnection, traits=cython.int)
    cpdef bint review(self, long long time_ns, judge) except -1
    @cython.locals(view=View, client=Direction)
    cdef _look(self, Connection connection, int reason, long long time_ns)
    @cython.locals(before=bytes, probe=bytes, joined=bytes, lost=cython.bint, torn=cython.bint, verdict=cython.int, first=cython.int)
    cdef bint _decide(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1
    @cython.locals(inner=Tracker, found=Consumer, kind=cython.int, lost=cython.bint)
    cdef bint _unwrap(self, bytes before, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1
    cdef bint _hold(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1
    cdef bint _spoke(self, int side) except -1
    cdef bint _midstream(self) except -1
    cdef int _client_by_type(self, int side, int packet_type) except -1
    @cython.locals(connection=Connection)
    cdef bint _begin(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1
    @cython.locals(tcp=TcpConnection, tracking=Tracking, client=Endpoint, server=Server, first=FrameRef, made=Connection)
    cdef Connection _connection(self)
    cdef Connection _silent(self)
    @cython.locals(packet=Disconnect, event=CloseEvent)
    cdef bint _left_open(self, Connection connection) except -1
    @cython.locals(view=View)
    cdef _note_gap(self, tuple found)
    cdef _who(self, int side)
    @cython.locals(octets="const unsigned char *", client=cython.bint, counts="long long[::1]", count=cython.longlong, first=cython.int, size=Py_ssize_t)
    cdef Py_ssize_t _quiet(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop) except -1
    @cython.locals(framer=Framer, got=cython.int, kind=cython.int)
    cdef _packets(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns)
    @cython.locals(framer=Framer, first=cython.int, size=Py_ssize_t, odd=cython.bint, code=Py_ssize_t)
    cdef bint _server_speaks_mqtt(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop) except -1
    cdef _broken(self, int side, Framer framer)
    @cython.locals(kind=cython.int, event=cython.int, connection=Connection, before_5=cython.bint, decoded=cython.bint, answered=cython.bint, packet=Packet, where=FrameRef, target=cython.int, raw=bytes)
    cdef _noteworthy(self, int side, Framer framer)
    @cython.locals(kind=cython.int)
    cdef Packet _framed(self, Framer framer, bytes raw)
    @cython.locals(wrong=cython.bint)
    cdef _misplaced(self, who, int kind, bint before_5)
    @cython.locals(traits=cython.int, connection=Connection, first=cython.bint, lost=cython.bint, phase=cython.int)
    cdef _traits(self, int side, who, int kind)
    @cython.locals(known=cython.int)
    cdef _keep(self, list kept, packet)
    @cython.locals(connection=Connection)
    cdef _disconnect(self, who, Disconnect packet)
    @cython.locals(connection=Connection)
    cdef _connect(self, int side, Connect packet, Framer framer)
    @cython.locals(connection=Connection, handshake=Handshake, connect=Connect)
    cdef bint _connack(self, int side, Connack packet, Framer framer) except -1
    @cython.locals(rest=cython.longlong)
    cdef bint _begins(self, int side, Framer framer) except -1
    @cython.locals(handshake=Handshake)
    cdef _handshake(self, Connection connection)
    cdef bint _disagrees(self) except -1
    cdef bint _mixed(self) except -1
    @cython.locals(connection=Connection)
    cdef _defects(self, int side, Packet packet)

cdef bint _usual(int first, bint client) except -1

@cython.locals(made=Tracker)
cpdef Tracker follow(Tracking tracking, TcpConnection tcp)
