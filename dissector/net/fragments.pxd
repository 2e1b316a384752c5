cimport cython

from dissector.net.segment cimport Segment

cdef class Fragments:
    cdef public object limits
    cdef public object warn
    cdef public dict table
    cdef public dict complete
    cdef public long long size
    cdef public long long missing
    cdef public bint limited

    @cython.locals(before=cython.longlong, stop=cython.longlong)
    cpdef int add(self, Segment s, bytes key, long long offset, bint more, int protocol) except -1
    cpdef finish(self)
    cpdef _bound(self)
    cpdef _forget_old(self, long long now)
    cpdef _give_up(self, bytes key, str when)
    cpdef _drop(self, bytes key)
