cimport cython

from dissector.net.segment cimport Segment

ctypedef int (*LinkFunction)(Segment) except -1

cdef int _NUMBERS
cdef LinkFunction _headers[1024]

cpdef bint is_known(long long link) except -1
@cython.locals(function=LinkFunction)
cdef int link_header(Segment s, long long link) except -1
cdef int _frame(Segment s) except -1
cdef _set_header(int link, LinkFunction function)
cdef int ethernet(Segment s) except -1

@cython.locals(window=bytes, tags=cython.int)
cdef int ethertype(Segment s, int number) except -1

@cython.locals(version=cython.int)
cdef int ip_version(Segment s) except -1
cdef int cut_short(Segment s) except -1

@cython.locals(window=bytes, room=cython.Py_ssize_t, version=cython.int, size=cython.Py_ssize_t)
cdef int exact_ip(Segment s, Py_ssize_t at) except -1

@cython.locals(number=cython.int)
cdef int misnamed(Segment s, Py_ssize_t start, Py_ssize_t wire_end, Py_ssize_t end) except -1

@cython.locals(window=bytes, at=cython.Py_ssize_t, number=cython.int)
cdef int _raw(Segment s) except -1

@cython.locals(window=bytes, at=cython.Py_ssize_t, number=cython.int)
cdef int _llc(Segment s) except -1

@cython.locals(window=bytes, at=cython.Py_ssize_t, number=cython.int)
cdef int _pppoe(Segment s) except -1

@cython.locals(window=bytes, number=cython.int)
cdef int _mpls(Segment s) except -1

@cython.locals(window=bytes, at=cython.Py_ssize_t)
cdef int _cooked(Segment s) except -1

@cython.locals(window=bytes, at=cython.Py_ssize_t)
cdef int _cooked_v2(Segment s) except -1

@cython.locals(window=bytes, at=cython.Py_ssize_t, family=cython.int, number=cython.int)
cdef int _null(Segment s) except -1
