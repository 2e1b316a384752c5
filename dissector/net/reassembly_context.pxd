cimport cython

from dissector.net.consumer cimport Consumer
from dissector.net.delivered_ring cimport DeliveredRing

cdef class ReassemblyContext:
    cdef readonly object limits
    cdef readonly DeliveredRing delivered
    cdef readonly long long buffered
    cdef readonly long long buffered_limit
    cdef readonly object budget
    cdef readonly bint over_budget
    cdef readonly bint attention
    cdef readonly list abandoned
    cdef public long long generation
    cdef readonly long long direction_limit
    cdef readonly long long hole_segments
    cdef readonly long long hole_ns
    cdef readonly long long contradictions
    cdef readonly long long clock_steps_back

    cpdef Consumer open(self, object connection)
    cpdef connection_closed(self, object connection)
    cpdef connection_complete(self, object connection)
    cpdef connection_decided(self, object connection)
    cpdef report(self, str kind, str message, long long frame, long long stream)
