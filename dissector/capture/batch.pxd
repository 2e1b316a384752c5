cimport cython

@cython.final
cdef class Batch:
    cdef public bytes window
    cdef public Py_ssize_t count
    cdef public Py_ssize_t file
    cdef public long long first_number
    cdef public long long[::1] offset
    cdef public long long[::1] captured
    cdef public long long[::1] original
    cdef public long long[::1] time_ns
    cdef public long long[::1] link
