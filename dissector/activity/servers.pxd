cimport cython
from dissector.connections.connection cimport Connection
from dissector.model cimport Endpoint, FrameRef
from dissector.mqtt.packets.connack cimport Connack

cdef Py_ssize_t SERVERS_KEPT, ASSIGNED_KEPT

cdef class AssignedId:
    cdef Connection connection
    cdef FrameRef frame
    cdef long long until_ns
    cpdef bint in_use(self, long long now_ns) except -1

cdef class AcceptingServer:
    cdef frozenset versions
    cdef dict assigned

cdef class AcceptingServers:
    cdef dict _servers
    cpdef clear(self)
    @cython.locals(connack=Connack, end=Endpoint, server=AcceptingServer)
    cpdef accepted(self, Connection connection)
    @cython.locals(server=AcceptingServer)
    cpdef frozenset versions(self, Connection connection)
    @cython.locals(server=AcceptingServer, known=AssignedId)
    cpdef ended(self, Connection connection)
    @cython.locals(before=AssignedId)
    cdef _assign(self, AcceptingServer server, str client_id, Connection connection, FrameRef frame)
