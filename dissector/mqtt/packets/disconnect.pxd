cimport cython
from dissector.mqtt.fields cimport Reader
from dissector.mqtt.packets.packet cimport Reasoned

cdef int _DISCONNECT
cdef object _V3_1, _V3_1_1, _V5_0, _CLIENT, _SERVER

cdef class Disconnect(Reasoned):
    cpdef set_defaults(self)
    cpdef bint decode_usual(self, bytes raw, version, side) except -1
    @cython.locals(body=Py_ssize_t)
    cpdef decode_body(self, Reader reader, version, side)

cdef _check_code(Reader reader, int code, side)
