cimport cython
from dissector.connections.connection cimport Connection
from dissector.connections.activity_tracker cimport ActivityTracker
from dissector.connections.audit_context cimport AuditContext
from dissector.rules.finding_collector cimport FindingCollector

cdef int _ENDED

cdef class AuditCollector(FindingCollector):
    cdef readonly ActivityTracker activity
    cdef readonly object tls
    cdef readonly object thresholds
    cdef object _ended_with
    cdef bint _limit_reported
    cdef dict _unjudged
    cdef list _rules
    cdef dict _rules_by_event
    cdef list _tls_rules
    @cython.locals(context=AuditContext)
    cpdef answered(self, Connection connection)
    @cython.locals(context=AuditContext)
    cpdef ended(self, Connection connection)
    cpdef encrypted(self, record)
    @cython.locals(event=cython.int, connection=Connection, rules=list)
    cdef _ask(self, AuditContext context)
    cdef _failures(self, rule, long long stream, verdict)
