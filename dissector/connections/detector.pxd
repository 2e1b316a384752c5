cimport cython
from dissector.connections.analysis_context cimport AnalysisContext
from dissector.connections.connection cimport Connection
from dissector.connections.direction cimport MqttDirection
from dissector.connections.tracker cimport Tracker
from dissector.mqtt.stream cimport Framer
from dissector.net.causal_order cimport CausalOrder
from dissector.net.consumer cimport Consumer
from dissector.net.tcp cimport StreamDirection, TcpConnection

cdef int UNDECIDED, WAITING, HTTP, DECIDED, IGNORED
cdef long long HELD_LIMIT, HELD_CHUNK, CHUNK_COST
cdef int _SMALL, TRIES_LIMIT, _PROXY, _WEBSOCKET, _TLS
cdef bytes _HTTP

cdef class Detector(Consumer):
    cdef readonly AnalysisContext context
    cdef public TcpConnection tcp
    cdef readonly int state
    cdef public bint known_port
    cdef readonly int proven_side
    cdef readonly int outer_layers
    cdef readonly int tries
    cdef readonly int http_side
    cdef public long long held_bytes
    cdef readonly long long charged
    cdef readonly MqttDirection initiator
    cdef readonly MqttDirection responder
    cdef readonly Consumer successor
    cdef readonly list held
    cdef readonly tuple held_closes
    cdef readonly tuple gaps
    cdef readonly object encapsulation
    cdef readonly Tracker silent
    cdef readonly Tracker evaluated
    cdef begin(self, AnalysisContext context, TcpConnection tcp)
    cdef MqttDirection direction(self, int side)
    @cython.locals(direction=MqttDirection)
    cpdef bint chunk(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1
    @cython.locals(direction=MqttDirection)
    cpdef bint gap(self, int side, long long missing, long long frame, long long time_ns, str reason) except -1
    cpdef bint closed(self, int side, int how, long long frame, long long time_ns) except -1
    cpdef capture_ends(self)
    @cython.locals(silent=Tracker)
    cpdef bint finished(self, int reason, long long time_ns) except -1
    @cython.locals(tcp=TcpConnection, silent=Tracker)
    cpdef bint evaluate_now(self, long long time_ns, judge) except -1
    cpdef bint has_record(self) except -1
    @cython.locals(tracker=Tracker)
    cpdef server_proven(self)
    cdef bint _examine(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1
    @cython.locals(direction=MqttDirection, before=bytes, probe=bytes, joined=bytes, data=bytes, verdict=cython.int, first=cython.int, client_side=cython.int)
    cdef bint _decide(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1
    cdef bint _http(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1
    cdef bint _wait(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1
    cdef bint _hold(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1
    cdef bytes _held_of(self, int side)
    @cython.locals(data=bytes)
    cdef bint _held_are_mqtt(self) except -1
    @cython.locals(complete=cython.bint)
    cdef bint _decide_at_end(self) except -1
    cdef bint _complete(self) except -1
    cdef bint _wrong_first_sender(self, int side, int packet_type) except -1
    cdef int _client_by_type(self, int side, int packet_type) except -1
    cdef bint _at_boundary(self, MqttDirection direction, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1
    @cython.locals(kept=cython.longlong)
    cdef _charge_framers(self)
    @cython.locals(tracker=Tracker, connection=Connection, silent=Connection, first=bytes)
    cdef bint _begin(self, int client_side, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1
    @cython.locals(direction=MqttDirection, framer=Framer, kind=cython.int, client_side=cython.int)
    cdef bint _begin_inside(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1
    @cython.locals(data=bytes, reader=Consumer, kind=cython.int)
    cdef bint _encapsulated(self, bytes before, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1
    @cython.locals(inner=Detector, side=cython.int)
    cdef Consumer _reader(self, int kind)
    cdef _succeed(self, Consumer consumer)
    cdef bint _tls_expected(self) except -1
    @cython.locals(tracker=Tracker)
    cdef Tracker _silent_tracker(self)
    cdef bint _ignore(self, bytes data) except -1
    cdef _count(self, str kind)

@cython.locals(made=Detector)
cpdef Detector make_detector(AnalysisContext context, TcpConnection tcp)
@cython.locals(made=Detector)
cdef Detector _inner(AnalysisContext context, TcpConnection tcp, encapsulation, int outer_layers)
