cimport cython
from dissector.connections.connection_recorder cimport ConnectionRecorder
from dissector.connections.analysis_context cimport AnalysisContext
from dissector.connections.connection cimport CaptureQuality
from dissector.mqtt.packets.packet cimport Packet
from dissector.mqtt.stream cimport Framer

cdef int NEED_DATA, BROKEN
cdef int _CONNECT, _CONNACK, _DISCONNECT, _AUTH, _CLIENT_ONLY, _SERVER_ONLY
cdef bytes _ORDINARY_CLIENT_BYTES, _ORDINARY_SERVER_BYTES
cdef int _CONNECTED, _MIDSTREAM
cdef Py_ssize_t FOREIGN_KEPT
cdef object _V5_0
cdef frozenset _CONNACK_CODES
cdef object _CLIENT, _SERVER

cdef class PacketFraming(ConnectionRecorder):
    cdef _handle_packet(self, int side, Framer framer)
    cdef _unfinished_connect(self, int side, Framer framer, bytes data, long long received, length)
    cdef _defects(self, int side, Packet packet)
    @cython.locals(framer=Framer, got=cython.int, kind=cython.int)
    cdef _packets(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns)
    cdef _make_framers(self)
    @cython.locals(framer=Framer)
    cdef bint _packet_begun(self, int side) except -1
    @cython.locals(framer=Framer, left=cython.longlong)
    cdef bint _at_boundary(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1
    @cython.locals(kept=cython.longlong)
    cdef _charge(self)
    @cython.locals(pointer="const unsigned char *", client=cython.bint, counts=cython.p_longlong, count=cython.longlong, first=cython.int, size=Py_ssize_t)
    cdef Py_ssize_t _count_ordinary(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop) except -1
    @cython.locals(framer=Framer, first=cython.int, size=Py_ssize_t, malformed=cython.bint, code=Py_ssize_t)
    cdef bint _server_sends_mqtt(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop) except -1
    @cython.locals(remaining=Py_ssize_t)
    cdef bint _connack_of_5(self, bytes window, Py_ssize_t start, Py_ssize_t stop) except -1
    @cython.locals(quality=CaptureQuality)
    cdef _note_foreign(self, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns)
    cdef _broken(self, int side, Framer framer)
    @cython.locals(kind=cython.int)
    cdef Packet _undecoded_packet(self, Framer framer, bytes raw)
    @cython.locals(wrong=cython.bint)
    cdef _type_defect(self, who, int kind, bint before_5)

cdef bint _is_ordinary(int first, bint client) except -1
