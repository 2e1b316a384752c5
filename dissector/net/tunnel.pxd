cimport cython

from dissector.net.segment cimport Segment

cdef int enter_tunnel(Segment s, int following) except -1

@cython.locals(window=bytes, at=cython.Py_ssize_t, flags=cython.int, number=cython.int, length=cython.int, last=cython.bint)
cdef int gre(Segment s) except -1

@cython.locals(window=bytes, at=cython.Py_ssize_t, source=cython.int, destination=cython.int, number=cython.int)
cdef int udp(Segment s) except -1

@cython.locals(kind=cython.int, error=cython.bint)
cdef int icmp(Segment s, bint six) except -1
