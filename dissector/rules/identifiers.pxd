cimport cython
from dissector.activity.profile cimport Profile
from dissector.connections.record cimport ConnectionRecord

cdef int _SHORTEST
cdef tuple _MARKERS

@cython.locals(low=str, marker=str, char=cython.Py_UCS4, digits=cython.int)
cpdef bint may_hold_identifier(str text) except -1
@cython.locals(texts=str)
cpdef bint profile_may_hold_identifier(Profile profile, ConnectionRecord record) except -1
@cython.locals(low=str, digits=str)
cpdef identifier(str text, str own_mac)
cdef bint _contains(str low, str mac) except -1
