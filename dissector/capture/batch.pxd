cimport cython

from dissector.integers cimport IntegerArray

@cython.final
cdef class Batch:
    cdef public bytes window
    cdef public Py_ssize_t count
    cdef public Py_ssize_t file
    cdef public long long first_number
    cdef public IntegerArray offset
    cdef public IntegerArray captured
    cdef public IntegerArray original
    cdef public IntegerArray time_ns
    cdef public IntegerArray link
