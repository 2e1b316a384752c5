from dissector.connections.record cimport ConnectionRecord
from dissector.activity.profile cimport Profile
from dissector.activity.entities cimport Client, Credential, Host, ServerHistory
from dissector.activity.tables cimport ActivityTables

cdef object _LIMITS

cdef class AuditContext:
    cdef readonly ActivityTables activity
    cdef readonly ConnectionRecord connection
    cdef readonly int event
    cdef readonly long long now
    cdef public Profile profile
    cdef readonly Profile former
    cdef public Host host
    cdef public Client client
    cdef public ServerHistory server
    cdef public Credential credential
    cdef readonly tuple takeovers_by
    cdef public object limits
