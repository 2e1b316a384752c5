cimport cython
from dissector.connections.handshake cimport Handshake
from dissector.report.json_finding cimport FindingText
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
    cdef public FindingText _quick_finding
    @cython.locals(text=bytes)
    cpdef handshake(self, Handshake record)
    @cython.locals(text=bytes)
    cpdef finding(self, record)
    cdef _add(self, bytes line)
    cpdef _flush(self)
