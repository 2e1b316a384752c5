cimport cython
from dissector.model cimport Endpoint, FrameRef
from dissector.report.pen cimport Pen

cdef class FindingText:
    cdef object _writer
    cdef Pen _pen
    cpdef bytes text(self, record, str start)
    cpdef bint line(self, record, str start) except -1
    @cython.locals(pen=Pen)
    cdef _write(self, record, str start)
    @cython.locals(pen=Pen, frame=FrameRef, between=str)
    cdef _frames(self, tuple frames)
    @cython.locals(pen=Pen, frame=FrameRef, between=str, numbers=dict)
    cdef _filter(self, tuple frames, str file, at)
    @cython.locals(pen=Pen, between=str)
    cdef _evidence(self, dict evidence)
    @cython.locals(pen=Pen, between=str)
    cdef _value(self, value)
    @cython.locals(pen=Pen)
    cdef _end(self, Endpoint end)
