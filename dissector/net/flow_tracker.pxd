cimport cython

from dissector.integers cimport IntegerArray
from dissector.net.consumer cimport Consumer, FirstPayload
from dissector.net.flow_table cimport FlowEntry, FlowTable, PortCounter
from dissector.net.segment cimport Segment
from dissector.net.reassembly cimport ReassemblyContext, StreamDirection, TcpConnection

cdef int _HELD
cdef int _ACKNOWLEDGES_FIN
cdef long long _WRAP

cdef class FlowTracker(ReassemblyContext):
    cdef public object factory
    cdef public frozenset ports
    cdef bytearray expected
    cdef readonly object warn
    cdef readonly FlowTable flows
    cdef readonly FirstPayload first_payload
    cdef readonly long long linger_ns
    cdef readonly dict connections
    cdef list places
    cdef list free_places
    cdef readonly list idle
    cdef list cache
    cdef dict directions
    cdef Segment replayed
    cdef bint replaying
    cdef IntegerArray closing
    cdef IntegerArray deadlines
    cdef Py_ssize_t first_closing
    cdef readonly Py_ssize_t closing_count
    cdef long long connections_limit
    cdef long long undecided_limit
    cdef readonly long long undecided
    cdef readonly long long deadline
    cdef IntegerArray closed_ring
    cdef Py_ssize_t closed_limit
    cdef Py_ssize_t closed_slot
    cdef public long long streams
    cdef readonly long long open_flows
    cdef readonly long long evicted
    cdef readonly long long dropped_flows
    cdef public bint stream_limit_reported
    cdef set limits_reported
    cdef PortCounter port_counts
    cdef readonly long long clock

    @cython.locals(connection=TcpConnection)
    cdef end_all(self)
    cpdef advance(self, long long now)
    @cython.locals(index=cython.Py_ssize_t)
    cpdef discard(self, TcpConnection connection)
    @cython.locals(index=cython.Py_ssize_t, entry="FlowEntry *")
    cpdef discard_idle(self, long long before_ns)
    @cython.locals(found=cython.longlong, entry="FlowEntry *")
    cpdef tuple owner(self, Segment s)
    cpdef dict server_ports(self)

    @cython.locals(own=TcpConnection)
    cpdef connection_closed(self, object connection)
    cpdef connection_complete(self, object connection)
    @cython.locals(own=TcpConnection)
    cpdef connection_decided(self, object connection)

    @cython.locals(address=cython.ulonglong, ports=cython.longlong, slot=cython.Py_ssize_t, found=StreamDirection)
    cdef StreamDirection _cached(self, const unsigned char *pointer, Py_ssize_t at)

    @cython.locals(index=cython.Py_ssize_t, side=cython.int, entry="FlowEntry *", connection=TcpConnection, based=cython.bint, lingering=cython.bint, base=cython.longlong)
    cdef StreamDirection _find(self, StreamDirection known, Segment s, long long found)

    @cython.locals(entry="FlowEntry *", new=cython.Py_ssize_t, made="FlowEntry *", flags=cython.int, stream=cython.longlong, own_base=cython.uint, peer_base=cython.uint)
    cdef StreamDirection _find_closed(self, Segment s, Py_ssize_t index, int side)

    @cython.locals(side=cython.int, found=cython.Py_ssize_t, entry="FlowEntry *")
    cdef Py_ssize_t _create(self, Segment s, long long stream) except -1
    @cython.locals(index=cython.Py_ssize_t, side=cython.int, entry="FlowEntry *", connection=TcpConnection)
    cdef StreamDirection _begin(self, Segment s, Py_ssize_t found)
    cdef _set_mac(self, FlowEntry *entry, int side, bytes window, Py_ssize_t at)
    @cython.locals(pointer="const unsigned char *")
    cdef bytes _mac(self, FlowEntry *entry, int at)
    @cython.locals(port=cython.int)
    cdef int _server_port(self, FlowEntry *entry, bint sure) noexcept

    @cython.locals(entry="FlowEntry *", connection=TcpConnection)
    cdef StreamDirection _flat(self, Segment s, Py_ssize_t index, int side)
    @cython.locals(bits=cython.int, kind=cython.int, own=cython.int, peer=cython.int, answer=cython.bint, base=cython.uint, scale=cython.int, distance=cython.longlong, since=cython.longlong)
    cdef bint _hold(self, Segment s, FlowEntry *entry, Py_ssize_t index, int side) except -1
    @cython.locals(bits=cython.int, kind=str, midstream=cython.bint)
    cdef bint _dismiss(self, Segment s, FlowEntry *entry, Py_ssize_t index) except -1
    @cython.locals(key=bytes, size=cython.Py_ssize_t)
    cdef bint _serves(self, Py_ssize_t index, bint midstream) except -1
    @cython.locals(own=cython.int, peer=cython.int)
    cdef _note_base(self, FlowEntry *entry, Segment s, int side)
    @cython.locals(own=cython.int, peer=cython.int)
    cdef bint _is_foreign_synack(self, FlowEntry *entry, Segment s, int side) noexcept
    @cython.locals(connection=TcpConnection)
    cdef StreamDirection _receive_unwanted(self, Segment s, FlowEntry *entry, Py_ssize_t index, int side)

    @cython.locals(entry="FlowEntry *", connection=TcpConnection, key=bytes, reverse=bytes, place=cython.Py_ssize_t)
    cdef TcpConnection _promote(self, Py_ssize_t index, Segment latest)
    @cython.locals(s=Segment, i=cython.int, side=cython.int, kind=cython.int, base=cython.longlong)
    cdef _replay(self, FlowEntry *entry, TcpConnection connection)
    @cython.locals(entry="FlowEntry *")
    cdef _demote(self, TcpConnection connection)
    @cython.locals(entry="FlowEntry *", direction=StreamDirection, side=cython.int)
    cdef _leave(self, TcpConnection connection)
    @cython.locals(index=cython.Py_ssize_t)
    cdef _end(self, TcpConnection connection, int reason)
    @cython.locals(entry="FlowEntry *", code=cython.longlong, old=cython.longlong, first=cython.Py_ssize_t)
    cdef _close(self, Py_ssize_t index)
    @cython.locals(entry="FlowEntry *")
    cdef _remove(self, Py_ssize_t index)
    cdef _cache_flow(self, StreamDirection direction, bytes key)
    @cython.locals(at=cython.Py_ssize_t)
    cdef _uncache_flow(self, StreamDirection direction)

    @cython.locals(entry="FlowEntry *", at=cython.Py_ssize_t, code=cython.longlong)
    cdef _linger(self, Py_ssize_t index, long long until)
    @cython.locals(kept=cython.Py_ssize_t, size=cython.Py_ssize_t, i=cython.Py_ssize_t, at=cython.Py_ssize_t, ids=IntegerArray, times=IntegerArray)
    cdef _enlarge_closing(self)
    @cython.locals(index=cython.Py_ssize_t, entry="FlowEntry *")
    cdef bint _is_current(self, long long code, bint closed) except -1
    @cython.locals(at=cython.Py_ssize_t, code=cython.longlong, index=cython.Py_ssize_t, entry="FlowEntry *", current=cython.bint, connection=TcpConnection)
    cdef _expire(self, long long now)

    @cython.locals(connection=TcpConnection)
    cdef _attend(self, Segment s)
    @cython.locals(victim=TcpConnection)
    cdef _evict_kept(self, Segment s)
    @cython.locals(victim=TcpConnection, connection=TcpConnection)
    cdef _evict(self, TcpConnection latest, Segment s, bint decided)
    @cython.locals(index=cython.Py_ssize_t)
    cdef _drop_idle(self, Segment s)

cdef unsigned long long _HASH_MULTIPLIER

@cython.locals(product=cython.ulonglong)
cdef Py_ssize_t _slot(unsigned long long address, long long ports) except -1
