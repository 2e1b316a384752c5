cimport cython
from dissector.connections.connection cimport CaptureQuality, Connection, PacketRef
from dissector.connections.handshake cimport Handshake
from dissector.connections.secrets cimport password_facts
from dissector.model cimport Endpoint, FrameRef
from dissector.mqtt.packets.connack cimport Connack
from dissector.mqtt.packets.connect cimport Connect

cdef object _INCOMPLETE, _SERVER

@cython.freelist(16)
@cython.final
cdef class ConnectionRecord:
    cdef readonly long long stream
    cdef readonly object handshake
    cdef readonly FrameRef first
    cdef readonly Endpoint client
    cdef readonly Endpoint server
    cdef readonly str client_ip
    cdef readonly str client_mac
    cdef readonly str transport
    cdef readonly object version
    cdef readonly bint bridge
    cdef readonly str host
    cdef readonly str path
    cdef readonly str forwarded
    cdef readonly tuple forwarders
    cdef readonly bint login_possible
    cdef readonly bint behind_tls_proxy
    cdef readonly long long opened_ns
    cdef readonly long long last_data_ns
    cdef readonly long long ended_ns
    cdef readonly long long client_bytes
    cdef readonly long long server_bytes
    cdef readonly tuple closes
    cdef readonly bint syn_seen
    cdef readonly bint conflict
    cdef readonly str incomplete_reason
    cdef readonly tuple foreign_answer
    cdef readonly bint has_data
    cdef readonly bint served
    cdef readonly bint server_spoke
    cdef readonly object outcome
    cdef readonly bint has_connect
    cdef readonly FrameRef connect_frame
    cdef readonly FrameRef connect_first
    cdef readonly str client_id
    cdef readonly str username
    cdef readonly int protocol_level
    cdef readonly int connect_flags
    cdef readonly int keep_alive
    cdef readonly bint clean
    cdef readonly bint complete
    cdef readonly str method
    cdef readonly str last_will_topic
    cdef readonly tuple will
    cdef readonly tuple properties
    cdef readonly bint has_connack
    cdef readonly FrameRef connack_frame
    cdef readonly object code
    cdef readonly tuple connack_properties
    cdef readonly str secret
    cdef readonly str password_hash
    cdef readonly bint empty_password
    cdef readonly object password
    cdef readonly str will_content
    cdef readonly tuple findings
    cdef readonly tuple malformed
    cdef readonly tuple unjudged
    @cython.locals(quality=CaptureQuality, handshake=Handshake, connack=Connack, packet=PacketRef)
    cdef _fill(self, Connection connection)
    cdef _connect(self, Connect connect)

cdef class RecordMaker:
    cdef bytes _key
    cdef long long _short_password
    cdef long long _derived_length
    cdef set _answered
    cpdef begin_capture(self)
    @cython.locals(connect=Connect, connack=Connack, record=ConnectionRecord)
    cpdef ConnectionRecord answered(self, Connection connection)
    @cython.locals(record=ConnectionRecord)
    cpdef ConnectionRecord ended(self, Connection connection)
    @cython.locals(password=bytes)
    cdef _secrets(self, ConnectionRecord record, Connect connect)

cdef tuple _facts(tuple findings)
cpdef tuple encapsulation_facts(encapsulation)
cpdef tuple client_address(Endpoint client, encapsulation)
cpdef tuple public_properties(tuple properties)
