cimport cython

from dissector.net.consumer cimport Consumer
from dissector.net.reassembler cimport SharedState

cdef int _CHUNK
cdef int _GAP
cdef int _CLOSED

cdef class CausalOrder(Consumer):
    cdef public SharedState shared
    cdef public Consumer consumer
    cdef readonly long long need
    cdef public long long size
    cdef public long long now
    cdef readonly bint passthrough
    cdef public list last_frames
    cdef readonly tuple waiting

    @cython.locals(need=cython.longlong, last=cython.longlong, waits=cython.bint, wanted=cython.bint)
    cpdef bint chunk(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1
    cdef _enqueue(self, int side, tuple event)
    cdef bint _deliver_ready(self) except -1

    @cython.locals(what=cython.int, data=bytes, number=cython.longlong, frame=cython.longlong, time_ns=cython.longlong, reason=str, size=cython.longlong)
    cdef bint _deliver(self, int side, tuple event) except -1
