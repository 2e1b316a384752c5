cimport cython

@cython.final
cdef class SegmentBuffer:
    cdef readonly list pieces
    cdef readonly long long head
    cdef public long long size

    @cython.locals(index=cython.Py_ssize_t, cursor=cython.longlong, known=cython.longlong, conflict=cython.bint, low=cython.longlong, high=cython.longlong, where=cython.longlong, held=tuple, part=bytes)
    cpdef bint add(self, long long at, long long end, bytes data, tuple piece) except -1
    cpdef tuple pop(self)
    cpdef long long end(self) except *
