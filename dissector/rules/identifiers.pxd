cimport cython

@cython.locals(low=str)
cpdef bint remarkable(str text) except -1
@cython.locals(low=str, digits=str)
cpdef identifier(str text, str own_mac)
cdef bint _holds(str low, str mac) except -1
