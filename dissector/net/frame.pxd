cimport cython

from dissector.net.fragments cimport Fragments
from dissector.net.segment cimport Segment

cdef int OTHER
cdef int TCP
cdef int UNKNOWN
cdef int CUT

@cython.locals(following=cython.int, protocol=cython.int)
cdef int dissect(Segment s, long long link, Fragments fragments) except -1
cdef int _inner(Segment s, int protocol, Fragments fragments) except -1
