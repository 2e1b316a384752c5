cimport cython

from dissector.net.consumer cimport Consumer
from dissector.net.reassembler cimport Reassembler, SharedState
from dissector.net.reassembly_context cimport ReassemblyContext
from dissector.net.segment_buffer cimport SegmentBuffer
from dissector.net.segment cimport Segment
from dissector.net.causal_order cimport CausalOrder

cdef int FIN, RST
cdef int UNDECIDED
cdef int WANTED
cdef int UNWANTED
cdef long long _FREE

@cython.final
cdef class StreamDirection(Reassembler):
    cdef public TcpConnection connection

    cdef begin(self, TcpConnection connection, int side)

    @cython.locals(connection=TcpConnection, consumer=Consumer, back=cython.longlong, at=cython.longlong, length=cython.longlong)
    cdef receive(self, Segment s)
    cdef abandon(self)
    cdef release(self)

    @cython.locals(connection=TcpConnection)
    cdef _receive_slow(self, Segment s)

    @cython.locals(ahead=cython.longlong, bound=cython.longlong)
    cdef _reset(self, Segment s)

    @cython.locals(connection=TcpConnection, length=cython.longlong, seq=cython.longlong, probe=cython.bint, ahead=cython.longlong, at=cython.longlong)
    cdef _place(self, Segment s)

cdef class TcpConnection(SharedState):
    cdef public long long serial
    cdef readonly Py_ssize_t flow
    cdef public bint unread
    cdef readonly bint decided
    cdef readonly long long linger_until
    cdef readonly long long kept
    cdef public bytes key
    cdef readonly bytes reverse
    cdef readonly bytes ip_a
    cdef readonly bytes ip_b
    cdef readonly int port_a
    cdef readonly int port_b
    cdef readonly bint expected
    cdef public bint syn_seen
    cdef readonly bint synack_seen
    cdef readonly long long first_time_ns
    cdef readonly int state
    cdef readonly bint based
    cdef readonly CausalOrder causal_order
    cdef readonly StreamDirection a
    cdef readonly StreamDirection b

    @cython.locals(size=cython.Py_ssize_t)
    cdef begin(self, ReassemblyContext reassembly, long long stream, bytes key, bytes reverse)
    cpdef StreamDirection direction(self, int side)
    cpdef bint monotonic_clock(self) except -1
    cpdef bint both_seen(self) except -1
    cdef decide(self)
    cdef replace_consumer(self, Consumer old, Consumer new)
    cpdef mark_decided(self)
    @cython.locals(before=cython.longlong)
    cpdef charge(self, long long size)
    cdef long long position(self, int side) except *
    cdef wait_for(self, long long need)

    @cython.locals(total=cython.longlong, fast_path=cython.bint)
    cdef update_fast_path(self, Segment s)
    cdef linger(self)

    cdef abandon(self)

    @cython.locals(direction=StreamDirection, first=StreamDirection)
    cpdef finish(self, int reason, long long time_ns)

    cdef release(self)

    @cython.locals(a=SegmentBuffer, b=SegmentBuffer)
    cdef StreamDirection _first_waiting(self)
