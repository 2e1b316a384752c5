cimport cython

cdef long long PART
cdef int DECODED, ENDLESS, INCOMPLETE, LENGTH_BITS
cdef long long LENGTH_MASK

@cython.final
cdef class Framer:
    cdef readonly bint keep_all
    cdef readonly bint broken
    cdef readonly long long body_left
    cdef readonly bytes header
    cdef readonly bytes chunk
    cdef readonly Py_ssize_t pos
    cdef readonly Py_ssize_t end
    cdef readonly list parts
    cdef readonly bytes beginning
    cdef readonly long long kept_bytes
    cdef public bytes window
    cdef public Py_ssize_t start
    cdef public Py_ssize_t stop
    cdef public int first
    cdef readonly long long remaining
    cdef readonly int header_size
    cdef public long long size
    cdef public bint kept
    cdef readonly long long first_frame
    cdef readonly long long first_time_ns
    cdef public long long frame
    cdef public long long time_ns
    cdef begin(self, bint keep_all)
    cpdef reset(self)
    cpdef bint idle(self) except -1
    cdef bint between_packets(self) except -1
    cpdef bytes unfinished(self)
    cpdef feed(self, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns)
    cpdef release(self)
    @cython.locals(data=bytes, pos=Py_ssize_t, value=cython.longlong, length=cython.longlong)
    cpdef int next(self) except -1
    @cython.locals(here=Py_ssize_t)
    cdef int _begin(self, bytes header, Py_ssize_t pos) except -1
    @cython.locals(here=Py_ssize_t, stop=Py_ssize_t)
    cdef int _body(self) except -1
    cdef int _finish(self) except -1
    @cython.locals(count=cython.int, value=cython.longlong, header=bytes, stop=Py_ssize_t)
    cdef int _split_header(self) except -1
    cdef int _break(self, bytes header) except -1
