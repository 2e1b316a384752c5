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
