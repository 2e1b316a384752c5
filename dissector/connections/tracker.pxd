cimport cython
from dissector.connections.connection cimport CloseEvent, Connection
from dissector.connections.handshake_tracker cimport HandshakeTracker
from dissector.connections.handshake cimport Close
from dissector.connections.analysis_context cimport AnalysisContext
from dissector.mqtt.stream cimport Framer
from dissector.net.consumer cimport Consumer
from dissector.net.reassembly cimport TcpConnection

cdef int HELD_LIMIT, HELD_CHUNK, CHUNK_COST, TRIES_LIMIT, UNDECIDED, MQTT, IGNORED, HTTP, _MIDSTREAM, _SILENT, _IN_WEBSOCKET, _WEBSOCKET
cdef bytes _HTTP
cdef tuple _CLOSES

cdef class Tracker(HandshakeTracker):
    cpdef bint chunk(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1
    @cython.locals(framer=Framer)
    cpdef bint gap(self, int side, long long missing, long long frame, long long time_ns, str reason) except -1
    @cython.locals(event=CloseEvent)
    cdef _record_close(self, Connection connection, int side, int how, long long frame, long long time_ns)
    @cython.locals(connection=Connection)
    cpdef bint closed(self, int side, int how, long long frame, long long time_ns) except -1
    cpdef capture_ends(self)
    @cython.locals(connection=Connection)
    cpdef bint finished(self, int reason, long long time_ns) except -1
    @cython.locals(connection=Connection, tcp=TcpConnection, connection_flags=cython.int)
    cpdef bint evaluate_now(self, long long time_ns, judge) except -1
    @cython.locals(before=bytes, probe=bytes, joined=bytes, data=bytes, lost=cython.bint, gap_inside=cython.bint, verdict=cython.int, first=cython.int)
    cdef bint _decide(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1
    cdef bint _http(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1
    cdef bint _wait(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1
    cpdef server_proven(self)
    @cython.locals(framer=Framer, begun=cython.bint, kind=cython.int)
    cdef bint _begin_inside(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1
    cdef bint _ignore(self, bytes data) except -1
    cdef bytes _held_of(self, int side)
    @cython.locals(data=bytes)
    cdef bint _held_are_mqtt(self) except -1
    @cython.locals(complete=cython.bint)
    cdef bint _decide_at_end(self) except -1
    cdef bint _wrong_first_sender(self, int side, int packet_type) except -1
    @cython.locals(inner=Tracker, found=Consumer, kind=cython.int, lost=cython.bint)
    cdef bint _unwrap(self, bytes before, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1
    cdef bint _hold(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1
    cdef int _client_by_type(self, int side, int packet_type) except -1
    @cython.locals(connection=Connection, silent=Connection, first=bytes)
    cdef bint _begin(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1

@cython.locals(made=Tracker)
cpdef Tracker make_tracker(AnalysisContext context, TcpConnection tcp)
