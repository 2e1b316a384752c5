cimport cython

cpdef long long u16(bytes data, Py_ssize_t at, bint big) except -1

@cython.locals(a=cython.longlong, b=cython.longlong, c=cython.longlong, d=cython.longlong)
cpdef long long u32(bytes data, Py_ssize_t at, bint big) except -1
