cimport cython

@cython.locals(at=Py_ssize_t, size=Py_ssize_t)
cpdef bint tls_begins(bytes data, Py_ssize_t start, Py_ssize_t stop) except -1
cpdef bint proxy_begins(data) except -1
cpdef bint upgrade_begins(data, Py_ssize_t size) except -1
cpdef bint asks_for_upgrade(data) except -1
cpdef Py_ssize_t head_size(data, Py_ssize_t searched=*) except -1
