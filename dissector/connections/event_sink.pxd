from dissector.connections.connection cimport Connection
from dissector.model cimport FrameRef
from dissector.mqtt.packets cimport Packet

cdef class EventSink:
    cpdef defects(self, Connection connection, Packet packet, side)
    cpdef answered(self, Connection connection)
    cpdef not_judged(self, Connection connection, Packet packet)
    cpdef closing(self, Connection connection)
    cpdef ended(self, Connection connection)
    cpdef limited(self, str kind, str message, FrameRef frame, long long stream)
    cpdef encrypted(self, record)
    cpdef packet(self, Connection connection, Packet packet, side)
