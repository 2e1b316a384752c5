cimport cython

from dissector.integers cimport IntegerArray
from dissector.net.consumer cimport Consumer
from dissector.net.reassembly_context cimport ReassemblyContext
from dissector.net.closed_stream cimport ClosedStream
from dissector.net.segment cimport Segment
from dissector.net.tcp cimport StreamDirection, TcpConnection

cdef Py_ssize_t _COMPACT_AFTER

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
    cdef list cache
    cdef readonly list closing
    cdef Py_ssize_t first_closing
    cdef long long connections_limit
    cdef long long closed_limit
    cdef readonly long long deadline
    cdef readonly dict closed_streams
    cdef public list closed_ring
    cdef Py_ssize_t oldest_slot
    cdef public long long streams
    cdef readonly long long evicted
    cdef public bint stream_limit_reported
    cdef IntegerArray port_counts
    cdef readonly long long clock

    @cython.locals(direction=StreamDirection, connection=TcpConnection)
    cdef end_all(self)
    cpdef advance(self, long long now)
    cpdef discard(self, TcpConnection connection)
    @cython.locals(counts=cython.p_longlong, port=cython.int)
    cpdef dict server_ports(self)

    @cython.locals(own=TcpConnection)
    cpdef connection_closed(self, object connection)
    cpdef connection_complete(self, object connection)
    @cython.locals(old=TcpConnection, made=TcpConnection, mine=StreamDirection, theirs=StreamDirection, key=bytes)
    cpdef reopen(self, long long serial)

    @cython.locals(address=cython.ulonglong, ports=cython.longlong, slot=cython.Py_ssize_t, found=StreamDirection)
    cdef StreamDirection _cached(self, const unsigned char *pointer, Py_ssize_t at)

    @cython.locals(old=TcpConnection, key=bytes, reverse=bytes)
    cdef StreamDirection _find(self, StreamDirection known, Segment s)

    @cython.locals(closed_stream=ClosedStream, side=cython.int, direction=StreamDirection, other=StreamDirection, reverse=bytes)
    cdef StreamDirection _find_closed_or_create(self, Segment s, bytes key)
    cdef long long _next_stream(self) except *

    @cython.locals(connection=TcpConnection, direction=StreamDirection, other_way=StreamDirection, swap=cython.bint)
    cdef StreamDirection _create(self, bytes key, bytes reverse, Segment s, long long stream)
    @cython.locals(port=cython.int)
    cdef _count_port(self, TcpConnection connection, bint sure)

    @cython.locals(key=bytes, closed_stream=ClosedStream)
    cdef _end(self, TcpConnection connection, int reason)
    cdef _cache_flow(self, StreamDirection direction, bytes key)

    @cython.locals(at=cython.Py_ssize_t)
    cdef _uncache_flow(self, StreamDirection direction)
    cdef _drop_closed(self, ClosedStream closed_stream)

    @cython.locals(at=cython.Py_ssize_t, connection=TcpConnection)
    cdef _expire(self, long long now)

    @cython.locals(victim=TcpConnection)
    cdef _evict_kept(self, Segment s)

    @cython.locals(victim=TcpConnection)
    cdef _evict(self, TcpConnection latest, Segment s)

cdef unsigned long long _HASH_MULTIPLIER

@cython.locals(product=cython.ulonglong)
cdef Py_ssize_t _slot(unsigned long long address, long long ports) except -1

@cython.locals(size=cython.Py_ssize_t, index=cython.Py_ssize_t)
cpdef bytes reversed_key(bytes key)
