cimport cython
from dissector.capture.batch cimport Batch

@cython.final
cdef class PcapWalker:
    cdef public Py_ssize_t need
    cdef public Py_ssize_t passed
    cdef public str damage
    cdef public list notes
    cdef public list links
    cdef public int digits
    cdef bint big
    cdef bint swapped
    cdef long long limit
    cdef long long unit
    cdef long long link
    cdef object record

    @cython.locals(
        offset="long long[::1]", captured="long long[::1]", original="long long[::1]",
        time_ns="long long[::1]", link="long long[::1]", octets="const unsigned char *",
        size=Py_ssize_t, count=Py_ssize_t, room=Py_ssize_t, start=Py_ssize_t, stop=Py_ssize_t,
        seconds=cython.longlong, fraction=cython.longlong, held=cython.longlong,
        sent=cython.longlong, limit=cython.longlong, unit=cython.longlong,
        number=cython.longlong, big=bint,
    )
    cpdef Py_ssize_t walk(self, bytes window, Py_ssize_t at, Batch batch) except -1
