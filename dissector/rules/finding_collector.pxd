cimport cython
from dissector.connections.connection cimport Connection
from dissector.connections.handshake cimport Handshake
from dissector.connections.event_sink cimport EventSink
from dissector.activity.servers cimport AcceptingServers
from dissector.model cimport FrameRef
from dissector.mqtt.packets.connect cimport Connect
from dissector.mqtt.packets.packet cimport Packet
from dissector.rules.judge cimport Judge

cdef object _ACCEPTED
cdef unsigned long long _WITH_DEFECT

cdef class FindingCollector(EventSink):
    cdef object _handshake
    cdef object _finding
    cdef object _warning
    cdef object _encrypted
    cdef frozenset _streams
    cdef frozenset _clients
    cdef bint _all
    cdef Judge _judge
    cdef public object known
    cdef dict _outcomes
    cdef long long _accepted
    cdef AcceptingServers _servers
    cdef dict _severities
    cdef readonly long long undecrypted
    cpdef defects(self, Connection connection, Packet packet, side)
    cpdef answered(self, Connection connection)
    cpdef not_judged(self, Connection connection, Packet packet)
    cpdef ended(self, Connection connection)
    cpdef note_server(self, Connection connection)
    @cython.locals(handshake=Handshake)
    cdef _count(self, Connection connection)
    cpdef encrypted(self, record)
    cpdef limited(self, str kind, str message, FrameRef frame, long long stream)
    cdef bint _is_selected(self, Connection connection) except -1

@cython.locals(connect=Connect)
cpdef bint is_selected(Connection connection, frozenset streams, frozenset clients) except -1
