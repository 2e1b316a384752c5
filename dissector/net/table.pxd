cimport cython

from dissector.integers cimport IntegerArray
from dissector.net.consumer cimport Consumer
from dissector.net.keeper cimport Keeper
from dissector.net.past cimport Past
from dissector.net.segment cimport Segment
from dissector.net.tcp cimport Direction, TcpConnection

cdef Py_ssize_t _PASSED

cdef class Table(Keeper):
    cdef public object factory
    cdef public frozenset ports
    cdef bytearray expected
    cdef readonly object warn
    cdef readonly long long linger_ns
    cdef readonly dict table
    cdef readonly dict connections
    cdef readonly long long serial
    cdef readonly list idle
    cdef list quick
    cdef readonly list closing
    cdef Py_ssize_t first_closing
    cdef long long connections_limit
    cdef long long closed_limit
    cdef readonly long long deadline
    cdef readonly dict past
    cdef public list ended
    cdef Py_ssize_t eldest
    cdef public long long streams
    cdef readonly long long evicted
    cdef public bint forgetful
    cdef IntegerArray port_counts
    cdef readonly long long clock

    @cython.locals(direction=Direction, connection=TcpConnection)
    cdef end_all(self)
    cpdef advance(self, long long now)
    cpdef let_go(self, TcpConnection connection)
    @cython.locals(counts=cython.p_longlong, port=cython.int)
    cpdef dict server_ports(self)

    @cython.locals(own=TcpConnection)
    cpdef ending(self, object connection)
    cpdef complete(self, object connection)

    @cython.locals(address=cython.ulonglong, ports=cython.longlong, slot=cython.Py_ssize_t, found=Direction)
    cdef Direction _known(self, const unsigned char *octets, Py_ssize_t at)

    @cython.locals(old=TcpConnection, key=bytes, reverse=bytes)
    cdef Direction _find(self, Direction known, Segment s)

    @cython.locals(past=Past, side=cython.int, direction=Direction, other=Direction, reverse=bytes)
    cdef Direction _meet(self, Segment s, bytes key)
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

    @cython.locals(at=cython.Py_ssize_t, connection=TcpConnection)
    cdef _expire(self, long long now)

    @cython.locals(victim=TcpConnection)
    cdef _evict(self, TcpConnection latest, Segment s)

cdef unsigned long long _SPREAD

@cython.locals(mixed=cython.ulonglong)
cdef Py_ssize_t _slot(unsigned long long address, long long ports) except -1

@cython.locals(size=cython.Py_ssize_t, index=cython.Py_ssize_t)
cpdef bytes reversed_key(bytes key)
