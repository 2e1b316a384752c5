cimport cython
from dissector.connections.event_sink cimport EventSink
from dissector.connections.known_server cimport KnownServer
from dissector.integers cimport IntegerArray
from dissector.model cimport Endpoint, FrameRef
from dissector.net.flow_table cimport PortCounter
from dissector.net.reassembly cimport StreamDirection, TcpConnection

cdef long long _NUMBER

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
    cdef dict _other
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
    @cython.locals(direction=StreamDirection)
    cpdef Endpoint end_of(self, TcpConnection tcp, int side)
    @cython.locals(direction=StreamDirection)
    cdef KnownServer server_of(self, TcpConnection tcp, int side)
    @cython.locals(known=KnownServer, there=dict)
    cpdef KnownServer server(self, bytes ip, int port, bytes mac)
    @cython.locals(port=cython.int)
    cpdef other_traffic(self, str kind, TcpConnection tcp)
    @cython.locals(ports=PortCounter)
    cpdef count_other(self, str kind, int port)
