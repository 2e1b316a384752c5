cimport cython
from dissector.capture.batch cimport Batch

@cython.final
cdef class Interface:
    cdef public long long link
    cdef public long long snaplen
    cdef public int resolution
    cdef public object offset
    cdef public long long factor
    cdef public long long most
    cdef public long long offset_ns

@cython.final
cdef class PcapngWalker:
    cdef public Py_ssize_t need
    cdef public Py_ssize_t passed
    cdef public str damage
    cdef public list notes
    cdef public list links
    cdef public int digits
    cdef public list comments
    cdef public list secrets
    cdef bint big
    cdef list interfaces
    cdef long long last_ns
    cdef Py_ssize_t kept
    cdef set noted

    @cython.locals(
        offset="long long[::1]", captured="long long[::1]", original="long long[::1]",
        time_ns="long long[::1]", link="long long[::1]",
        size=Py_ssize_t, left=Py_ssize_t, count=Py_ssize_t, room=Py_ssize_t, start=Py_ssize_t,
        kind=cython.longlong, length=cython.longlong, index=cython.longlong,
        high=cython.longlong, low=cython.longlong, held=cython.longlong, sent=cython.longlong,
        trailer=cython.longlong, magic=cython.longlong, ticks=cython.longlong,
        known=cython.longlong, now=cython.longlong, big=bint, interface=Interface,
    )
    cpdef Py_ssize_t walk(self, bytes window, Py_ssize_t at, Batch batch) except -1
