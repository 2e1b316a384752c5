cimport cython

from dissector.net.segment cimport Segment

cdef bytes _PORTS

cdef int enter_tunnel(Segment s, int following) except -1

@cython.locals(window=bytes, at=cython.Py_ssize_t, flags=cython.int, number=cython.int, length=cython.int, last=cython.bint)
cdef int gre(Segment s) except -1

@cython.locals(window=bytes, at=cython.Py_ssize_t, source=cython.int, destination=cython.int, number=cython.int)
cdef int udp(Segment s) except -1

@cython.locals(window=bytes, flags=cython.int, length=cython.Py_ssize_t, stop=cython.Py_ssize_t, following=cython.int, units=cython.int)
cdef int _gtp(Segment s, Py_ssize_t at) except -1

@cython.locals(port=cython.int)
cdef _note_datagram(Segment s, Py_ssize_t at, int source, int destination)

@cython.locals(window=bytes, first=cython.int)
cdef bint _is_tunnel(Segment s, Py_ssize_t at, int port) except -1
cdef bint _is_quic(Segment s, Py_ssize_t at) except -1

@cython.locals(window=bytes, length=cython.Py_ssize_t, kind=cython.Py_ssize_t)
cdef bint _is_mqtt_sn(Segment s, Py_ssize_t at) except -1

@cython.locals(kind=cython.int, error=cython.bint)
cdef int icmp(Segment s, bint six) except -1
