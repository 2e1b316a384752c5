cimport cython
from dissector.mqtt.fields cimport Reader
from dissector.mqtt.packets.packet cimport Packet

cdef int _CONNACK
cdef object _V3_1, _V3_1_1, _V5_0

cdef class Connack(Packet):
    cdef public object version
    cdef public int acknowledge_flags
    cdef public object session_present
    cdef public object return_code
    cdef public tuple properties
    cpdef set_defaults(self)
    @cython.locals(flags=cython.int, code=cython.int)
    cpdef bint decode_usual(self, bytes raw, version, side) except -1
    @cython.locals(body=Py_ssize_t, remaining=cython.longlong, left=Py_ssize_t, flags=cython.int)
    cpdef decode_body(self, Reader reader, version, side)
    cpdef code(self)
