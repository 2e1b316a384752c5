from dissector.connections.connection cimport Connection
from dissector.model cimport FrameRef
from dissector.mqtt.packets.connect cimport Connect

cpdef append_bounded(list latest, item, Py_ssize_t limit=*)

cdef class Refusal:
    cdef readonly str client_id
    cdef readonly FrameRef frame
    cdef readonly str password
    cdef readonly str secret
    cdef readonly tuple server
    cdef readonly long long time_ns
    cdef readonly long long took_ns
    cdef readonly str username

cdef class Host:
    cdef readonly str ip
    cdef readonly str mac
    cdef readonly list denials
    cdef readonly list connects_without_id
    cdef readonly list silent
    cdef readonly list malformed_times
    cdef readonly dict throttled
    cdef readonly dict client_ids
    cdef readonly dict persistent_sessions
    cpdef note_denial(self, Refusal refusal)
    cpdef note_rejection(self, tuple server, long long now)

cdef class Client:
    cdef readonly dict live
    cdef readonly list connects
    cdef readonly list takeovers
    cdef public object known
    cdef public long long count

cdef class Takeover:
    cdef readonly str ip
    cdef readonly str mac
    cdef readonly long long stream
    cdef readonly str username
    cdef readonly FrameRef frame

cdef class Credential:
    cdef readonly dict client_ids
    cdef readonly dict hosts
    cdef readonly list frames

cdef class ServerHistory:
    cdef readonly long long bucket
    cdef readonly set newcomers
    cdef readonly object rates
