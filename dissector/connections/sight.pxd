cimport cython
from dissector.connections.connection cimport CloseEvent, Connection, View
from dissector.connections.tracking cimport Listener, Server, Tracking
from dissector.model cimport Endpoint, FrameRef
from dissector.mqtt.packets cimport Disconnect
from dissector.mqtt.stream cimport Framer
from dissector.net.consumer cimport Consumer
from dissector.net.tcp cimport Direction, TcpConnection

cdef long long _CLOSE_GRACE_NS

cdef dict _ENDINGS
cdef object _CLIENT, _SERVER

cdef class Sight(Consumer):
    # what every chunk asks for, in few cache lines
    cdef public Tracking tracking
    cdef readonly int mode
    cdef public int client
    cdef readonly int phase
    cdef readonly bint resync_a
    cdef readonly bint resync_b
    cdef readonly Framer framer_a
    cdef readonly Framer framer_b
    cdef readonly long long spoke_a
    cdef readonly long long spoke_b
    cdef readonly long long packets_a
    cdef readonly long long packets_b
    cdef readonly long long order
    cdef readonly long long last_a
    cdef readonly long long last_b
    cdef readonly long long last_time_a
    cdef readonly long long last_time_b
    # the rest
    cdef readonly TcpConnection tcp
    cdef public bint known_port
    cdef readonly int tries
    cdef readonly list held
    cdef readonly Py_ssize_t held_bytes
    cdef public bint lost_a
    cdef public bint lost_b
    cdef public bint torn_a
    cdef public bint torn_b
    cdef readonly long long connect_end
    cdef public tuple gaps
    cdef public Connection connection
    cdef public Server server
    cdef public object carrier
    cdef public int inside
    cdef readonly Consumer unwrapper
    cdef begin(self, Tracking tracking, TcpConnection tcp)
    @cython.locals(view=View, client=Direction)
    cdef _look(self, Connection connection, int reason, long long time_ns)
    @cython.locals(tcp=TcpConnection, tracking=Tracking, client=Endpoint, server=Server, first=FrameRef, made=Connection)
    cdef Connection _connection(self)
    cdef Connection _silent(self)
    @cython.locals(packet=Disconnect, event=CloseEvent)
    cdef bint _left_open(self, Connection connection) except -1
    @cython.locals(view=View)
    cdef _note_gap(self, tuple found)
    cdef _who(self, int side)
    cdef bint _spoke(self, int side) except -1
    cdef bint _midstream(self) except -1
    cdef bint _disagrees(self) except -1
    cdef bint _mixed(self) except -1
