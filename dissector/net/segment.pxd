cimport cython

cdef int NOTHING
cdef int PROTOCOL
cdef int ETHERNET
cdef int ANY_IP
cdef int UNKNOWN_LINK
cdef int WHOLE
cdef int HEADER_ONLY
cdef int NUMBER_ONLY

@cython.final
cdef class Segment:
    cdef public bytes window
    cdef public long long serial
    cdef public Py_ssize_t at
    cdef public Py_ssize_t end
    cdef public Py_ssize_t wire_end
    cdef public int depth
    cdef public bint quoted
    cdef public long long frame
    cdef public long long time_ns
    cdef public bytes mac_window
    cdef public Py_ssize_t mac_source
    cdef public Py_ssize_t mac_destination
    cdef public bytes address_window
    cdef public Py_ssize_t addresses
    cdef public int address_length
    cdef public Py_ssize_t tcp
    cdef public long long seq
    cdef public long long ack
    cdef public int flags
    cdef public int win
    cdef public Py_ssize_t start
    cdef public Py_ssize_t stop
    cdef public Py_ssize_t wire_length
    cdef public int grade

    cdef begin(self, bytes window, Py_ssize_t start, Py_ssize_t end, Py_ssize_t wire_end)

    @cython.locals(size=cython.int, start=cython.Py_ssize_t, octets="const unsigned char *")
    cdef int read_tcp(self, bytes window, Py_ssize_t tcp, Py_ssize_t end, Py_ssize_t wire_end) except -1

    @cython.locals(stop=cython.Py_ssize_t, addresses=bytes)
    cpdef bytes key(self)

    @cython.locals(at=cython.Py_ssize_t, kind=cython.int)
    cdef int scale(self) except -1
