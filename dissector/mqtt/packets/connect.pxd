cimport cython
from dissector.mqtt.fields cimport Reader
from dissector.mqtt.packets.packet cimport Packet

cdef int _CONNECT, _WILL_PROPERTIES, _RESERVED, _CLEAN, _WILL, _WILL_QOS, _WILL_RETAIN, _PASSWORD, _USERNAME
cdef object _V3_1, _V3_1_1, _V5_0
cdef tuple _VERSIONS
cdef dict _WILL_FIELDS
cdef bytes _LETTERS_DIGITS

cdef class Connect(Packet):
    cdef public str protocol_name
    cdef public int protocol_level
    cdef public object version
    cdef public bint bridge
    cdef public int connect_flags
    cdef public bint last_will_retain
    cdef public int last_will_qos
    cdef public bint will_flag
    cdef public bint clean_session
    cdef public int keep_alive
    cdef public tuple properties
    cdef public str client_id
    cdef public tuple last_will_properties
    cdef public str last_will_topic
    cdef public bytes last_will_message
    cdef public str username
    cdef public bytes password
    cdef public bint complete
    cpdef set_defaults(self)
    cpdef decode_body(self, Reader reader, version, side)

@cython.locals(data=bytes, size=Py_ssize_t, known=cython.bint, old=cython.bint, start=Py_ssize_t, at=Py_ssize_t, wire_level=cython.int, level=cython.int, flags=cython.int, keep_alive=cython.int)
cdef _variable_header(Reader reader, Connect connect)
@cython.locals(flags=cython.int, client_id=str, start=Py_ssize_t, mark=Py_ssize_t, known=Py_ssize_t)
cdef _payload(Reader reader, Connect connect)
@cython.locals(start=Py_ssize_t, part=cython.Py_UCS4)
cdef _will(Reader reader, Connect connect, str order)
@cython.locals(start=Py_ssize_t, size=Py_ssize_t)
cdef _will_message(Reader reader, Connect connect)
@cython.locals(flags=cython.int, start=Py_ssize_t, lenient=cython.bint)
cdef _credentials(Reader reader, Connect connect)
@cython.locals(start=Py_ssize_t, at=Py_ssize_t, stop=Py_ssize_t, size=Py_ssize_t, problem=cython.int, data=bytes, raw=bytes)
cdef str _text(Reader reader, str name)
@cython.locals(size=Py_ssize_t, client_id=str)
cdef _client_id(Reader reader, Connect connect, Py_ssize_t start)
@cython.locals(index=Py_ssize_t)
cdef bint _portable(bytes data, Py_ssize_t start, Py_ssize_t stop) except -1
@cython.locals(trial=Reader, other=Connect)
cdef _other_order(Reader reader, Connect connect, Py_ssize_t mark, Py_ssize_t known)
