cimport cython
from dissector.mqtt.fields cimport Reader
from dissector.mqtt.packets.packet cimport Packet

cdef tuple _RECORDS
cdef int ENDLESS
cdef bytes _HAS_REQUIRED_FLAGS

@cython.locals(packet_type=cython.int)
cpdef tuple header_defects(int first, long long remaining_length, int header_size)
@cython.locals(remaining=cython.longlong, header_size=cython.int, first=cython.int, packet_type=cython.int, record=type, reader=Reader, packet=Packet)
cpdef Packet decode_packet(bytes raw, version=*, side=*)
