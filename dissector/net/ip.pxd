cimport cython

from dissector.net.fragments cimport Fragments
from dissector.net.segment cimport Segment

@cython.locals(window=bytes, at=cython.Py_ssize_t, header=cython.int, total=cython.Py_ssize_t, protocol=cython.int, where=cython.int, key=bytes)
cdef int ipv4(Segment s, Fragments fragments) except -1

@cython.locals(window=bytes, at=cython.Py_ssize_t, length=cython.int)
cdef int ipv6(Segment s) except -1

@cython.locals(window=bytes, at=cython.Py_ssize_t, following=cython.int, where=cython.int, first=cython.Py_ssize_t, key=bytes)
cdef int extension(Segment s, int protocol, Fragments fragments) except -1
