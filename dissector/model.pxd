cimport cython

@cython.final
cdef class Endpoint:
    cdef readonly str ip
    cdef readonly int port
    cdef readonly str mac

@cython.final
cdef class FrameRef:
    cdef readonly str file
    cdef readonly long long number
    cdef readonly long long time_ns

@cython.locals(made=Endpoint)
cpdef Endpoint endpoint(str ip, int port, str mac)
@cython.locals(made=FrameRef)
cpdef FrameRef frame_ref(str file, long long number, long long time_ns)

@cython.final
@cython.no_gc
cdef class Classification:
    cdef readonly str rule
    cdef readonly str name
    cdef readonly object severity
    cdef readonly object obligation
    cdef readonly object confidence
    cdef readonly tuple statements
    cdef readonly str section
    cdef readonly object version
    cdef readonly object side

@cython.final
@cython.freelist(64)
@cython.no_gc
cdef class Finding:
    cdef readonly Classification classification
    cdef readonly object handshake
    cdef readonly long long stream
    cdef readonly str client_id
    cdef readonly str file
    cdef readonly long long frame
    cdef readonly tuple frames
    cdef readonly long long time_ns
    cdef readonly str message
    cdef readonly dict evidence
    cdef readonly bytes packet
    cdef readonly tuple span
    cdef readonly Endpoint client
    cdef readonly Endpoint server
    cdef public long long capture
