cimport cython
from dissector.mqtt.fields cimport Reader
from dissector.mqtt.packets cimport Auth, Connack, Connect, Disconnect, Packet

cdef object _V3_1, _V3_1_1, _V5_0, _CLIENT, _SERVER
cdef bytes _HAS_REQUIRED_FLAGS

@cython.locals(packet_type=cython.int)
cpdef tuple header_defects(int first, long long remaining_length, int header_size)
@cython.locals(remaining=cython.longlong, header_size=cython.int, first=cython.int, packet_type=cython.int, reader=Reader, packet=Packet)
cpdef Packet decode_packet(bytes raw, version=*, side=*)
@cython.locals(size=Py_ssize_t, flags=cython.int, code=cython.int, connack=Connack, disconnect=Disconnect)
cdef Packet _plain(bytes raw, version, side)
@cython.locals(body=Py_ssize_t, size=cython.longlong, left=Py_ssize_t, flags=cython.int, connack=Connack)
cdef Connack _connack(Reader reader, int first, long long remaining, bytes raw, version)
@cython.locals(body=Py_ssize_t, code=cython.int, disconnect=Disconnect)
cdef Disconnect _disconnect(Reader reader, int first, long long remaining, bytes raw, version, side)
cdef _disconnect_code(Reader reader, int code, side)
@cython.locals(body=Py_ssize_t, code=cython.int)
cdef Auth _auth(Reader reader, int first, long long remaining, bytes raw, side)
