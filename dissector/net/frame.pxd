cimport cython

from dissector.net.fragments cimport Fragments
from dissector.net.segment cimport Segment

cdef int OTHER
cdef int TCP
cdef int UNKNOWN
cdef int CUT

@cython.locals(start=cython.Py_ssize_t, end=cython.Py_ssize_t, wire_end=cython.Py_ssize_t, kind=cython.int, following=cython.int)
cdef int dissect(Segment s, long long link, Fragments fragments) except -1

@cython.locals(protocol=cython.int)
cdef int _follow(Segment s, int following, Fragments fragments) except -1
cdef int _inner(Segment s, int protocol, Fragments fragments) except -1
