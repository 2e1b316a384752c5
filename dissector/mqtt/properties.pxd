cimport cython
from dissector.mqtt.fields cimport Reader

cdef dict _known, _PROPERTIES
cdef int _CONNECT, _BYTE, _U16, _U32, _STRING, _STRING_PAIR, _BINARY, _USER_PROPERTY_ID, _RESPONSE_TOPIC
cdef Py_ssize_t _KNOWN_SECTIONS, _KNOWN_BYTES
cdef frozenset _BOOLEAN, _NONZERO

cpdef tuple read_properties(Reader reader, int place, str length_field)
@cython.locals(start=Py_ssize_t, stop=Py_ssize_t, length=cython.longlong, certain=Py_ssize_t, hidden=Py_ssize_t, key=tuple, known=tuple, made=tuple, found=list)
cdef tuple _section(Reader reader, int place, str length_field)
@cython.locals(start=Py_ssize_t, packet_end=Py_ssize_t, size=Py_ssize_t, identifier=cython.longlong)
cdef _property(Reader reader, int place, Py_ssize_t stop, set seen)
@cython.locals(size=cython.int, problem=cython.int)
cdef _value(Reader reader, int kind, str name, Py_ssize_t start, Py_ssize_t stop)
@cython.locals(size=Py_ssize_t)
cdef bytes _block(Reader reader, str name)
cdef _range(Reader reader, int place, long long identifier, str name, value, Py_ssize_t start, Py_ssize_t size)
