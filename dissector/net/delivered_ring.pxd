cimport cython

from dissector.integers cimport IntegerArray

@cython.final
cdef class DeliveredRing:
    cdef readonly list windows
    cdef readonly long long serial
    cdef public long long count
    cdef readonly IntegerArray position
    cdef readonly IntegerArray start
    cdef readonly IntegerArray stop
    cdef readonly IntegerArray window
    cdef IntegerArray previous

    @cython.locals(serial=cython.longlong)
    cdef long long use(self, bytes window) except *

    @cython.locals(slot=cython.Py_ssize_t, handle=cython.longlong)
    cdef long long note(self, long long previous, long long position, long long serial, long long start, long long stop) except *

    @cython.locals(slot=cython.Py_ssize_t, end=cython.longlong, first=cython.longlong, start=cython.longlong, last=cython.longlong, serial=cython.longlong, low=cython.longlong, high=cython.longlong)
    cdef bint differs(self, long long handle, long long position, bytes data) except -1
