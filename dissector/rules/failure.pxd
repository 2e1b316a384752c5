cimport cython
from dissector.connections.connection cimport Connection
from dissector.model cimport FrameRef
from dissector.mqtt.packets.packet cimport Packet

@cython.final
@cython.freelist(16)
@cython.no_gc
cdef class Failure:
    cdef public str message
    cdef public FrameRef at
    cdef public tuple frames
    cdef public dict evidence
    cdef public object side
    cdef public tuple statements
    cdef public str section
    cdef public object severity
    cdef public object confidence
    cdef public object obligation
    cdef public object time_ns
    cdef public Packet packet
    cdef public tuple span

@cython.final
@cython.freelist(16)
@cython.no_gc
cdef class DefectFact:
    cdef readonly object defect
    cdef readonly Packet packet
    cdef readonly object side
    cdef readonly FrameRef frame
    cdef readonly Connection connection

@cython.locals(made=DefectFact)
cdef DefectFact defect_fact(defect, Packet packet, side, Connection connection)
@cython.locals(made=Failure)
cdef Failure _failure_of(DefectFact fact, str message, dict evidence, tuple statements, str section, severity, confidence, obligation)
cdef dict _evidence(defect)
