cimport cython
from dissector.connections.handshake cimport Handshake
from dissector.model cimport FrameRef
from dissector.mqtt.packets.connack cimport Connack

cdef object _V5_0
cdef dict _NAMES
cdef dict _NAMES_5_0

@cython.locals(numbers=dict, frames=tuple, file=str, frame=FrameRef, first=FrameRef, second=FrameRef)
cpdef str display_filter(finding)
@cython.locals(names=dict, name=str)
cpdef str return_code_name(Connack packet)
cpdef auth_rounds(Handshake record)
