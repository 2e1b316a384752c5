cimport cython

from dissector.net.consumer cimport Consumer
from dissector.net.half cimport Half
from dissector.net.keeper cimport Keeper
from dissector.net.pending cimport Pending
from dissector.net.segment cimport Segment

cdef int UNDECIDED
cdef int WANTED
cdef int UNWANTED

@cython.final
cdef class Direction(Half):
    cdef public TcpConnection connection
    cdef public long long latest
    cdef public long long mark
    cdef public long long mark_time
    cdef public long long mark_next
    cdef public long long mark_stop

    @cython.locals(connection=TcpConnection, consumer=Consumer, back=cython.longlong, at=cython.longlong, length=cython.longlong)
    cdef receive(self, Segment s)

    @cython.locals(connection=TcpConnection)
    cdef _consider(self, Segment s)

    @cython.locals(ahead=cython.longlong, bound=cython.longlong)
    cdef _reset(self, Segment s)

    @cython.locals(connection=TcpConnection, length=cython.longlong, seq=cython.longlong, probe=cython.bint, ahead=cython.longlong, at=cython.longlong)
    cdef _place(self, Segment s)

    @cython.locals(start=cython.Py_ssize_t, stop=cython.Py_ssize_t, end=cython.longlong, skip=cython.longlong, pending=Pending, free=cython.longlong, middle=cython.Py_ssize_t, cut=cython.longlong)
    cdef _insert(self, long long at, Segment s)

    @cython.locals(keeper=Keeper, before=cython.longlong, piece=tuple)
    cdef _keep(self, long long at, long long end, Py_ssize_t start, Py_ssize_t stop, Segment s)
    cdef _compare(self, long long at, bytes data, Segment s)
    cdef _conflict(self, Segment s)

    @cython.locals(connection=TcpConnection, consumer=Consumer, length=cython.longlong)
    cdef bint _give(self, bytes window, Py_ssize_t start, Py_ssize_t stop, long long cut, long long frame, long long time_ns, long long serial, long long origin) except -1

    @cython.locals(connection=TcpConnection, consumer=Consumer)
    cdef bint _miss(self, long long missing, long long frame, long long time_ns, str reason) except -1

    @cython.locals(pending=Pending)
    cdef leave(self, long long stop, long long frame, long long time_ns, str reason)

    @cython.locals(at=cython.longlong, end=cython.longlong, data=bytes, own=cython.longlong, own_time=cython.longlong, serial=cython.longlong, origin=cython.longlong, length=cython.longlong)
    cdef _drain(self, long long frame, long long time_ns)
    cdef _end(self, long long at, Segment s)
    cdef _close_in_order(self)

    @cython.locals(connection=TcpConnection)
    cdef close(self, int how, long long frame, long long time_ns)

    @cython.locals(connection=TcpConnection, consumer=Consumer, late=cython.bint)
    cdef tell_closed(self)

    @cython.locals(stop=cython.longlong, keeper=Keeper)
    cdef watch(self, long long total, Segment s)

    @cython.locals(stop=cython.longlong, frame=cython.longlong)
    cdef give_up(self, long long time_ns)

@cython.final
cdef class TcpConnection:
    cdef public Keeper keeper
    cdef public long long stream
    cdef public long long serial
    cdef public Consumer consumer
    cdef public bytes key
    cdef public bytes ip_a
    cdef public bytes ip_b
    cdef public int port_a
    cdef public int port_b
    cdef public bint syn_seen
    cdef public bint synack_seen
    cdef public long long first_frame
    cdef public long long first_time_ns
    cdef public long long last_time_ns
    cdef public int state
    cdef public bint based
    cdef public bint lingering
    cdef public bint over
    cdef public Direction a
    cdef public Direction b

    cpdef Direction direction(self, int side)
    cdef decide(self)

    @cython.locals(total=cython.longlong, smooth=cython.bint)
    cdef settle(self, Segment s)
    cdef linger(self)

    @cython.locals(direction=Direction)
    cdef abandon(self)

    @cython.locals(direction=Direction)
    cpdef finish(self, int reason, long long time_ns)

    @cython.locals(direction=Direction)
    cdef release(self)

    @cython.locals(a=Pending, b=Pending)
    cdef Direction _first_waiting(self)
