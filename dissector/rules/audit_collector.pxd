cimport cython
from dissector.connections.connection cimport Connection
from dissector.activity.tracker cimport ActivityTracker
from dissector.activity.context cimport AuditContext
from dissector.connections.record cimport ConnectionRecord, RecordMaker
from dissector.rules.finding_collector cimport FindingCollector

cdef long long _PROFILE, _IDENTIFIER, _WITHOUT_BYTES

cdef class AuditCollector(FindingCollector):
    cdef readonly ActivityTracker activity
    cdef readonly object tls
    cdef readonly object thresholds
    cdef RecordMaker _records
    cdef object _ended_with
    cdef bint _limit_reported
    @cython.locals(record=ConnectionRecord)
    cpdef answered(self, Connection connection)
    cpdef record_answered(self, ConnectionRecord record)
    @cython.locals(context=AuditContext)
    cpdef record_ended(self, ConnectionRecord record)
    cpdef closing(self, Connection connection)
    cpdef ended(self, Connection connection)
    cpdef encrypted(self, record)
    @cython.locals(event=cython.longlong, record=ConnectionRecord)
    cdef _judge_activity(self, AuditContext context)
