cimport cython

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)  # missing in Cython's own declarations

@cython.final
cdef class IntegerArray:
    cdef long long *at
    cdef Py_ssize_t size

cpdef long long u16(bytes data, Py_ssize_t at, bint big) except -1

@cython.locals(a=cython.longlong, b=cython.longlong, c=cython.longlong, d=cython.longlong)
cpdef long long u32(bytes data, Py_ssize_t at, bint big) except -1

cdef bytes _HEX

@cython.locals(size=cython.int, index=cython.int, byte=cython.uint)
cpdef str format_ipv4(bytes address)

@cython.locals(index=cython.int, byte=cython.uint)
cpdef str format_mac(bytes address)

@cython.locals(at=cython.p_char)
cpdef bytes cut(bytes data, Py_ssize_t start, Py_ssize_t stop)

# Single unchecked loads, for loops that have checked the bounds already
cdef inline long long little32(const unsigned char *data, Py_ssize_t at) noexcept nogil:
    return <unsigned int>(data[at] | data[at + 1] << 8 | data[at + 2] << 16 | <unsigned int>data[at + 3] << 24)

cdef inline long long big32(const unsigned char *data, Py_ssize_t at) noexcept nogil:
    return <unsigned int>(data[at + 3] | data[at + 2] << 8 | data[at + 1] << 16 | <unsigned int>data[at] << 24)

cdef inline int big16(const unsigned char *data, Py_ssize_t at) noexcept nogil:
    return data[at] << 8 | data[at + 1]
