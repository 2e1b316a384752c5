cimport cython

cdef int _LENGTH_BITS, _INCOMPLETE, _ENDLESS
cdef long long _LENGTH_MASK

@cython.final
cdef class Reader:
    cdef public bytes data
    cdef readonly Py_ssize_t pos
    cdef readonly Py_ssize_t end
    cdef readonly int packet_type
    cdef readonly bint broken
    cdef readonly tuple defects
    cdef readonly tuple secrets
    cdef begin(self, bytes data, Py_ssize_t pos, Py_ssize_t end, int packet_type)
    cpdef defect(self, kind, Py_ssize_t offset, Py_ssize_t length, seen=*, field=*)
    cpdef secret(self, Py_ssize_t offset, Py_ssize_t length)
    cpdef Py_ssize_t left(self) except? -1
    @cython.locals(value=cython.longlong, index=Py_ssize_t)
    cpdef long long integer(self, int size, str field) except *
    cpdef stop_here(self, Py_ssize_t unread)
    cpdef trailing(self)
    cpdef overrun(self, str field, Py_ssize_t wanted)
    @cython.locals(found=cython.longlong)
    cpdef long long variable(self, str field) except *
    @cython.locals(start=Py_ssize_t)
    cpdef bytes block(self, str field)
    @cython.locals(size=Py_ssize_t, start=Py_ssize_t)
    cdef Py_ssize_t skip_block(self, str field) except? -1

@cython.locals(value=cython.longlong, index=cython.int, byte=cython.longlong)
cpdef long long variable_at(bytes data, Py_ssize_t at, Py_ssize_t stop) except? -3
cpdef int minimal_size(long long value) except -1
@cython.locals(plain=cython.bint, index=Py_ssize_t, byte=cython.int, code=cython.int)
cpdef int text_problem(bytes data, Py_ssize_t start, Py_ssize_t stop) except -1
