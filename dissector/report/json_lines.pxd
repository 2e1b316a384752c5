cimport cython
from dissector.connections.handshake cimport Handshake
from dissector.report.json_finding cimport FindingText
from dissector.report.json_handshake cimport HandshakeText
from dissector.report.json_buffer cimport JsonBuffer

cdef class JsonLines:
    cdef public object _stream
    cdef public object _writer
    cdef public str _engine
    cdef public int _limit
    cdef readonly bint _eager
    cdef public object _encode
    cdef HandshakeText _handshakes
    cdef FindingText _findings
    cdef JsonBuffer _buffer
    cpdef handshake(self, Handshake record)
    cpdef finding(self, record)
    cpdef _flush(self)
