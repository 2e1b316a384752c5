cimport cython

from dissector.net.consumer cimport Consumer
from dissector.net.sequence_tracker cimport SequenceTracker
from dissector.net.reassembly_context cimport ReassemblyContext
from dissector.net.segment_buffer cimport SegmentBuffer
from dissector.net.segment cimport Segment

cdef int FIN, RST
cdef long long CLOCK_TOLERANCE_NS

cdef class SharedState:
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

    cdef begin_shared(self, ReassemblyContext reassembly, long long stream)
    cdef long long position(self, int side) except *
    cdef wait_for(self, long long need)
    cdef linger(self)
    cdef abandon(self)

cdef class Reassembler(SequenceTracker):
    cdef public SharedState shared
    cdef readonly long long mark
    cdef readonly long long mark_time
    cdef readonly long long mark_next
    cdef readonly long long mark_stop

    cdef begin_reassembly(self, SharedState shared, int side)

    @cython.locals(start=cython.Py_ssize_t, stop=cython.Py_ssize_t, end=cython.longlong, skip=cython.longlong, buffered_segments=SegmentBuffer, free=cython.longlong, middle=cython.Py_ssize_t, cut=cython.longlong, need=cython.longlong)
    cdef insert(self, long long at, Segment s)

    @cython.locals(peer=SequenceTracker, need=cython.longlong)
    cdef long long _need(self, Segment s) except *

    @cython.locals(reassembly=ReassemblyContext, before=cython.longlong, piece=tuple)
    cdef _buffer(self, long long at, long long end, Py_ssize_t start, Py_ssize_t stop, Segment s, long long need)
    cdef _compare(self, long long at, bytes data, Segment s)
    cdef _conflict(self, Segment s)

    @cython.locals(shared=SharedState, consumer=Consumer, length=cython.longlong)
    cdef bint _deliver(self, bytes window, Py_ssize_t start, Py_ssize_t stop, long long cut, long long frame, long long time_ns, long long serial, long long origin, long long need) except -1

    @cython.locals(shared=SharedState, consumer=Consumer)
    cdef bint _report_gap(self, long long missing, long long frame, long long time_ns, str reason) except -1

    @cython.locals(buffered_segments=SegmentBuffer)
    cdef skip_hole(self, long long stop, long long frame, long long time_ns, str reason)

    @cython.locals(at=cython.longlong, end=cython.longlong, data=bytes, own=cython.longlong, own_time=cython.longlong, serial=cython.longlong, origin=cython.longlong, length=cython.longlong, need=cython.longlong)
    cdef _drain(self, long long frame, long long time_ns)
    cdef end(self, long long at, Segment s)
    cdef _close_in_order(self)

    @cython.locals(shared=SharedState)
    cdef close(self, int how, long long frame, long long time_ns)

    @cython.locals(shared=SharedState, consumer=Consumer, late=cython.bint)
    cdef report_closed(self)

    @cython.locals(stop=cython.longlong, reassembly=ReassemblyContext)
    cdef check_hole(self, long long total, Segment s)

    @cython.locals(stop=cython.longlong, frame=cython.longlong)
    cdef skip_missing(self, long long time_ns)
