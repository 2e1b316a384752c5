cimport cython

from dissector.net.consumer cimport Consumer
from dissector.net.half cimport Half
from dissector.net.keeper cimport Keeper
from dissector.net.pending cimport Pending
from dissector.net.segment cimport Segment

cdef int FIN, RST
cdef long long LATE_NS

cdef class View:
    cdef readonly Keeper keeper
    cdef public Consumer consumer
    cdef readonly long long last_time_ns
    cdef public long long stream
    cdef readonly long long first_frame
    cdef readonly long long backs
    cdef readonly bint strayed
    cdef readonly bint disordered
    cdef readonly bint late
    cdef readonly bint limited
    cdef readonly bint lingering
    cdef readonly bint over

    cdef begin_view(self, Keeper keeper, long long stream)
    cdef long long position(self, int side) except *
    cdef wait_for(self, long long need)
    cdef linger(self)
    cdef abandon(self)

cdef class Delivery(Half):
    cdef public View view
    cdef readonly long long mark
    cdef readonly long long mark_time
    cdef readonly long long mark_next
    cdef readonly long long mark_stop

    cdef begin_delivery(self, View view, int side)

    @cython.locals(start=cython.Py_ssize_t, stop=cython.Py_ssize_t, end=cython.longlong, skip=cython.longlong, pending=Pending, free=cython.longlong, middle=cython.Py_ssize_t, cut=cython.longlong, need=cython.longlong)
    cdef insert(self, long long at, Segment s)

    @cython.locals(peer=Half, need=cython.longlong)
    cdef long long _need(self, Segment s) except *

    @cython.locals(keeper=Keeper, before=cython.longlong, piece=tuple)
    cdef _keep(self, long long at, long long end, Py_ssize_t start, Py_ssize_t stop, Segment s, long long need)
    cdef _compare(self, long long at, bytes data, Segment s)
    cdef _conflict(self, Segment s)

    @cython.locals(view=View, consumer=Consumer, length=cython.longlong)
    cdef bint _give(self, bytes window, Py_ssize_t start, Py_ssize_t stop, long long cut, long long frame, long long time_ns, long long serial, long long origin, long long need) except -1

    @cython.locals(view=View, consumer=Consumer)
    cdef bint _miss(self, long long missing, long long frame, long long time_ns, str reason) except -1

    @cython.locals(pending=Pending)
    cdef leave(self, long long stop, long long frame, long long time_ns, str reason)

    @cython.locals(at=cython.longlong, end=cython.longlong, data=bytes, own=cython.longlong, own_time=cython.longlong, serial=cython.longlong, origin=cython.longlong, length=cython.longlong, need=cython.longlong)
    cdef _drain(self, long long frame, long long time_ns)
    cdef end(self, long long at, Segment s)
    cdef _close_in_order(self)

    @cython.locals(view=View)
    cdef close(self, int how, long long frame, long long time_ns)

    @cython.locals(view=View, consumer=Consumer, late=cython.bint)
    cdef tell_closed(self)

    @cython.locals(stop=cython.longlong, keeper=Keeper)
    cdef watch(self, long long total, Segment s)

    @cython.locals(stop=cython.longlong, frame=cython.longlong)
    cdef give_up(self, long long time_ns)
