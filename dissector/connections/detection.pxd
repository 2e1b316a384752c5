cimport cython

cdef bytes _USUAL, _OLD
cdef int _NAME_WITHIN, _LONGEST, _LONGEST_START, _LONGEST_HEAD
cdef bytes _REQUEST
cdef tuple _STARTS

cdef int LENGTH_BITS, INCOMPLETE, ENDLESS
cdef long long LENGTH_MASK

cpdef bint plain_connect(bytes data, Py_ssize_t start, Py_ssize_t stop) except -1
@cython.locals(size=Py_ssize_t, length=cython.longlong, pos=Py_ssize_t, remaining=cython.longlong, body=bytes)
cpdef int looks_like_connect(bytes data, bint known_port) except -1
cdef bint _begins_name(bytes body) except -1
cdef bint _has_name(bytes data) except -1
@cython.locals(stop=Py_ssize_t, level_at=Py_ssize_t, at=Py_ssize_t, flags=cython.int)
cdef int _unnamed_connect(bytes data, Py_ssize_t pos, Py_ssize_t remaining) except -1
@cython.locals(blocks=cython.int, index=cython.int)
cdef Py_ssize_t _fields_end(bytes data, Py_ssize_t at, Py_ssize_t stop, int flags, bint properties) except -2
@cython.locals(first=cython.int, size=Py_ssize_t, malformed=cython.bint, code=Py_ssize_t)
cpdef bint server_begins(bytes data, Py_ssize_t start, Py_ssize_t stop, bint version_5) except -1
@cython.locals(remaining=Py_ssize_t)
cdef bint _connack_of_5(bytes data, Py_ssize_t start, Py_ssize_t stop) except -1
@cython.locals(pos=Py_ssize_t)
cpdef bint unfinished_connect(bytes data) except -1
@cython.locals(pos=Py_ssize_t, length=cython.longlong, begin=Py_ssize_t, end=Py_ssize_t, remaining=Py_ssize_t, count=cython.int, topic=Py_ssize_t, kind=cython.int, flags=cython.int, whole=cython.bint)
cpdef int malformed_packets(bytes data, Py_ssize_t start, Py_ssize_t stop, bint ended) except -1
@cython.locals(at=Py_ssize_t)
cdef bint _named_body(bytes data, Py_ssize_t start, Py_ssize_t stop) except -1
@cython.locals(packet_type=cython.int, flags=cython.int)
cpdef bint plausible(bytes data, Py_ssize_t begin, Py_ssize_t stop, int first, long long remaining, bint whole) except -1
@cython.locals(at=Py_ssize_t, end=Py_ssize_t)
cdef bint _plausible_acknowledgement(bytes data, Py_ssize_t begin, Py_ssize_t stop, int kind, long long remaining) except -1
@cython.locals(end=Py_ssize_t)
cdef bint _plausible_suback(bytes data, Py_ssize_t begin, Py_ssize_t stop) except -1
cdef bint _codes(bytes data, Py_ssize_t at, Py_ssize_t stop) except -1
cdef Py_ssize_t _short_block(bytes data, Py_ssize_t at, Py_ssize_t stop) except -2
@cython.locals(length=cython.int)
cdef bint _plausible_publish(bytes data, Py_ssize_t begin, Py_ssize_t stop, int flags, long long remaining) except -1
@cython.locals(length=cython.int, at=Py_ssize_t)
cdef bint _plausible_subscribe(bytes data, Py_ssize_t begin, Py_ssize_t stop, int kind, long long remaining) except -1
@cython.locals(at=Py_ssize_t)
cdef bint _topic(bytes raw) except -1
@cython.locals(pos=Py_ssize_t, count=cython.int, length=cython.longlong, begin=Py_ssize_t, remaining=cython.longlong, whole=cython.bint)
cpdef bint plausible_chain(bytes data, Py_ssize_t start, Py_ssize_t stop, int known=*) except -1
@cython.locals(length=cython.longlong, begin=Py_ssize_t, remaining=Py_ssize_t)
cpdef bint packet_begins(bytes data, Py_ssize_t start, Py_ssize_t stop) except -1
cdef frozenset _HTTP_WORDS
@cython.locals(size=Py_ssize_t)
cpdef int encapsulation_of(bytes data, int outer_layers, bint lost) except -1
@cython.locals(first=cython.int)
cpdef str other_protocol(bytes data)
@cython.locals(record=Py_ssize_t, message=Py_ssize_t)
cpdef bint hello_without_mqtt(bytes data) except -1
