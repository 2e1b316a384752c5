from dissector.connections.record cimport ConnectionRecord
from dissector.activity.profile cimport Profile
from dissector.activity.entities cimport Client, Credential, Host, ServerHistory
from dissector.activity.tables cimport ActivityTables

cdef class AuditContext:
    cdef readonly ActivityTables activity
    cdef readonly ConnectionRecord connection
    cdef public long long event
    cdef readonly long long now
    cdef public Profile profile
    cdef readonly Profile former
    cdef public Host host
    cdef public Client client
    cdef public ServerHistory server
    cdef public Credential credential
    cdef readonly tuple takeovers_by
    cdef readonly object limits
