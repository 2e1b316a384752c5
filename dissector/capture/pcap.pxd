cimport cython
from dissector.capture.batch cimport Batch

@cython.final
cdef class PcapWalker:
    cdef readonly Py_ssize_t need
    cdef public Py_ssize_t skipped_numbers
    cdef public str damage
    cdef readonly list notes
    cdef public list links
    cdef public int digits
    cdef bint big
    cdef bint swapped
    cdef long long limit
    cdef long long unit
    cdef long long link
    cdef object record

    @cython.locals(
        offset=cython.p_longlong, captured=cython.p_longlong, original=cython.p_longlong,
        time_ns=cython.p_longlong, link=cython.p_longlong, pointer="const unsigned char *",
        size=Py_ssize_t, count=Py_ssize_t, room=Py_ssize_t, start=Py_ssize_t, stop=Py_ssize_t,
        seconds=cython.longlong, fraction=cython.longlong, held=cython.longlong,
        sent=cython.longlong, limit=cython.longlong, unit=cython.longlong,
        number=cython.longlong, big=bint,
    )
    cpdef Py_ssize_t walk(self, bytes window, Py_ssize_t at, Batch batch) except -1
