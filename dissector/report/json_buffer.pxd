cimport cython

cdef Py_ssize_t _BUFFER_SIZE
cdef long long _LARGEST
cdef bytes _ESCAPED

@cython.final
cdef class JsonBuffer:
    cdef readonly bint unusable
    cdef readonly Py_ssize_t used
    cdef Py_ssize_t start
    cdef char buffer[65536]
    cdef char reverse[20]
    cdef list parts
    cdef list lines
    cpdef begin(self)
    @cython.locals(source="const char *", size=Py_ssize_t)
    cdef put(self, str text)
    @cython.locals(source="const unsigned char *")
    cdef quoted(self, str text)
    cdef quoted_bytes(self, bytes text)
    @cython.locals(rest=cython.ulonglong, at=cython.int)
    cdef number(self, long long value)
    cdef padded(self, long long value, int size)
    @cython.locals(nanoseconds=cython.longlong, whole=cython.longlong, rest=cython.longlong, size=cython.int)
    cdef seconds(self, double value)
    cpdef bytes done(self)
    cpdef bint keep(self) except -1
    @cython.locals(size=Py_ssize_t)
    cpdef bint add(self, bytes line) except -1
    @cython.locals(size=Py_ssize_t)
    cpdef bytes take(self)
    @cython.locals(at=Py_ssize_t)
    cdef _digits(self, unsigned long long value, int size)
    @cython.locals(at=Py_ssize_t, index=Py_ssize_t, escaped="const unsigned char *")
    cdef _quoted(self, const unsigned char *source, Py_ssize_t size)
