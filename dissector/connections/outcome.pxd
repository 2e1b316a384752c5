cimport cython
from dissector.connections.connection cimport Connection, CaptureQuality
from dissector.mqtt.packets.connack cimport Connack
from dissector.mqtt.packets.connect cimport Connect

cdef object _INCOMPLETE, _INVALID, _ACCEPTED, _REFUSED, _UNANSWERED

@cython.locals(connect=Connect, connack=Connack, accepted=cython.bint)
cpdef outcome(Connection connection)
@cython.locals(quality=CaptureQuality)
cdef bint _answer_may_be_hidden(Connection connection, Connect connect) except -1
