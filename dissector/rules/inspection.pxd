cimport cython
from dissector.connections.connection cimport Connection
from dissector.connections.history cimport History
from dissector.connections.moment cimport Moment
from dissector.rules.hearing cimport Hearing

cdef int _ENDED

cdef class Inspection(Hearing):
    cdef readonly History history
    cdef readonly object tls
    cdef readonly object thresholds
    cdef object _ended_with
    cdef dict _unjudged
    cdef list _rules
    cdef dict _asked
    cdef list _tls_rules
    @cython.locals(moment=Moment)
    cpdef answered(self, Connection connection)
    @cython.locals(moment=Moment)
    cpdef ended(self, Connection connection)
    cpdef encrypted(self, record)
    @cython.locals(event=cython.int, connection=Connection, rules=list)
    cdef _ask(self, Moment moment)
    cdef _failures(self, rule, long long stream, verdict)
