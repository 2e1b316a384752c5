cimport cython
from dissector.connections.connection cimport CloseEvent, Connection, CaptureQuality
from dissector.connections.analysis_context cimport EventSink, KnownServer, AnalysisContext
from dissector.model cimport Endpoint, FrameRef
from dissector.mqtt.packets cimport Disconnect
from dissector.mqtt.stream cimport Framer
from dissector.net.consumer cimport Consumer
from dissector.net.reassembly cimport StreamDirection, TcpConnection

cdef dict _ENDINGS
cdef object _CLIENT, _SERVER

cdef class ConnectionRecorder(Consumer):
    # fields used for every chunk come first, to stay in few cache lines
    cdef public AnalysisContext context
    cdef readonly int mode
    cdef public int client
    cdef readonly int phase
    cdef readonly bint resync_a
    cdef readonly bint resync_b
    cdef readonly Framer framer_a
    cdef readonly Framer framer_b
    cdef readonly long long bytes_a
    cdef readonly long long bytes_b
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
    cdef readonly tuple held_closes
    cdef readonly long long charged
    cdef public bint lost_a
    cdef public bint lost_b
    cdef public bint gap_inside_a
    cdef public bint gap_inside_b
    cdef readonly long long connect_end
    cdef readonly long long connack_end
    cdef public tuple gaps
    cdef public Connection connection
    cdef public KnownServer server
    cdef public object encapsulation
    cdef public int outer_layers
    cdef readonly bint waits
    cdef readonly int proven_side
    cdef readonly Consumer unwrapper
    cdef begin(self, AnalysisContext context, TcpConnection tcp)
    @cython.locals(quality=CaptureQuality, client=StreamDirection)
    cdef _update_quality(self, Connection connection, int reason, long long time_ns)
    @cython.locals(tcp=TcpConnection, pending=cython.bint, dropped=cython.bint)
    cdef _note_server(self, KnownServer server)
    @cython.locals(tcp=TcpConnection, context=AnalysisContext, client=Endpoint, server=KnownServer, first=FrameRef, made=Connection)
    cdef Connection _make_connection(self)
    cdef Connection _silent_connection(self)
    @cython.locals(packet=Disconnect, event=CloseEvent)
    cdef bint _left_open(self, Connection connection) except -1
    @cython.locals(quality=CaptureQuality)
    cdef _record_gap(self, tuple found)
    cdef _side_of(self, int side)
    cdef bint _has_sent(self, int side) except -1
    cdef bint _midstream(self) except -1
    cdef bint _has_conflicts(self) except -1
    cdef bint _ambiguous(self) except -1
