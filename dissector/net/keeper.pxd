cimport cython

from dissector.net.consumer cimport Consumer
from dissector.net.recent cimport Recent

cdef class Keeper:
    cdef public object limits
    cdef public Recent recent
    cdef public long long buffered
    cdef public long long buffered_limit
    cdef public long long direction_limit
    cdef public long long hole_segments
    cdef public long long hole_ns
    cdef public long long backs

    cpdef Consumer open(self, object connection)
    cpdef ending(self, object connection)
    cpdef complete(self, object connection)
    cpdef report(self, str kind, str message, long long frame, long long stream)
