cimport cython
from dissector.model cimport FrameRef
from dissector.mqtt.fields cimport Reader

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
    cdef bytes _masked
    cpdef set_defaults(self)
    cpdef bint decode_usual(self, bytes raw, version, side) except -1
    cpdef decode_body(self, Reader reader, version, side)
    cpdef code(self)
    @cython.locals(offset=Py_ssize_t, length=Py_ssize_t, stop=Py_ssize_t, hidden=bytes)
    cpdef bytes masked(self)

cdef class Reasoned(Packet):
    cdef public object side
    cdef public object version
    cdef public int reason_code
    cdef public tuple properties
    cpdef set_defaults(self)
    cpdef code(self)
