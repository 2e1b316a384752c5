from dissector.model cimport FrameRef

cdef class Packet:
    cdef readonly int type
    cdef public int flags
    cdef readonly long long remaining_length
    cdef public long long size
    cdef public FrameRef frame
    cdef public FrameRef first
    cdef readonly bytes raw
    cdef readonly tuple defects
    cdef readonly tuple secrets
    cdef bytes _masked
    cpdef code(self)
    cdef head(self, int packet_type, int flags, long long remaining_length, long long size, FrameRef frame, FrameRef first, bytes raw, tuple defects, tuple secrets)

cdef class Connect(Packet):
    cdef readonly str protocol_name
    cdef readonly int protocol_level
    cdef public object version
    cdef readonly bint bridge
    cdef readonly int connect_flags
    cdef public str client_id
    cdef readonly bint clean_session
    cdef readonly int keep_alive
    cdef readonly str username
    cdef readonly bytes password
    cdef readonly bint will_flag
    cdef readonly str last_will_topic
    cdef readonly int last_will_qos
    cdef readonly bytes last_will_message
    cdef readonly bint last_will_retain
    cdef readonly tuple properties
    cdef readonly tuple last_will_properties
    cdef readonly bint complete
    cdef tail(self, str protocol_name, int protocol_level, version, bint bridge, int connect_flags, str client_id, bint clean_session, int keep_alive, str username, bytes password, bint will_flag, str last_will_topic, int last_will_qos, bytes last_will_message, bint last_will_retain, tuple properties, tuple last_will_properties, bint complete)

cdef class Connack(Packet):
    cdef public object version
    cdef readonly int acknowledge_flags
    cdef readonly object session_present
    cdef readonly object return_code
    cdef readonly tuple properties
    cdef tail(self, version, int acknowledge_flags, session_present, return_code, tuple properties)

cdef class _Reasoned(Packet):
    cdef readonly object side
    cdef public object version
    cdef readonly int reason_code
    cdef readonly tuple properties
    cdef tail(self, side, version, int reason_code, tuple properties)

cdef class Disconnect(_Reasoned):
    pass

cdef class Auth(_Reasoned):
    pass
