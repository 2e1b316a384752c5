cimport cython
from dissector.connections.handshake cimport Handshake
from dissector.report.json_handshake cimport HandshakeText

cdef class JsonLines:
    cdef public object _stream
    cdef public object _writer
    cdef public str _engine
    cdef public int _limit
    cdef public bint _eager
    cdef public list _lines
    cdef public object _encode
    cdef public HandshakeText _quick
    @cython.locals(text=bytes)
    cpdef handshake(self, Handshake record)
    cpdef _flush(self)
