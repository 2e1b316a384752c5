from dissector.connections.connection cimport Connection
from dissector.connections.profile cimport Profile
from dissector.connections.remembered cimport Client, Credential, Host, ServerHistory

cdef class Moment:
    cdef readonly object history
    cdef readonly Connection connection
    cdef public int event
    cdef readonly long long now
    cdef public Profile profile
    cdef public Profile former
    cdef public Host host
    cdef public Client client
    cdef public ServerHistory server
    cdef public Credential credential
    cdef public list overtakers
