cimport cython

cdef tuple _keyed_hash
cdef bytes _CLASS_OF_BYTE
cdef list _CLASS_NAMES

@cython.locals(present=cython.int, index=Py_ssize_t)
cpdef str character_classes(bytes secret)
@cython.locals(keyed_hash=tuple)
cpdef str fingerprint(bytes secret, bytes key)
