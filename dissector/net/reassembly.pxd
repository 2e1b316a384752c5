cimport cython

from dissector.net.consumer cimport Consumer
from dissector.net.delivered_ring cimport DeliveredRing
from dissector.net.segment cimport Segment

cdef int FIN, RST
cdef long long MASK
cdef long long HALFWAY
cdef long long _FAR
cdef long long _SYN_DATA
cdef long long _CLOCK_TOLERANCE_NS
cdef int UNDECIDED
cdef int WANTED
cdef int UNWANTED
cdef long long _FREE
cdef long long _OVERHEAD
cdef int _SMALL
cdef int _CHUNK
cdef int _GAP
cdef int _CLOSED

@cython.final
cdef class Piece:
    cdef readonly long long at
    cdef readonly long long end
    cdef readonly bytes data
    cdef readonly long long frame
    cdef readonly long long time_ns
    cdef readonly long long serial
    cdef readonly long long start
    cdef readonly long long need

    cdef begin(self, long long at, long long end, bytes data)
    @cython.locals(made=Piece)
    cdef Piece part(self, long long at, long long end, bytes data)

@cython.final
cdef class SegmentBuffer:
    cdef readonly list pieces
    cdef readonly long long head
    cdef public long long size

    @cython.locals(pieces=list, at=cython.longlong, end=cython.longlong, data=bytes, index=cython.Py_ssize_t, first=cython.Py_ssize_t, cursor=cython.longlong, known=cython.longlong, conflict=cython.bint, low=cython.longlong, high=cython.longlong, held=Piece, old=bytes, part=bytes)
    cdef bint add(self, Piece new) except -1
    @cython.locals(low=cython.Py_ssize_t, high=cython.Py_ssize_t, middle=cython.Py_ssize_t, piece=Piece)
    cdef Py_ssize_t _after(self, long long at) except -1
    @cython.locals(piece=Piece)
    cdef _set_head(self)
    @cython.locals(joined=list, piece=Piece, first=Piece, last=Piece, made=Piece)
    cdef _join(self, Py_ssize_t start, Py_ssize_t stop)
    @cython.locals(piece=Piece)
    cdef Piece pop(self)
    @cython.locals(piece=Piece)
    cdef long long end(self) except *

cdef class ReassemblyContext:
    cdef readonly object limits
    cdef readonly DeliveredRing delivered
    cdef readonly long long buffered
    cdef readonly long long buffered_limit
    cdef readonly object budget
    cdef readonly bint over_budget
    cdef readonly bint attention
    cdef readonly list abandoned
    cdef public long long generation
    cdef readonly long long direction_limit
    cdef readonly long long hole_segments
    cdef readonly long long hole_ns
    cdef readonly long long contradictions
    cdef readonly long long clock_steps_back

    cpdef Consumer open(self, object connection)
    cpdef connection_closed(self, object connection)
    cpdef connection_complete(self, object connection)
    cpdef connection_decided(self, object connection)
    cpdef report(self, str kind, str message, long long frame, long long stream)

@cython.final
cdef class StreamDirection:
    # the fields that every segment needs, in few cache lines
    cdef readonly StreamDirection peer
    cdef readonly TcpConnection connection
    cdef readonly long long next_seq
    cdef readonly long long next
    cdef readonly long long acknowledged
    cdef readonly long long last_frame
    cdef public long long last_time
    cdef readonly long long segments
    cdef public long long latest
    cdef readonly unsigned long long address
    cdef public long long ports
    cdef readonly int win
    cdef readonly int side
    cdef readonly bint fast_path
    cdef readonly bint start_reported
    # the rest
    cdef public bytes mac
    cdef readonly bint gap
    cdef readonly bint started
    cdef public bint conflict
    cdef readonly bint ambiguous
    cdef readonly bint answered_early
    cdef readonly long long fin_time_ns
    cdef readonly long long rst_time_ns
    cdef readonly bint based
    cdef readonly long long base_seq
    cdef public bint known
    cdef readonly long long sent
    cdef readonly long long fin
    cdef readonly long long fin_frame
    cdef public int closed
    cdef readonly long long closed_frame
    cdef readonly long long closed_time
    cdef readonly int scale
    cdef readonly long long unseen_ack_frame
    cdef readonly long long unseen_ack_time
    cdef readonly SegmentBuffer buffered_segments
    cdef readonly long long mark
    cdef readonly long long mark_time
    cdef readonly long long mark_next
    cdef readonly long long mark_stop
    cdef readonly bytes ip
    cdef readonly int port

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

    cdef long long ahead(self, long long seq) noexcept
    cdef note_base(self, Segment s)
    cdef bint is_foreign_synack(self, Segment s) except -1
    @cython.locals(ahead=cython.longlong)
    cdef bint is_foreign(self, Segment s) except -1

    @cython.locals(first=cython.longlong, behind=cython.longlong)
    cdef synchronise(self, Segment s)

    @cython.locals(bound=cython.longlong)
    cdef long long bound(self) noexcept

    @cython.locals(top=cython.longlong)
    cdef long long highest_sent(self) except *

    @cython.locals(at=cython.longlong, top=cython.longlong)
    cdef acknowledge(self, Segment s)
    cdef bint finished(self) except -1
    cdef bint nothing_pending(self) except -1

    @cython.locals(start=cython.Py_ssize_t, stop=cython.Py_ssize_t, end=cython.longlong, skip=cython.longlong, buffered_segments=SegmentBuffer, free=cython.longlong, middle=cython.Py_ssize_t, cut=cython.longlong, need=cython.longlong)
    cdef insert(self, long long at, Segment s)

    @cython.locals(peer=StreamDirection, need=cython.longlong)
    cdef long long _need(self, Segment s) except *

    @cython.locals(reassembly=ReassemblyContext, before=cython.longlong, piece=Piece)
    cdef _buffer(self, long long at, long long end, Py_ssize_t start, Py_ssize_t stop, Segment s, long long need)
    cdef _compare(self, long long at, bytes data, Segment s)
    cdef _conflict(self, Segment s)

    @cython.locals(connection=TcpConnection, consumer=Consumer, length=cython.longlong)
    cdef bint _deliver(self, bytes window, Py_ssize_t start, Py_ssize_t stop, long long cut, long long frame, long long time_ns, long long serial, long long origin, long long need) except -1

    @cython.locals(connection=TcpConnection, consumer=Consumer)
    cdef bint _report_gap(self, long long missing, long long frame, long long time_ns, str reason) except -1

    @cython.locals(buffered_segments=SegmentBuffer, piece=Piece)
    cdef skip_hole(self, long long stop, long long frame, long long time_ns, str reason)

    @cython.locals(piece=Piece, own=cython.longlong, own_time=cython.longlong, length=cython.longlong)
    cdef _drain(self, long long frame, long long time_ns)
    cdef end(self, long long at, Segment s)
    cdef _close_in_order(self)

    @cython.locals(connection=TcpConnection)
    cdef close(self, int how, long long frame, long long time_ns)

    @cython.locals(connection=TcpConnection, consumer=Consumer, late=cython.bint)
    cdef report_closed(self)

    @cython.locals(stop=cython.longlong, reassembly=ReassemblyContext)
    cdef check_hole(self, long long total, Segment s)

    @cython.locals(stop=cython.longlong, frame=cython.longlong)
    cdef skip_missing(self, long long time_ns)

@cython.final
cdef class TcpConnection:
    cdef readonly ReassemblyContext reassembly
    cdef public Consumer consumer
    cdef readonly long long last_time_ns
    cdef public long long stream
    cdef readonly long long first_frame
    cdef readonly long long clock_steps_back
    cdef readonly bint foreign_segments
    cdef readonly bint out_of_order
    cdef readonly bint clocks_differ
    cdef readonly bint limit_reported
    cdef readonly bint lingering
    cdef readonly bint over
    cdef public long long serial
    cdef readonly Py_ssize_t flow
    cdef public bint unread
    cdef readonly bint decided
    cdef readonly long long linger_until
    cdef readonly long long kept
    cdef public bytes key
    cdef readonly bytes reverse
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
    cpdef mark_decided(self)
    cdef replace_consumer(self, Consumer old, Consumer new)
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

    @cython.locals(a=SegmentBuffer, b=SegmentBuffer, first_a=Piece, first_b=Piece)
    cdef StreamDirection _first_waiting(self)

cdef class CausalOrder(Consumer):
    cdef public TcpConnection connection
    cdef public Consumer consumer
    cdef readonly long long need
    cdef public long long size
    cdef public long long now
    cdef readonly bint passthrough
    cdef public list last_frames
    cdef readonly tuple waiting

    @cython.locals(need=cython.longlong, last=cython.longlong, waits=cython.bint, wanted=cython.bint)
    cpdef bint chunk(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1
    cdef _enqueue(self, int side, tuple event)
    cdef bint _deliver_ready(self) except -1

    @cython.locals(what=cython.int, data=bytes, number=cython.longlong, frame=cython.longlong, time_ns=cython.longlong, reason=str, size=cython.longlong)
    cdef bint _deliver(self, int side, tuple event) except -1
