cdef class FrameRef:
    cdef readonly str file
    cdef readonly long long number
    cdef readonly long long time_ns
