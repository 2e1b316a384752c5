cimport cython

cdef int NOTHING
cdef int PROTOCOL
cdef int ETHERNET
cdef int ANY_IP
cdef int UNKNOWN_LINK
cdef int WHOLE
cdef int HEADER_ONLY
cdef int NUMBER_ONLY

cdef list _SCALES

@cython.final
cdef class Segment:
    cdef public bytes window
    cdef readonly long long serial
    cdef readonly Py_ssize_t at
    cdef readonly Py_ssize_t end
    cdef readonly Py_ssize_t wire_end
    cdef readonly int depth
    cdef readonly bint quoted
    cdef readonly int notice
    cdef public long long frame
    cdef public long long time_ns
    cdef readonly bytes mac_window
    cdef readonly Py_ssize_t mac_source
    cdef readonly Py_ssize_t mac_destination
    cdef readonly bytes address_window
    cdef public Py_ssize_t addresses
    cdef int address_length
    cdef readonly Py_ssize_t tcp
    cdef public long long seq
    cdef public long long ack
    cdef public int flags
    cdef readonly int win
    cdef public Py_ssize_t start
    cdef public Py_ssize_t stop
    cdef readonly Py_ssize_t wire_length
    cdef readonly int grade

    cdef begin(self, bytes window, Py_ssize_t start, Py_ssize_t end, Py_ssize_t wire_end)

    @cython.locals(size=cython.int, start=cython.Py_ssize_t, pointer="const unsigned char *")
    cdef int read_tcp(self, bytes window, Py_ssize_t tcp, Py_ssize_t end, Py_ssize_t wire_end) except -1

    @cython.locals(stop=cython.Py_ssize_t, addresses=bytes)
    cpdef bytes key(self)

    cdef set_scale(self, int scale)
    @cython.locals(at=cython.Py_ssize_t, kind=cython.int)
    cdef int scale(self) except -1
