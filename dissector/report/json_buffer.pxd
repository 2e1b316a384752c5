cimport cython

cdef extern from *:
    """
    static CYTHON_INLINE PyObject *json_member(PyObject *descriptor, PyObject *record) {
        return Py_TYPE(descriptor)->tp_descr_get(descriptor, record, (PyObject *)Py_TYPE(record));
    }
    """
    object json_member(object descriptor, object record)  # what a data descriptor holds

cdef Py_ssize_t _FIRST_SIZE
cdef Py_ssize_t _LARGEST_KEPT
cdef Py_ssize_t _NUMBER_SIZE
cdef bytes _CLASS
cdef unsigned long long _ONES, _HIGH_BITS, _SPACES, _QUOTATION_MARKS, _BACKSLASHES, _DELETES

@cython.final
cdef class JsonBuffer:
    cdef readonly Py_ssize_t used
    cdef Py_ssize_t size
    cdef bytearray data
    cdef char *at
    cdef _grow(self, Py_ssize_t more)
    @cython.locals(size=Py_ssize_t)
    cdef put(self, bytes piece)
    @cython.locals(source="const unsigned char *")
    cdef bint quoted(self, str text) except -1
    @cython.locals(rest=cython.ulonglong, limit=cython.ulonglong, size=cython.int)
    cdef number(self, long long value)
    cdef padded(self, long long value, int size)
    @cython.locals(nanoseconds=cython.longlong, whole=cython.longlong, rest=cython.longlong, size=cython.int)
    cdef real(self, double value)
    cdef drop(self, Py_ssize_t start)
    cdef bytes copy_from(self, Py_ssize_t start)
    cpdef bytes take_from(self, Py_ssize_t start)
    cpdef bytes take(self)
    @cython.locals(at=Py_ssize_t)
    cdef _digits(self, unsigned long long value, int size)
    @cython.locals(at=Py_ssize_t)
    cdef bint _quoted(self, const unsigned char *source, Py_ssize_t size) except -1
    @cython.locals(index=Py_ssize_t, marks=Py_ssize_t, found=cython.int, classes="const unsigned char *", at=Py_ssize_t)
    cdef bint _escaped(self, const unsigned char *source, Py_ssize_t size) except -1

@cython.locals(index=Py_ssize_t, found=cython.ulonglong, word=cython.ulonglong)
cdef bint _is_plain(const unsigned char *source, Py_ssize_t size) noexcept
