cimport cython

@cython.locals(pointer="const unsigned char *", letters="const unsigned char *", size=Py_ssize_t, last=Py_ssize_t, at=Py_ssize_t, matched=Py_ssize_t, step=Py_ssize_t, byte=cython.int, other=cython.int)
cpdef bint contains(data, Py_ssize_t stop, bytes word) except -1
@cython.locals(at=Py_ssize_t, size=Py_ssize_t)
cpdef bint tls_begins(bytes data, Py_ssize_t start, Py_ssize_t stop) except -1
cpdef bint proxy_begins(data) except -1
cpdef bint upgrade_begins(data, Py_ssize_t size) except -1
cpdef bint asks_for_upgrade(data) except -1
@cython.locals(start=Py_ssize_t, end=Py_ssize_t, short=Py_ssize_t)
cpdef Py_ssize_t head_size(data, Py_ssize_t searched=*) except -1
