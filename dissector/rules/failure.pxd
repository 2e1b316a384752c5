cimport cython
from dissector.connections.connection cimport Connection
from dissector.model cimport FrameRef
from dissector.mqtt.packets.packet cimport Packet

@cython.final
@cython.freelist(16)
@cython.no_gc
cdef class Failure:
    cdef readonly str message
    cdef readonly FrameRef at
    cdef readonly tuple frames
    cdef readonly dict evidence
    cdef readonly object side
    cdef readonly tuple statements
    cdef readonly str section
    cdef readonly object severity
    cdef readonly object confidence
    cdef readonly object obligation
    cdef readonly object time_ns
    cdef readonly Packet packet
    cdef readonly tuple span

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
cdef dict _evidence(defect)
