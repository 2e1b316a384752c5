cimport cython
from dissector.integers cimport IntegerArray
from dissector.mqtt.stream cimport Framer

cdef bytes _ORDINARY
cdef object _CLIENT, _SERVER

@cython.final
cdef class MqttDirection:
    # fields used for every chunk come first, to stay in few cache lines
    cdef readonly Framer framer
    cdef public long long byte_count
    cdef public long long packet_count
    cdef public long long last_frame
    cdef public long long last_time_ns
    cdef readonly int side
    cdef readonly bint is_client
    cdef public bint resync
    cdef public bint lost
    cdef public bint gap_inside
    cdef readonly object who
    cdef begin(self, int side, long long first_frame, long long first_time_ns)
    cdef set_client(self, int client_side)
    cdef long long kept_bytes(self) noexcept
    cdef make_framer(self, bint keep_all)
    cdef note_missing(self, bint inside)
    cdef bint packet_begun(self) noexcept
    @cython.locals(framer=Framer, left=cython.longlong)
    cdef bint at_boundary(self, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1
    @cython.locals(ordinary="const unsigned char *")
    cdef bint is_ordinary(self, int first) noexcept
    @cython.locals(pointer="const unsigned char *", ordinary="const unsigned char *", counts=cython.p_longlong, count=cython.longlong, first=cython.int, role=cython.int, size=Py_ssize_t)
    cdef Py_ssize_t count_ordinary(self, bytes window, Py_ssize_t start, Py_ssize_t stop, IntegerArray packets_by_type) except -1

@cython.locals(made=MqttDirection)
cdef MqttDirection make_direction(int side, long long first_frame, long long first_time_ns)
