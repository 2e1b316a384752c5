cimport cython

from dissector.net.segment cimport Segment
from dissector.net.tcp cimport TcpConnection

cdef class Past:
    cdef public bytes key
    cdef public bint turned
    cdef public long long stream
    cdef public long long first_frame
    cdef public bint based_a
    cdef public long long base_a
    cdef public bint based_b
    cdef public long long base_b

    cdef begin(self, TcpConnection connection)
    cpdef int side(self, bytes key) except -1
    cdef bint renewed(self, Segment s, int side) except -1

    @cython.locals(base=cython.longlong, again=cython.bint)
    cdef note_base(self, Segment s, int side)
