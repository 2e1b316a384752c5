from dissector.connections.connection cimport Connection
from dissector.connections.profile cimport Profile
from dissector.connections.entities cimport Client, Credential, Host, ServerHistory

cdef object _LIMITS

cdef class AuditContext:
    cdef readonly object activity
    cdef readonly Connection connection
    cdef readonly int event
    cdef readonly long long now
    cdef public Profile profile
    cdef readonly Profile former
    cdef public Host host
    cdef public Client client
    cdef public ServerHistory server
    cdef public Credential credential
    cdef readonly list takeovers_by
    cdef public object limits
