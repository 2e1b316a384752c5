cimport cython
from dissector.connections.connection cimport Connection
from dissector.integers cimport IntegerArray
from dissector.model cimport Endpoint, FrameRef
from dissector.mqtt.packets cimport Packet
from dissector.net.reassembly cimport TcpConnection

cdef long long _NUMBER

cdef class EventSink:
    cpdef defects(self, Connection connection, Packet packet, side)
    cpdef answered(self, Connection connection)
    cpdef not_judged(self, Connection connection, Packet packet)
    cpdef ended(self, Connection connection)
    cpdef limited(self, str kind, str message, FrameRef frame, long long stream)
    cpdef encrypted(self, record)
    cpdef packet(self, Connection connection, Packet packet, side)

cdef class KnownServer:
    cdef readonly Endpoint endpoint
    cdef public bytes mac
    cdef public frozenset versions
    cdef public dict assigned
    cdef public long long last_seen_ns
    cdef public bint bytes_missing
    cpdef accepts(self, version)

cdef class AnalysisContext:
    cdef readonly EventSink sink
    cdef public str unread_advice
    cdef public list files
    cdef public frozenset ports
    cdef readonly frozenset tls_ports
    cdef public object decrypted
    cdef readonly bint keep_all
    cdef readonly object deadlines
    cdef readonly long long close_ns
    cdef readonly long long connack_ns
    cdef readonly IntegerArray counts
    cdef readonly long long mqtt_connections
    cdef public long long handshakes
    cdef public long long tls_handshakes
    cdef public object on_packet
    cdef public bint watched
    cdef public long long dropped_ns
    cdef readonly dict other
    cdef readonly dict other_ports
    cdef readonly object inflaters
    cdef readonly object proven
    cdef readonly dict _formatted
    cdef dict _servers
    cdef long long _known_servers
    @cython.locals(file=str)
    cpdef FrameRef frame(self, long long key, long long time_ns)
    cpdef Endpoint endpoint(self, bytes ip, int port, bytes mac)
    @cython.locals(known=str, size=Py_ssize_t)
    cdef str _format(self, bytes address)
    @cython.locals(known=KnownServer, there=dict)
    cpdef KnownServer server(self, bytes ip, int port, bytes mac)
    @cython.locals(port=cython.int)
    cpdef other_traffic(self, str kind, TcpConnection tcp)
    @cython.locals(ports=dict)
    cpdef count_other(self, str kind, int port)
