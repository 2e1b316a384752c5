cimport cython

from dissector.capture.batch cimport Batch
from dissector.net.fragments cimport Fragments
from dissector.net.segment cimport Segment
from dissector.net.flow_tracker cimport FlowTracker
from dissector.net.reassembly cimport StreamDirection

cdef class Streams(FlowTracker):
    cdef readonly Fragments fragments
    cdef readonly Segment segment
    cdef public long long frames
    cdef readonly long long tcp_frames
    cdef readonly long long cut_headers
    cdef readonly dict unknown_links
    cdef readonly dict datagrams
    cdef dict _unread
    cdef dict _misnamed
    cdef long long _first_unknown_link
    cdef readonly long long earliest
    cdef public long long latest
    cdef readonly set clock_back_files

    @cython.locals(window=bytes, pointer="const unsigned char *", size=cython.Py_ssize_t, times=cython.p_longlong, offsets=cython.p_longlong, captured=cython.p_longlong, originals=cython.p_longlong, links=cython.p_longlong, first_number=cython.longlong, s=Segment, serial=cython.longlong, found=cython.longlong, length=cython.Py_ssize_t, base=cython.longlong, i=cython.Py_ssize_t, time_ns=cython.longlong, at=cython.Py_ssize_t, end=cython.Py_ssize_t, total=cython.Py_ssize_t, tcp=cython.Py_ssize_t, ip=cython.Py_ssize_t, wire_end=cython.Py_ssize_t, kind=cython.int, direction=StreamDirection)
    cpdef feed(self, Batch batch, Py_ssize_t start, Py_ssize_t stop)
    cpdef finish(self)
    cdef _unreadable(self, int kind, long long link, long long frame)
    cdef _note(self, int number, long long link, long long frame)
    cdef _warn_of_unread(self)
    cdef _clock_went_back(self, long long file, long long frame)
