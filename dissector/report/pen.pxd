cimport cython

cdef Py_ssize_t _ROOM
cdef long long _LARGEST

@cython.final
cdef class Pen:
    cdef public bint spoilt
    cdef Py_ssize_t used
    cdef char room[65536]
    cdef list parts
    cpdef begin(self)
    @cython.locals(source="const char *", size=Py_ssize_t)
    cdef put(self, str text)
    @cython.locals(source="const char *")
    cdef quoted(self, str text)
    cdef quoted_bytes(self, bytes text)
    @cython.locals(rest=cython.ulonglong, size=cython.int)
    cdef number(self, long long value)
    cdef padded(self, long long value, int size)
    @cython.locals(nanoseconds=cython.longlong, whole=cython.longlong, rest=cython.longlong, size=cython.int)
    cdef seconds(self, double value)
    cpdef bytes done(self)
    @cython.locals(at=Py_ssize_t)
    cdef _digits(self, unsigned long long value, int size)
    @cython.locals(at=Py_ssize_t, index=Py_ssize_t, char=cython.schar)
    cdef _quoted(self, const char *source, Py_ssize_t size)
