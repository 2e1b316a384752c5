cimport cython

from dissector.net.pending cimport Pending
from dissector.net.segment cimport Segment

cdef int FIN
cdef long long MASK
cdef long long HALFWAY
cdef long long _SYN_DATA
cdef long long _FAR

cdef class Half:
    # what every segment asks for, in few cache lines
    cdef public Half peer
    cdef public long long next_seq
    cdef public long long next
    cdef public long long acknowledged
    cdef public long long last_frame
    cdef public long long last_time
    cdef public long long segments
    cdef public long long latest
    cdef public unsigned long long address
    cdef public long long ports
    cdef public int win
    cdef public int side
    cdef public bint smooth
    cdef public bint announced
    # the rest
    cdef public bytes mac
    cdef public bint gap
    cdef public bint started
    cdef public bint conflict
    cdef public bint mixed
    cdef public bint presumed
    cdef public long long fin_time_ns
    cdef public long long rst_time_ns
    cdef public bint based
    cdef public long long base_seq
    cdef public bint known
    cdef public long long sent
    cdef public long long fin
    cdef public long long fin_frame
    cdef public int closed
    cdef public long long closed_frame
    cdef public long long closed_time
    cdef public int scale
    cdef public long long claim_frame
    cdef public long long claim_time
    cdef public Pending pending

    cdef begin_half(self, int side)
    cdef long long ahead(self, long long seq) noexcept
    cdef note_base(self, Segment s)
    cdef bint answers_another(self, Segment s) except -1
    @cython.locals(ahead=cython.longlong)
    cdef bint strays(self, Segment s) except -1

    @cython.locals(first=cython.longlong, behind=cython.longlong)
    cdef synchronise(self, Segment s)

    @cython.locals(bound=cython.longlong)
    cdef long long bound(self) noexcept

    @cython.locals(top=cython.longlong)
    cdef long long top(self) except *

    @cython.locals(at=cython.longlong, top=cython.longlong)
    cdef acknowledge(self, Segment s)
    cdef bint finished(self) except -1
    cdef bint plain(self) except -1
