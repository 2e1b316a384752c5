cimport cython
from dissector.mqtt.fields cimport Reader

cpdef tuple read_properties(Reader reader, int place, str length_field)
@cython.locals(start=Py_ssize_t, stop=Py_ssize_t, length=cython.longlong)
cdef tuple _section(Reader reader, int place, str length_field)
@cython.locals(start=Py_ssize_t, whole=Py_ssize_t, size=Py_ssize_t, identifier=cython.longlong)
cdef _property(Reader reader, int place, Py_ssize_t stop, set seen)
@cython.locals(size=cython.int, problem=cython.int)
cdef _value(Reader reader, int kind, str name, Py_ssize_t start, Py_ssize_t stop)
@cython.locals(size=Py_ssize_t)
cdef bytes _block(Reader reader)
cdef _range(Reader reader, int place, long long identifier, str name, value, Py_ssize_t start, Py_ssize_t size)
