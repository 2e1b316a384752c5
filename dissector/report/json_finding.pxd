cimport cython
from dissector.model cimport Endpoint, FrameRef
from dissector.report.json_buffer cimport JsonBuffer

cdef class FindingText:
    cdef object _writer
    cdef JsonBuffer _buffer
    cpdef bytes text(self, record, str start)
    cpdef bint line(self, record, str start) except -1
    @cython.locals(buffer=JsonBuffer)
    cdef _write(self, record, str start)
    @cython.locals(buffer=JsonBuffer, frame=FrameRef, between=str)
    cdef _frames(self, tuple frames)
    @cython.locals(buffer=JsonBuffer, frame=FrameRef, between=str, numbers=dict)
    cdef _filter(self, tuple frames, str file, at)
    @cython.locals(buffer=JsonBuffer, between=str)
    cdef _evidence(self, dict evidence)
    @cython.locals(buffer=JsonBuffer, between=str)
    cdef _value(self, value)
    @cython.locals(buffer=JsonBuffer)
    cdef _end(self, Endpoint end)
