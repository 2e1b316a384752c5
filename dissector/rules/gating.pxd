cimport cython
from dissector.connections.connection cimport CaptureQuality, Connection, PacketRef
from dissector.model cimport Finding, FrameRef
from dissector.mqtt.packets.packet cimport Packet

cdef object _CLIENT, _SERVER, _V5_0

@cython.locals(quality=CaptureQuality)
cpdef incomplete_before(Connection connection, side, FrameRef frame, bint from_start=*, bint across=*)
@cython.locals(gap=FrameRef, ref=PacketRef)
cdef bint _gap_before(Connection connection, side, FrameRef frame) except -1
@cython.locals(finding=Finding, at=FrameRef, answer=PacketRef)
cpdef missing_close_after(Connection connection, violations, str what)
@cython.locals(packet=Packet, until=cython.longlong)
cdef bint _disconnected_in_time(Connection connection, long long since_ns) except -1
@cython.locals(answer=PacketRef, ref=PacketRef, accepts=cython.bint)
cpdef accepting_answer(Connection connection, Finding finding)
@cython.locals(ref=PacketRef)
cdef PacketRef _first(Connection connection, long long order, tuple types)
cdef _unordered(Connection connection, FrameRef at, FrameRef answer)
