cimport cython

from dissector.net.segment cimport Segment
from dissector.net.tcp cimport TcpConnection

cdef class ClosedStream:
    # tens of thousands of these are kept, so the fields are packed
    cdef public bytes key
    cdef public long long stream
    cdef readonly long long first_frame
    cdef readonly unsigned int base_a
    cdef readonly unsigned int base_b
    cdef readonly bint swapped
    cdef readonly bint based_a
    cdef readonly bint based_b

    cdef begin(self, TcpConnection connection)
    cpdef int side(self, bytes key) except -1
    cdef bint begins_new_stream(self, Segment s, int side) except -1

    @cython.locals(base=cython.longlong, again=cython.bint)
    cdef note_base(self, Segment s, int side)
