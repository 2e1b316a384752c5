cimport cython
from dissector.model cimport Endpoint, FrameRef
from dissector.mqtt.packets.connack cimport Connack
from dissector.mqtt.packets.connect cimport Connect

cdef class Close:
    cdef readonly object by
    cdef readonly str how
    cdef readonly FrameRef frame
    cdef begin(self, by, str how, FrameRef frame)

cdef class Handshake:
    cdef public long long id
    cdef public long long stream
    cdef public str transport
    cdef public object version
    cdef readonly bint bridge
    cdef public object outcome
    cdef public Endpoint client
    cdef public Endpoint server
    cdef public Connect connect
    cdef public Connack connack
    cdef public tuple auths
    cdef readonly object latency
    cdef public Close close
    cdef public object encapsulation
    cdef public long long capture
    cdef public object unfinished
    cdef begin(self, long long number, long long stream, str transport, version, bint bridge, outcome, Endpoint client, Endpoint server, Connect connect)
