cimport cython

from dissector.net.consumer cimport Consumer
from dissector.net.recent cimport Recent

cdef class Keeper:
    cdef readonly object limits
    cdef readonly Recent recent
    cdef readonly long long buffered
    cdef readonly long long buffered_limit
    cdef readonly long long direction_limit
    cdef readonly long long hole_segments
    cdef readonly long long hole_ns
    cdef readonly long long backs

    cpdef Consumer open(self, object connection)
    cpdef ending(self, object connection)
    cpdef complete(self, object connection)
    cpdef report(self, str kind, str message, long long frame, long long stream)
