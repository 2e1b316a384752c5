cimport cython

from dissector.capture.batch cimport Batch
from dissector.net.consumer cimport Consumer
from dissector.net.fragments cimport Fragments
from dissector.net.keeper cimport Keeper
from dissector.net.past cimport Past
from dissector.net.segment cimport Segment
from dissector.net.tcp cimport Direction, TcpConnection

cdef class Streams(Keeper):
    cdef public object factory
    cdef public frozenset ports
    cdef public object warn
    cdef public long long linger_ns
    cdef public Fragments fragments
    cdef public Segment segment
    cdef public dict table
    cdef public dict connections
    cdef public long long serial
    cdef public list idle
    cdef list quick
    cdef public object closing
    cdef long long connections_limit
    cdef long long closed_limit
    cdef public long long deadline
    cdef public dict past
    cdef public object oldest
    cdef public long long frames
    cdef public long long tcp_frames
    cdef public long long streams
    cdef public long long evicted
    cdef public long long cut_headers
    cdef public bint forgetful
    cdef public long long[::1] port_counts
    cdef public dict unknown_links
    cdef public long long clock
    cdef public long long earliest
    cdef public long long latest
    cdef public set back

    @cython.locals(window=bytes, octets="const unsigned char *", size=cython.Py_ssize_t, times="long long[::1]", offsets="long long[::1]", captured="long long[::1]", links="long long[::1]", first_number=cython.longlong, s=Segment, serial=cython.longlong, table=dict, base=cython.longlong, i=cython.Py_ssize_t, time_ns=cython.longlong, at=cython.Py_ssize_t, end=cython.Py_ssize_t, total=cython.Py_ssize_t, ip=cython.Py_ssize_t, wire_end=cython.Py_ssize_t, kind=cython.int, direction=Direction)
    cpdef feed(self, Batch batch, Py_ssize_t start, Py_ssize_t stop)

    @cython.locals(direction=Direction, connection=TcpConnection)
    cpdef finish(self)
    cpdef advance(self, long long now)
    cpdef let_go(self, TcpConnection connection)

    cpdef ending(self, object connection)
    cpdef complete(self, object connection)

    @cython.locals(address=cython.ulonglong, ports=cython.longlong, slot=cython.Py_ssize_t, found=Direction)
    cdef Direction _known(self, const unsigned char *octets, Py_ssize_t at, Segment s)

    @cython.locals(old=TcpConnection, key=bytes)
    cdef Direction _find(self, Direction known, Segment s)

    @cython.locals(past=Past, side=cython.int, direction=Direction, other=Direction, key=bytes, reverse=bytes)
    cdef Direction _meet(self, Segment s)
    cdef long long _number(self) except *

    @cython.locals(connection=TcpConnection, direction=Direction, other_way=Direction, swap=cython.bint)
    cdef Direction _create(self, bytes key, bytes reverse, Segment s, long long stream)
    @cython.locals(port=cython.int)
    cdef _count_port(self, TcpConnection connection, bint sure)

    @cython.locals(key=bytes, past=Past)
    cdef _end(self, TcpConnection connection, int reason)
    cdef _learn(self, Direction direction, bytes key)

    @cython.locals(at=cython.Py_ssize_t)
    cdef _unlearn(self, Direction direction)
    cdef _forget(self, Past past)

    @cython.locals(connection=TcpConnection)
    cdef _expire(self, long long now)

    @cython.locals(victim=TcpConnection)
    cdef _evict(self, TcpConnection latest, Segment s)
    cdef _unreadable(self, int kind, long long link, long long frame)
    cdef _back(self, long long file, long long frame)

cdef unsigned long long _SPREAD

@cython.locals(mixed=cython.ulonglong)
cdef Py_ssize_t _slot(unsigned long long address, long long ports) except -1

@cython.locals(size=cython.Py_ssize_t, index=cython.Py_ssize_t)
cdef bytes _reverse(bytes key)
