from dissector.model cimport FrameRef

cdef class Packet:
    cdef public int type
    cdef public int flags
    cdef public long long remaining_length
    cdef public long long size
    cdef public FrameRef frame
    cdef public FrameRef first
    cdef public bytes raw
    cdef public tuple defects
    cdef public tuple secrets
    cpdef code(self)
    cdef head(self, int packet_type, int flags, long long remaining_length, long long size, FrameRef frame, FrameRef first, bytes raw, tuple defects, tuple secrets)

cdef class Connect(Packet):
    cdef public str protocol_name
    cdef public int protocol_level
    cdef public object version
    cdef public bint bridge
    cdef public int connect_flags
    cdef public str client_id
    cdef public bint clean_session
    cdef public int keep_alive
    cdef public str username
    cdef public bytes password
    cdef public bint will_flag
    cdef public str last_will_topic
    cdef public int last_will_qos
    cdef public bytes last_will_message
    cdef public bint last_will_retain
    cdef public tuple properties
    cdef public tuple last_will_properties
    cdef public bint complete
    cdef tail(self, str protocol_name, int protocol_level, version, bint bridge, int connect_flags, str client_id, bint clean_session, int keep_alive, str username, bytes password, bint will_flag, str last_will_topic, int last_will_qos, bytes last_will_message, bint last_will_retain, tuple properties, tuple last_will_properties, bint complete)

cdef class Connack(Packet):
    cdef public object version
    cdef public int acknowledge_flags
    cdef public object session_present
    cdef public object return_code
    cdef public tuple properties
    cdef tail(self, version, int acknowledge_flags, session_present, return_code, tuple properties)

cdef class _Reasoned(Packet):
    cdef public object side
    cdef public object version
    cdef public int reason_code
    cdef public tuple properties
    cdef tail(self, side, version, int reason_code, tuple properties)

cdef class Disconnect(_Reasoned):
    pass

cdef class Auth(_Reasoned):
    pass
