cimport cython
from dissector.connections.handshake cimport Close, Handshake
from dissector.model cimport Endpoint, FrameRef
from dissector.mqtt.packets.connack cimport Connack
from dissector.mqtt.packets.connect cimport Connect
from dissector.report.json_buffer cimport JsonBuffer

cdef Py_ssize_t _SECRETS_KEPT, _SECONDS_KEPT, _PROPERTIES_KEPT
cdef str _NO_FRAME
cdef object _V5_0, _CLIENT
cdef dict _VERSIONS, _OUTCOMES
cdef str _CLEAN, _NOT_CLEAN, _RETAIN, _NO_RETAIN, _ABSENT, _PRESENT, _NOT_PRESENT

cdef class HandshakeText:
    cdef object _writer
    cdef object _encode
    cdef JsonBuffer _buffer
    cdef bint _shown
    cdef bint _several
    cdef bytes _key
    cdef int _digits
    cdef long long _second
    cdef str _second_text
    cdef dict _seconds
    cdef str _file
    cdef str _file_text
    cdef dict _fingerprints
    cdef dict _known_properties
    cdef dict _codes
    cdef dict _codes_5
    cpdef bytes text(self, Handshake record, str start)
    cpdef bint line(self, Handshake record, str start) except -1
    @cython.locals(buffer=JsonBuffer)
    cdef _write(self, Handshake record, str start)
    @cython.locals(buffer=JsonBuffer)
    cdef _endpoint(self, Endpoint end)
    @cython.locals(buffer=JsonBuffer)
    cdef _connect(self, Connect packet)
    @cython.locals(buffer=JsonBuffer)
    cdef _connack(self, Connack packet)
    @cython.locals(known=dict, text=str)
    cdef str _code(self, code, version)
    @cython.locals(buffer=JsonBuffer)
    cdef _close(self, Close close)
    @cython.locals(buffer=JsonBuffer, time_ns=cython.longlong, second=cython.longlong, rest=cython.longlong)
    cdef _place(self, FrameRef frame)
    @cython.locals(text=str)
    cdef str _second_of(self, long long second)
    @cython.locals(buffer=JsonBuffer, digest=str)
    cdef _secret(self, bytes secret)
    @cython.locals(text=str)
    cdef _properties(self, tuple properties)
