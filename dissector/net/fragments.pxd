cimport cython

from dissector.net.segment cimport Segment

cdef class Fragments:
    cdef readonly object limits
    cdef readonly object warn
    cdef readonly dict table
    cdef readonly dict complete
    cdef public long long size
    cdef readonly long long missing
    cdef readonly bint limit_reported

    @cython.locals(before=cython.longlong, stop=cython.longlong)
    cpdef int add(self, Segment s, bytes key, long long offset, bint more, int protocol) except -1
    cpdef finish(self)
    cpdef _enforce_limits(self)
    cpdef _expire_old(self, long long now)
    cpdef _discard(self, bytes key, str when)
    cpdef _drop(self, bytes key)
