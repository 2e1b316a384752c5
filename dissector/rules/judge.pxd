cimport cython
from dissector.connections.connection cimport Connection
from dissector.model cimport FrameRef
from dissector.mqtt.packets.packet cimport Packet

cdef int _WITH_FINDING
cdef long long _FREE_FINDINGS, _FINDING_BYTES

cdef class Judge:
    cdef public object capture
    cdef object _found
    cdef frozenset _selected
    cdef frozenset _pedantic
    cdef dict _unevaluated
    cdef dict _consumers
    cdef dict _handshake
    cdef dict _connection
    cdef dict _handshake_asks
    cdef dict _connection_asks
    cdef dict _subjects
    @cython.locals(known=Py_ssize_t)
    cpdef defects(self, Connection connection, Packet packet, side)
    cdef _unknown_version(self, defect, Connection connection)
    cpdef handshake(self, Connection connection)
    cpdef connection(self, Connection connection)
    @cython.locals(connection_flags=cython.int, asks=cython.int)
    cdef _ask(self, dict rules, Connection connection)
    cdef _report(self, rule, Connection connection, verdict)
    cdef _add(self, Connection connection, finding)
    cdef bint _is_off(self, rule, Connection connection) except -1
    cdef _reconsider(self, Connection connection)
    cdef _skip(self, rule, str reason, Connection connection)
    cpdef not_judged(self, Connection connection, Packet packet)
    cdef _skip_unseen(self, Connection connection, str reason)
cdef _add_malformed(Connection connection, Packet packet, finding)
@cython.locals(first=FrameRef, second=FrameRef)
cpdef tuple in_order(tuple frames)
