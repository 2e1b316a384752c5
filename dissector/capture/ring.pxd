cimport cython

from dissector.capture.batch cimport Batch

cdef int _HEADER, _VLAN_VALID, _OTHER_HOST
cdef bint _BIG

cdef class BlockWalker:
    cdef public long long link
    cdef public long long byte_count
    cdef public bint other_host_seen
    cdef readonly list tagged

    @cython.locals(offset=cython.p_longlong, captured=cython.p_longlong, original=cython.p_longlong, time_ns=cython.p_longlong, link=cython.p_longlong, size=cython.longlong, left=cython.longlong, byte_count=cython.longlong, at=cython.longlong, count=cython.Py_ssize_t, following=cython.longlong, seconds=cython.longlong, nanoseconds=cython.longlong, held=cython.longlong, sent=cython.longlong, status=cython.longlong, place=cython.longlong, start=cython.longlong)
    cpdef walk(self, bytes block, Batch batch)
