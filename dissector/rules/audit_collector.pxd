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
    @cython.locals(context=AuditContext)
    cpdef answered(self, Connection connection)
    @cython.locals(context=AuditContext)
    cpdef ended(self, Connection connection)
    cpdef encrypted(self, record)
    @cython.locals(event=cython.int)
    cdef _judge_activity(self, AuditContext context)
