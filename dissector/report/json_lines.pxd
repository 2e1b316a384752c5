cimport cython
from dissector.connections.handshake cimport Handshake
from dissector.report.json_buffer cimport JsonBuffer
from dissector.report.json_writer cimport JsonWriter, Plan

cdef class JsonLines:
    cdef object _stream
    cdef readonly JsonWriter _writer
    cdef JsonBuffer _buffer
    cdef int _limit
    cdef bint _eager
    cdef Plan _handshakes
    cdef Plan _findings
    cdef dict _plans
    cpdef Plan plan(self, str kind, tuple members)
    cpdef handshake(self, Handshake record)
    cpdef finding(self, record)
    @cython.locals(plan=Plan)
    cpdef line(self, str kind, tuple members, record)
    cdef _end_line(self)
    cdef _flush(self)
