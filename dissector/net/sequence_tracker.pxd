cimport cython

from dissector.net.segment_buffer cimport SegmentBuffer
from dissector.net.segment cimport Segment

cdef int FIN
cdef long long MASK
cdef long long HALFWAY
cdef long long _SYN_DATA
cdef long long _FAR

cdef class SequenceTracker:
    # the fields that every segment needs, in few cache lines
    cdef readonly SequenceTracker peer
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

    cdef begin_sequence(self, int side)
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
