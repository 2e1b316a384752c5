cimport cython
from dissector.connections.profile cimport Profile

cdef class Group:
    cdef readonly list profiles
    cdef readonly object kind
    cdef readonly str reason
    cdef readonly long long first_ns
