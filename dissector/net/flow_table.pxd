cimport cython

from dissector.integers cimport IntegerArray
from dissector.net.consumer cimport Consumer
from dissector.net.reassembly_context cimport ReassemblyContext
from dissector.net.closed_stream cimport ClosedStream
from dissector.net.segment cimport Segment
from dissector.net.tcp cimport StreamDirection, TcpConnection

cdef Py_ssize_t _PASSED

cdef class FlowTable(ReassemblyContext):
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
    cdef readonly dict closed_streams
    cdef public list ended
    cdef Py_ssize_t eldest
    cdef public long long streams
    cdef readonly long long evicted
    cdef public bint forgetful
    cdef IntegerArray port_counts
    cdef readonly long long clock

    @cython.locals(direction=StreamDirection, connection=TcpConnection)
    cdef end_all(self)
    cpdef advance(self, long long now)
    cpdef discard(self, TcpConnection connection)
    @cython.locals(counts=cython.p_longlong, port=cython.int)
    cpdef dict server_ports(self)

    @cython.locals(own=TcpConnection)
    cpdef ending(self, object connection)
    cpdef complete(self, object connection)

    @cython.locals(address=cython.ulonglong, ports=cython.longlong, slot=cython.Py_ssize_t, found=StreamDirection)
    cdef StreamDirection _known(self, const unsigned char *pointer, Py_ssize_t at)

    @cython.locals(old=TcpConnection, key=bytes, reverse=bytes)
    cdef StreamDirection _find(self, StreamDirection known, Segment s)

    @cython.locals(closed_streams=ClosedStream, side=cython.int, direction=StreamDirection, other=StreamDirection, reverse=bytes)
    cdef StreamDirection _meet(self, Segment s, bytes key)
    cdef long long _number(self) except *

    @cython.locals(connection=TcpConnection, direction=StreamDirection, other_way=StreamDirection, swap=cython.bint)
    cdef StreamDirection _create(self, bytes key, bytes reverse, Segment s, long long stream)
    @cython.locals(port=cython.int)
    cdef _count_port(self, TcpConnection connection, bint sure)

    @cython.locals(key=bytes, closed_streams=ClosedStream)
    cdef _end(self, TcpConnection connection, int reason)
    cdef _learn(self, StreamDirection direction, bytes key)

    @cython.locals(at=cython.Py_ssize_t)
    cdef _unlearn(self, StreamDirection direction)
    cdef _forget(self, ClosedStream closed_streams)

    @cython.locals(at=cython.Py_ssize_t, connection=TcpConnection)
    cdef _expire(self, long long now)

    @cython.locals(victim=TcpConnection)
    cdef _evict(self, TcpConnection latest, Segment s)

cdef unsigned long long _SPREAD

@cython.locals(ambiguous=cython.ulonglong)
cdef Py_ssize_t _slot(unsigned long long address, long long ports) except -1

@cython.locals(size=cython.Py_ssize_t, index=cython.Py_ssize_t)
cpdef bytes reversed_key(bytes key)
