cimport cython
from dissector.connections.handshake cimport Close, Handshake
from dissector.model cimport Endpoint, FrameRef
from dissector.mqtt.packets.connack cimport Connack
from dissector.mqtt.packets.connect cimport Connect
from dissector.mqtt.packets.disconnect cimport Disconnect

cdef int _OPEN
cdef long long _ASSIGNED
cdef object _DEADLINES

cdef class PacketRef:
    cdef readonly int type
    cdef readonly int flags
    cdef readonly object side
    cdef readonly FrameRef frame
    cdef readonly long long order
    cdef readonly long long size
    cdef readonly object code

@cython.locals(made=PacketRef)
cpdef PacketRef packet_ref(int packet_type, int flags, side, FrameRef frame, long long order, long long size, code)

cdef class CloseEvent:
    cdef readonly object side
    cdef readonly str how
    cdef readonly FrameRef frame
    cdef begin(self, side, str how, FrameRef frame)

cdef class CaptureQuality:
    cdef public bint syn_seen
    cdef public bint both_seen
    cdef public bint conflict
    cdef readonly bint ambiguous
    cdef readonly bint foreign_segments
    cdef readonly bint monotonic_clock
    cdef readonly bint out_of_order
    cdef readonly bint foreign
    cdef readonly tuple foreign_answer
    cdef public bint dropped
    cdef public dict gaps
    cdef readonly dict gap_orders
    cdef public str gap_reason
    cdef public str ended
    cdef readonly long long ended_ns
    cdef readonly long long last_seen_ns
    cdef readonly long long server_seen_ns
    cdef begin(self)
    cpdef incomplete_reason(self)
    cpdef broken(self)

cdef class Connection:
    cdef public long long stream
    cdef public Endpoint client
    cdef public Endpoint server
    cdef public FrameRef first
    cdef public str transport
    cdef public object encapsulation
    cdef public object version
    cdef readonly bint bridge
    cdef public int phase
    cdef public long long connection_flags
    cdef public object deadlines
    cdef public CaptureQuality quality
    cdef public Connect connect
    cdef public object unfinished
    cdef public Connack connack
    cdef public tuple auths
    cdef public tuple disconnects
    cdef public list activity
    cdef public tuple closes
    cdef public Close close
    cdef public Handshake handshake
    cdef public tuple findings
    cdef public tuple malformed
    cdef public tuple withheld
    cdef public tuple connect_faults
    cdef public tuple connack_faults
    cdef readonly set unjudged
    cdef public long long kept_bytes
    cdef readonly long long opened_ns
    cdef readonly long long last_data_ns
    cdef public bint connect_delivered
    cdef public bint connack_read
    cdef public long long client_sent_bytes
    cdef public long long server_sent_bytes
    cdef public long long server_packets
    cdef public frozenset server_versions
    cdef public FrameRef id_assigned_before
    cdef begin(self, long long stream, Endpoint client, Endpoint server, FrameRef first)

    cpdef bint has_data(self) except -1
    @cython.locals(packet=PacketRef, others=cython.longlong)
    cpdef bint served(self) except -1
    @cython.locals(packet=Disconnect, event=CloseEvent)
    cpdef bint left_open(self, long long grace_ns) except -1
    @cython.locals(connect=Connect, connack=Connack)
    cpdef assigned_client_id(self)
    @cython.locals(connect=Connect, connack=Connack, deadline=cython.longlong)
    cpdef bint answered_within(self, long long limit_ns) except -1
