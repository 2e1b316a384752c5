cimport cython
from dissector.connections.handshake cimport Close, Handshake
from dissector.model cimport Endpoint, FrameRef
from dissector.mqtt.packets cimport Connack, Connect

cdef str _NOWHERE
cdef object _V5_0
cdef dict _VERSIONS, _OUTCOMES, _TRUTH

cdef class HandshakeText:
    cdef object _writer
    cdef object _encode
    cdef int _digits
    cdef long long _second
    cdef str _second_text
    cdef str _file
    cdef str _file_text
    cdef dict _secrets
    cdef dict _known_properties
    cdef dict _codes
    cdef dict _codes_5
    @cython.locals(connect=str, connack=str, ends=str, latency=str, client=Endpoint, server=Endpoint, rounds=cython.longlong)
    cpdef str text(self, Handshake record)
    @cython.locals(name=str, client_id=str, username=str, topic=str, will=str, message=bytes, password=str, properties=str, will_properties=str)
    cdef str _connect(self, Connect packet)
    @cython.locals(properties=str)
    cdef str _connack(self, Connack packet)
    @cython.locals(known=dict)
    cdef str _code(self, code, version)
    cdef str _close(self, Close close)
    @cython.locals(time_ns=cython.longlong, second=cython.longlong, rest=cython.longlong)
    cdef str _place(self, FrameRef frame)
    cdef str _secret(self, bytes secret)
    @cython.locals(text=str)
    cdef str _properties(self, tuple properties)

cdef str _endpoint(Endpoint end)
cdef str _quoted(str text)
@cython.locals(char=cython.Py_UCS4)
cdef bint _plain(str text) except -1
