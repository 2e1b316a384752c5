cimport cython
from dissector.capture.batch cimport Batch

@cython.final
cdef class InterfaceDescription:
    cdef public long long link
    cdef readonly long long snaplen
    cdef readonly int resolution
    cdef public object offset
    cdef readonly long long factor
    cdef readonly long long max_ticks
    cdef readonly long long offset_ns

@cython.final
cdef class PcapngWalker:
    cdef readonly Py_ssize_t need
    cdef public Py_ssize_t skipped_numbers
    cdef public str damage
    cdef readonly list notes
    cdef public list links
    cdef set seen_links
    cdef public int digits
    cdef readonly list comments
    cdef readonly list secrets
    cdef bint big
    cdef list interfaces
    cdef long long last_ns
    cdef Py_ssize_t kept
    cdef set noted

    @cython.locals(
        offset=cython.p_longlong, captured=cython.p_longlong, original=cython.p_longlong,
        time_ns=cython.p_longlong, link=cython.p_longlong,
        size=Py_ssize_t, left=Py_ssize_t, count=Py_ssize_t, room=Py_ssize_t, start=Py_ssize_t,
        kind=cython.longlong, length=cython.longlong, index=cython.longlong,
        high=cython.longlong, low=cython.longlong, held=cython.longlong, sent=cython.longlong,
        trailer=cython.longlong, magic=cython.longlong, ticks=cython.longlong,
        known=cython.longlong, now=cython.longlong, big=bint, interface=InterfaceDescription,
    )
    cpdef Py_ssize_t walk(self, bytes window, Py_ssize_t at, Batch batch) except -1
